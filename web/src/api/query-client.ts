import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { meGet } from '@valtronics/contract';
import { ProblemError } from './problem-error.ts';
import { endpointKey } from './query-keys.ts';

/** Reads are tried again when the server could not be reached or was busy; what it refused is not asked twice. */
const worthRetrying = (error: unknown) =>
  error instanceof ProblemError && (error.code === 'network' || error.status === 503 || error.status === 429);

export function createQueryClient() {
  // The session ended somewhere, or something is due before anything else: asking who is signed in again leads to the sign-in, or there.
  const askWhoIsSignedIn = (error: unknown) => {
    if (error instanceof ProblemError && (error.code === 'not_authenticated' || error.code === 'pending')) {
      void client.invalidateQueries({ queryKey: endpointKey(meGet) });
    }
  };
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        if (query.queryKey[0] !== endpointKey(meGet)[0]) askWhoIsSignedIn(error);
      },
    }),
    mutationCache: new MutationCache({ onError: askWhoIsSignedIn }),
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
