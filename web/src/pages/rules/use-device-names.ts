import { useQueries } from '@tanstack/react-query';
import { deviceGet } from '@valtronics/contract';
import { call } from '../../api/call.ts';
import { endpointKey } from '../../api/query-keys.ts';

const atMost = 50;

/** What the devices of these ids are called. */
export function useDeviceNames(ids: readonly string[]): ReadonlyMap<string, string> {
  const wanted = [...new Set(ids)].slice(0, atMost);
  const found = useQueries({
    queries: wanted.map((id) => ({
      queryKey: endpointKey(deviceGet, { params: { id } }),
      queryFn: ({ signal }: { signal: AbortSignal }) => call(deviceGet, { params: { id } }, signal),
      staleTime: 60_000,
    })),
  });
  return new Map(found.flatMap(({ data }) => (data ? [[data.id, data.name] as const] : [])));
}
