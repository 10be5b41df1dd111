import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { telemetryRaw } from '@valtronics/contract';
import { call, type ResultOf } from '../api/call.ts';
import { endpointKey } from '../api/query-keys.ts';

export interface PointInTime {
  /** Seconds since 1970. */
  readonly time: number;
  readonly value: number;
}

interface Wanted {
  deviceId: string;
  metric: string;
  /** When the server confirmed that it tells of new points; undefined until then. */
  subscribedAt: number | undefined;
  /** Up to where the curve is known without this; undefined while that is being read. */
  knownUntil: number | undefined;
  maxPoints: number;
}

// A device whose clock is a little ahead.
const aheadMs = 60_000;
const none: readonly PointInTime[] = [];

/**
 * What was measured after the history ends and before the live subscription began. The history is made of rollups, which follow the
 * points by a moment, so the points themselves are read: whatever was not told live is among them as soon as the subscription is
 * confirmed. Once for each confirmation is enough, because from then on everything is heard.
 */
export function useMissedPoints({ deviceId, metric, subscribedAt, knownUntil, maxPoints }: Wanted) {
  const { data = none } = useQuery({
    queryKey: endpointKey(telemetryRaw, { deviceId, metric, subscribedAt }),
    queryFn: async ({ signal }) => {
      const from = new Date(knownUntil ?? 0).toISOString();
      const to = new Date(Date.now() + aheadMs).toISOString();
      return numbersOf(await call(telemetryRaw, { query: { deviceId, metric, from, to, maxPoints } }, signal));
    },
    enabled: subscribedAt !== undefined && knownUntil !== undefined,
    staleTime: 'static',
    placeholderData: keepPreviousData,
  });
  return data;
}

const numbersOf = ({ items }: ResultOf<typeof telemetryRaw>): readonly PointInTime[] =>
  items.flatMap(({ timestamp, value }) =>
    typeof value === 'number' ? [{ time: Date.parse(timestamp) / 1000, value }] : [],
  );
