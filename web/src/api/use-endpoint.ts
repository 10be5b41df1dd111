import {
  keepPreviousData,
  type UseQueryOptions,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import type { Endpoint, Page } from '@valtronics/contract';
import { useMemo } from 'react';
import { call, type InputOf, type ResultOf } from './call.ts';
import { asProblem, type ProblemError } from './problem-error.ts';
import { endpointKey, touches } from './query-keys.ts';

type ReadOptions<T> = Omit<UseQueryOptions<T, ProblemError>, 'queryKey' | 'queryFn'> & { keepPrevious?: boolean };

/** Reads an endpoint and keeps the answer. */
export function useEndpoint<E extends Endpoint>(
  endpoint: E,
  input: InputOf<E>,
  { keepPrevious = false, ...options }: ReadOptions<ResultOf<E>> = {},
) {
  return useQuery<ResultOf<E>, ProblemError>({
    queryKey: endpointKey(endpoint, input),
    queryFn: ({ signal }) => call(endpoint, input, signal),
    ...(keepPrevious ? { placeholderData: keepPreviousData as never } : {}),
    ...options,
  });
}

type ItemOf<E extends Endpoint> = ResultOf<E> extends Page<infer T> ? T : never;

/** Reads a list page by page; `rows` is everything read so far. */
export function useEndpointPages<E extends Endpoint>(
  endpoint: E,
  input: InputOf<E>,
  options: { enabled?: boolean; refetchInterval?: number } = {},
) {
  const query = useInfiniteQuery({
    queryKey: [...endpointKey(endpoint, input), 'pages'],
    queryFn: async ({ pageParam, signal }) => {
      const given = input as { query?: object };
      const withCursor = { ...given, query: { ...given.query, cursor: pageParam } };
      return (await call(endpoint, withCursor as InputOf<E>, signal)) as Page<ItemOf<E>>;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
    ...options,
  });
  const { data } = query;
  const rows = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  const { isPending, isFetching, isPlaceholderData, hasNextPage, isFetchingNextPage } = query;
  return {
    rows,
    isPending,
    isFetching,
    isPlaceholderData,
    hasNextPage,
    isFetchingNextPage,
    error: query.error ? asProblem(query.error) : null,
    refetch: () => void query.refetch(),
    fetchNextPage: () => void query.fetchNextPage(),
  };
}

/** Changes something; every query at or below `stale` is read again afterwards. */
export function useChange<E extends Endpoint>(endpoint: E, stale: readonly string[]) {
  const client = useQueryClient();
  return useMutation<ResultOf<E>, ProblemError, InputOf<E>>({
    mutationFn: (input) => call(endpoint, input),
    // What was sent or answered may be a secret that is shown once: it goes with the dialog that shows it.
    gcTime: 0,
    onSuccess: () => {
      void client.invalidateQueries({ predicate: touches(...stale) });
    },
  });
}
