import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type Device, devicesList, type LatestValue, type Page, telemetryLatest } from '@valtronics/contract';
import { useCallback, useEffect } from 'react';
import { call } from '../../api/call.ts';
import { touches } from '../../api/query-keys.ts';
import { useMay } from '../../api/session.ts';
import { sparklines } from '../../api/sparkline-store.ts';
import { latestValues } from '../../live/latest-values.ts';
import { useLive } from '../../live/live-provider.tsx';
import { spanSeconds } from '../../ui/time/time-range.ts';
import { useTimeRange } from '../../ui/time/use-time-range.ts';

const pagesAtMost = 3;

async function readLatest(signal: AbortSignal): Promise<LatestValue[]> {
  const all: LatestValue[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < pagesAtMost; page++) {
    const answer = await call(telemetryLatest, { query: { limit: 10_000, cursor } }, signal);
    all.push(...answer.items);
    if (!answer.nextCursor) break;
    cursor = answer.nextCursor;
  }
  return all;
}

interface Pages {
  pages: Page<Device>[];
}
const replaceIn = (data: unknown, device: Device): unknown => {
  const { pages } = (data ?? {}) as Partial<Pages>;
  if (!pages?.some(({ items }) => items.some(({ id }) => id === device.id))) return data;
  const swap = (items: Device[]) => items.map((other) => (other.id === device.id ? device : other));
  return { ...(data as object), pages: pages.map((page) => ({ ...page, items: swap(page.items) })) };
};

/** Up to three hours the server's curves have a point every five minutes, beyond one an hour: too few for a picture of six. */
const curveHours = (seconds: number) => {
  const hours = Math.max(1, Math.round(seconds / 3600));
  return hours <= 12 ? Math.min(3, hours) : Math.min(48, hours);
};

/** Keeps last values and device rows of a fleet list current, and loads the curves of the rows on the screen. */
export function useFleetLive() {
  const client = useQueryClient();
  const mayReadTelemetry = useMay('telemetry:read');
  const [range] = useTimeRange();
  const hours = curveHours(spanSeconds(range));
  const { data } = useQuery({
    queryKey: [telemetryLatest.path, 'fleet'],
    queryFn: ({ signal }) => readLatest(signal),
    enabled: mayReadTelemetry,
    staleTime: 60_000,
  });
  useEffect(() => {
    if (data) latestValues.take(data);
  }, [data]);
  useLive('telemetry', ({ points }) => latestValues.take(points), { enabled: mayReadTelemetry });
  useLive('devices', ({ device }) => {
    client.setQueriesData({ predicate: ({ queryKey }) => queryKey[0] === devicesList.path }, (before: unknown) =>
      replaceIn(before, device),
    );
    void client.invalidateQueries({ predicate: touches('/devices/summary') });
  });
  const onVisible = useCallback(
    (rows: readonly { id: string }[]) => {
      if (mayReadTelemetry) {
        sparklines.want(
          rows.map(({ id }) => id),
          hours,
        );
      }
    },
    [hours, mayReadTelemetry],
  );
  return { onVisible, hours };
}
