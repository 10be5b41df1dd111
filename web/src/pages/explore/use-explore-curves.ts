import { keepPreviousData, useQueries } from '@tanstack/react-query';
import { type Aggregation, telemetryHistory, telemetryRaw } from '@valtronics/contract';
import { useMemo } from 'react';
import { call } from '../../api/call.ts';
import { asProblem } from '../../api/problem-error.ts';
import { endpointKey } from '../../api/query-keys.ts';
import { asCurve, type History } from '../../live/use-series.ts';
import type { Curve } from '../../ui/charts/chart-data.ts';
import type { Explorable, SeriesKey } from './explore-state.ts';

const rawPoints = 3000;

interface Wanted {
  series: readonly SeriesKey[];
  names: ReadonlyMap<string, string>;
  from: number;
  to: number;
  interval: Explorable;
  aggregation: Aggregation;
}

/** The curves of up to eight series, aggregated or as they were sent. */
export function useExploreCurves({ series, names, from, to, interval, aggregation }: Wanted) {
  const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  const pixels = Math.max(300, Math.min(2000, Math.round(window.innerWidth)));
  const read = async (key: SeriesKey, signal: AbortSignal): Promise<History> => {
    if (interval !== 'raw')
      return call(telemetryHistory, { query: { ...key, ...range, interval, maxPoints: pixels } }, signal);
    const answer = await call(telemetryRaw, { query: { ...key, ...range, maxPoints: rawPoints } }, signal);
    return { ...key, unit: answer.unit, interval: 'raw', relativeError: 0, buckets: [], points: answer.items };
  };
  const answers = useQueries({
    queries: series.map((key) => ({
      queryKey: endpointKey(telemetryHistory, { ...key, ...range, interval, pixels }),
      queryFn: ({ signal }: { signal: AbortSignal }) => read(key, signal),
      placeholderData: keepPreviousData,
      staleTime: 5000,
    })),
  });
  const stamp = answers.map(({ dataUpdatedAt }) => dataUpdatedAt).join();
  const nameStamp = series.map(({ deviceId }) => names.get(deviceId)).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the stamps say when answers or names changed
  const curves = useMemo(
    () =>
      series.map((key, index): Curve => {
        const data = answers[index]?.data;
        const curve = asCurve(data, [], aggregation);
        return {
          ...curve,
          // Eight bands over one another say nothing.
          ...(series.length > 2 ? { low: undefined, high: undefined } : {}),
          label: `${names.get(key.deviceId) ?? '…'} ${key.metric}`,
          unit: aggregation === 'count' ? 'points' : (data?.unit ?? null),
          colour: index + 1,
        };
      }),
    [series, stamp, nameStamp, aggregation],
  );
  const failed = answers.find(({ error }) => error);
  return {
    curves,
    answers: answers.map(({ data }) => data),
    isPending: answers.some(({ isPending }) => isPending),
    error: failed?.error ? asProblem(failed.error) : null,
    refetch: () => {
      for (const answer of answers) void answer.refetch();
    },
  };
}
