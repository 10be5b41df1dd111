import { expect, it } from 'vitest';
import { asCurve } from './use-series.ts';

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const bucket = (seconds: number, avg: number) => ({
  timestamp: at(seconds),
  count: 60,
  avg,
  min: avg - 1,
  max: avg + 1,
  sum: avg * 60,
  p50: avg,
  p95: avg,
});
const history = {
  deviceId: '0190a000-0000-7000-8000-000000000000',
  metric: 'temperature',
  unit: null,
  interval: '15m' as const,
  relativeError: 0.01,
  buckets: [bucket(0, 10), bucket(900, 11)],
  points: [],
};

it('shows a fresh point at once, not when the bucket it falls into has ended', () => {
  const { times, values } = asCurve(history, [{ time: 960, value: 20 }], undefined);
  expect(times).toEqual([0, 900, 960]);
  expect(values).toEqual([10, 11, 20]);
});

it('leaves live points out that lie in what the history has told, and of anything but an average', () => {
  expect(asCurve(history, [{ time: 300, value: 20 }], 'avg').times).toEqual([0, 900]);
  expect(asCurve(history, [{ time: 960, value: 20 }], 'max').times).toEqual([0, 900]);
});
