import type { Endpoint } from '@valtronics/contract';

/** `['/devices/{id}', {params, query}]`: the path first, so that everything below a path can be made stale together. */
export const endpointKey = (endpoint: Pick<Endpoint, 'path'>, input?: unknown) =>
  input === undefined ? ([endpoint.path] as const) : ([endpoint.path, input] as const);

/** Matches every query whose path is one of these or lies below one. */
export const touches =
  (...paths: readonly string[]) =>
  (query: { queryKey: readonly unknown[] }): boolean => {
    const [path] = query.queryKey;
    return typeof path === 'string' && paths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
  };
