import { expect, it } from 'vitest';
import { createLatestValues } from './latest-values.ts';

const reading = (deviceId: string, metric: string, second: number, value: number, unit?: string) => ({
  deviceId,
  metric,
  value,
  timestamp: `2026-11-25T10:00:${String(second).padStart(2, '0')}.000Z`,
  ...(unit ? { unit } : {}),
});

it('keeps the newest value of a series, whatever order points arrive in, and its unit', () => {
  const store = createLatestValues(() => {});
  store.take([reading('a', 't', 5, 2, '°C'), reading('a', 't', 3, 1), reading('a', 'h', 1, 40)]);
  store.take([reading('a', 't', 6, 3)]);
  expect(store.readings('a')).toEqual([
    { metric: 't', value: 3, unit: '°C', timestamp: '2026-11-25T10:00:06.000Z' },
    { metric: 'h', value: 40, unit: null, timestamp: '2026-11-25T10:00:01.000Z' },
  ]);
});

it('tells only the listeners of devices that changed, once for a burst', () => {
  let run = () => {};
  const store = createLatestValues((flush) => {
    run = flush;
  });
  const told: string[] = [];
  store.listen('a', () => told.push('a'));
  store.listen('b', () => told.push('b'));
  for (let second = 0; second < 10; second++) store.take([reading('a', 't', second, second)]);
  expect(told).toEqual([]);
  run();
  expect(told).toEqual(['a']);
});
