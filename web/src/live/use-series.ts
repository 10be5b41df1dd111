import { type Bucket, type telemetryHistory as Declared, telemetryHistory } from '@valtronics/contract';
import { useMemo, useState } from 'react';
import type { ResultOf } from '../api/call.ts';
import { useEndpoint } from '../api/use-endpoint.ts';
import type { Curve } from '../ui/charts/chart-data.ts';
import { useLive } from './live-provider.tsx';
import { type PointInTime, useMissedPoints } from './use-missed-points.ts';

const intervalSeconds = { raw: 1, '1m': 60, '5m': 300, '15m': 900, '1h': 3600, '1d': 86_400 } as const;
const MAX_LIVE = 3_000;

interface Wanted {
  deviceId: string;
  metric: string;
  from: number;
  to: number;
  isLive: boolean;
  interval?: 'auto' | '1m' | '5m' | '15m' | '1h' | '1d' | undefined;
  aggregation?: 'avg' | 'min' | 'max' | 'sum' | 'count' | 'p50' | 'p95' | undefined;
}

export type History = ResultOf<typeof Declared>;

/** The history of one metric for a chart, continued by what comes in live. */
export function useSeries({ deviceId, metric, from, to, isLive, interval = 'auto', aggregation }: Wanted) {
  const pixels = Math.max(200, Math.min(2000, Math.round(window.innerWidth)));
  const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  const history = useEndpoint(
    telemetryHistory,
    { query: { deviceId, metric, ...range, interval, maxPoints: pixels } },
    { keepPrevious: true, staleTime: 2_000 },
  );
  const [live, setLive] = useState<readonly PointInTime[]>([]);
  const [subscribedAt, setSubscribedAt] = useState<number>();
  useLive(
    'telemetry',
    ({ points }) => {
      const fresh = points.flatMap(({ timestamp, value, metric: of }) =>
        of === metric && typeof value === 'number' ? [{ time: Date.parse(timestamp) / 1000, value }] : [],
      );
      if (fresh.length > 0) setLive((before) => [...before, ...fresh].slice(-MAX_LIVE));
    },
    { enabled: isLive, deviceId, metric, onSubscribed: () => setSubscribedAt(Date.now()) },
  );
  // After a lost connection history is read again first; what it then tells leaves less to ask for.
  const isSettled = history.isSuccess && !history.isFetching && !history.isPlaceholderData;
  const missed = useMissedPoints({
    deviceId,
    metric,
    subscribedAt: isLive ? subscribedAt : undefined,
    knownUntil: isSettled ? (lastTold(history.data) ?? from) : undefined,
    maxPoints: pixels,
  });
  const curve = useMemo(
    () => asCurve(history.data, isLive ? [...missed, ...live] : [], aggregation),
    [history.data, missed, live, isLive, aggregation],
  );
  return {
    curve,
    data: history.data,
    isPending: history.isPending,
    error: history.error,
    refetch: () => void history.refetch(),
  };
}

/** The moment of the last point, or of the start of the last bucket, that the history tells of. */
export function lastTold({ interval, points, buckets }: History): number | undefined {
  const last = (interval === 'raw' ? points : buckets).at(-1);
  return last && Date.parse(last.timestamp);
}

/** What the history says as a curve, continued by live points; what was both read and heard counts once. */
export function asCurve(
  data: History | undefined,
  live: readonly PointInTime[],
  aggregation: Wanted['aggregation'],
): Omit<Curve, 'colour'> {
  const known = data?.interval === 'raw' ? rawCurve(data) : bucketCurve(data, aggregation);
  const last = known.times.at(-1) ?? 0;
  // From the start of the bucket that is still filling on: its average stands at that start, and what was just measured must not wait
  // for it to end.
  const more = aggregation === undefined || aggregation === 'avg' ? live.filter(({ time }) => time > last) : [];
  const sorted = [...new Map(more.map((point) => [point.time, point])).values()].sort((a, b) => a.time - b.time);
  const nothing = sorted.map(({ value }) => value);
  return {
    label: data?.metric ?? '',
    unit: data?.unit ?? null,
    step: known.step,
    times: [...known.times, ...sorted.map(({ time }) => time)],
    values: [...known.values, ...nothing],
    ...(known.low && known.high ? { low: [...known.low, ...nothing], high: [...known.high, ...nothing] } : {}),
  };
}

interface Known {
  step: number;
  times: number[];
  values: (number | null)[];
  low?: (number | null)[];
  high?: (number | null)[];
}

function rawCurve(data: History): Known {
  const times = data.points.map(({ timestamp }) => Date.parse(timestamp) / 1000);
  const steps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  const median = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 60;
  const asNumber = (value: unknown): number | null =>
    typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : null;
  return { step: Math.max(1, median), times, values: data.points.map(({ value }) => asNumber(value)) };
}

function bucketCurve(data: History | undefined, aggregation: Wanted['aggregation'] = 'avg'): Known {
  const buckets = data?.buckets ?? [];
  const step = data ? intervalSeconds[data.interval] : 60;
  const times = buckets.map(({ timestamp }) => Date.parse(timestamp) / 1000);
  const pick = (key: keyof Omit<Bucket, 'timestamp'>) => buckets.map((bucket) => bucket[key]);
  if (aggregation !== 'avg') return { step, times, values: pick(aggregation) };
  return { step, times, values: pick('avg'), low: pick('min'), high: pick('max') };
}
