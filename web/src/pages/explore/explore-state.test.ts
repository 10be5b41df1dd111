import { expect, it } from 'vitest';
import { parseAggregation, parseInterval, parseSeries, seriesText } from './explore-state.ts';

const id = (digit: number) => `0000000${digit}-0000-7000-8000-000000000000`;

it('survives the address', () => {
  const series = [
    { deviceId: id(1), metric: 'temp.inlet-1' },
    { deviceId: id(2), metric: 'co2' },
  ];
  expect(parseSeries(seriesText(series))).toEqual(series);
});

it('leaves out what is broken or said twice, and takes at most eight', () => {
  const one = `${id(1)}~co2`;
  expect(parseSeries(`${one},${one},nonsense,${id(2)}~<b>`)).toEqual([{ deviceId: id(1), metric: 'co2' }]);
  expect(parseSeries(Array.from({ length: 12 }, (_, n) => `${id(1)}~m${n}`).join(','))).toHaveLength(8);
});

it('falls back for words it does not know', () => {
  expect([parseInterval('2h'), parseAggregation('mode')]).toEqual(['auto', 'avg']);
});
