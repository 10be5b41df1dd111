import { expect, it } from 'vitest';
import { aligned, type Curve, lonely, withGaps } from './chart-data.ts';

const curve = (times: number[], values: (number | null)[]): Curve => ({
  label: 'a',
  unit: null,
  colour: 1,
  times,
  values,
  step: 60,
});

it('breaks the line where nothing was measured, and only there', () => {
  const { times, values } = withGaps(curve([0, 60, 120, 600, 660], [1, 2, 3, 4, 5]));
  expect(times).toEqual([0, 60, 120, 360, 600, 660]);
  expect(values).toEqual([1, 2, 3, null, 4, 5]);
});

it('puts curves with different times on one axis without inventing values', () => {
  const [times, first, second] = aligned([curve([0, 60], [1, 2]), curve([30, 90], [5, 6])]);
  expect(times).toEqual([0, 30, 60, 90]);
  expect(first).toEqual([1, undefined, 2, undefined]);
  expect(second).toEqual([undefined, 5, undefined, 6]);
});

it('keeps a gap a gap, whatever other curves have in between', () => {
  const [times, first] = aligned([curve([0, 60, 600], [1, 2, 3]), curve([100, 400], [5, 6])]);
  expect(times).toEqual([0, 60, 100, 250, 330, 400, 600]);
  expect(first).toEqual([1, 2, null, null, null, null, 3]);
});

it('finds the points no line would show', () => {
  expect(lonely([1, null, 2, undefined, null, 3, undefined, 4, null])).toEqual([0, 2]);
  expect(lonely([undefined, 5])).toEqual([1]);
});
