import { expect, it } from 'vitest';
import { asCurve, lastTold } from './use-series.ts';

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

it('shows a point that was both read and heard once, in the order of time', () => {
  const points = [
    { time: 990, value: 21 },
    { time: 960, value: 20 },
    { time: 960, value: 20 },
  ];
  expect(asCurve(history, points, undefined)).toMatchObject({ times: [0, 900, 960, 990], values: [10, 11, 20, 21] });
});

it('knows history to tell up to its last point, or to the start of the bucket that is still filling', () => {
  expect(lastTold(history)).toBe(900_000);
  expect(lastTold({ ...history, interval: 'raw', points: [{ timestamp: at(960), value: 20 }] })).toBe(960_000);
  expect(lastTold({ ...history, buckets: [] })).toBeUndefined();
});
