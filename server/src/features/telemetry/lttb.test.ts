import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thinned } from './lttb.ts';

const curve = (values: readonly number[]) => values.map((value, index) => ({ atMicros: index * 1_000_000, value }));

describe('thinning a curve', () => {
  it('gives exactly as many points as wanted, in order, out of those it was given, with both ends', () => {
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 3, maxLength: 500 });
    fc.assert(
      fc.property(values, fc.integer({ min: 3, max: 100 }), (list, wanted) => {
        const points = curve(list);
        const chosen = thinned(points, wanted);
        expect(chosen).toHaveLength(Math.min(wanted, points.length));
        expect(chosen[0]).toBe(points[0]);
        expect(chosen.at(-1)).toBe(points.at(-1));
        const places = chosen.map((point) => points.indexOf(point));
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
      }),
    );
  });

  it('keeps a single spike in a flat line', () => {
    const points = curve(Array.from({ length: 10_000 }, (_, index) => (index === 7321 ? 50 : 1)));
    expect(thinned(points, 100).some((point) => point.value === 50)).toBe(true);
  });
});
