import { QueryCache, QueryClient } from '@tanstack/react-query';
import { meGet } from '@valtronics/contract';
import { ProblemError } from './problem-error.ts';
import { endpointKey } from './query-keys.ts';

/** Reads are tried again when the server could not be reached or was busy; what it refused is not asked twice. */
const worthRetrying = (error: unknown) =>
  error instanceof ProblemError && (error.code === 'network' || error.status === 503 || error.status === 429);

export function createQueryClient() {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        const isMe = query.queryKey[0] === endpointKey(meGet)[0];
        // The session ended somewhere: asking who is signed in again sends the page to the sign-in.
        if (!isMe && error instanceof ProblemError && error.code === 'not_authenticated') {
          void client.resetQueries({ queryKey: endpointKey(meGet) });
        }
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        gcTime: 300_000,
        refetchOnWindowFocus: false,
        retry: (failures, error) => failures < 2 && worthRetrying(error),
        retryDelay: (attempt, error) => {
          const asked = error instanceof ProblemError ? error.retryAfterSeconds : undefined;
          return asked === undefined ? 500 * 2 ** attempt : Math.min(asked, 10) * 1000;
        },
      },
    },
  });
  return client;
}
