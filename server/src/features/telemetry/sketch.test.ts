import { sketchRelativeError } from '@valtronics/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addToSketch,
  createSketch,
  decodeSketch,
  encodeSketch,
  mergeSketch,
  quantile,
  type Sketch,
  sketchCount,
  sketchSize,
} from './sketch.ts';

const magnitude = fc.double({ min: 1e-6, max: 1e9, noNaN: true });
const number = fc.oneof(
  magnitude,
  magnitude.map((value) => -value),
  fc.constant(0),
);
const numbers = fc.array(number, { minLength: 1, maxLength: 300 });

function sketchOf(values: readonly number[]): Sketch {
  const sketch = createSketch();
  for (const value of values) addToSketch(sketch, value);
  return sketch;
}

const quantiles = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1];
const readings = (sketch: Sketch) => [sketchCount(sketch), ...quantiles.map((q) => quantile(sketch, q))];

describe('a sketch', () => {
  it('gives every quantile within the error the contract states, of numbers of any sign', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const sketch = sketchOf(values);
        const sorted = [...values].sort((a, b) => a - b);
        for (const q of quantiles) {
          const exact = sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
          const error = Math.abs((quantile(sketch, q) ?? Number.NaN) - exact);
          expect(error).toBeLessThanOrEqual(Math.abs(exact) * sketchRelativeError * (1 + 1e-9));
        }
      }),
    );
  });

  it('merged with another is the sketch of both', () => {
    fc.assert(
      fc.property(numbers, numbers, (one, other) => {
        const merged = sketchOf(one);
        mergeSketch(merged, sketchOf(other));
        expect(readings(merged)).toEqual(readings(sketchOf([...one, ...other])));
      }),
    );
  });

  it('comes back from its bytes the same', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const sketch = sketchOf(values);
        expect(readings(decodeSketch(encodeSketch(sketch)))).toEqual(readings(sketch));
      }),
    );
  });

  it('never grows beyond its bins, and then only the values nearest to zero get coarser', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 200 }), (values) => {
        const sketch = sketchOf([...values, 1e-300, 1e300, 5e-324, Number.MAX_VALUE, 7]);
        expect(sketchSize(sketch)).toBeLessThanOrEqual(2 * 2048);
        expect(sketchCount(sketch)).toBe(values.length + 5);
        expect(quantile(sketch, 1)).toBeGreaterThan(Number.MAX_VALUE * 0.98);
        expect(readings(decodeSketch(encodeSketch(sketch)))).toEqual(readings(sketch));
      }),
    );
  });

  it('of nothing has no quantile', () => {
    expect(quantile(createSketch(), 0.5)).toBeNull();
  });

  it('is refused when its bytes are cut or of another version', () => {
    const bytes = encodeSketch(sketchOf([1, 2, 3, -4]));
    expect(() => decodeSketch(bytes.subarray(0, bytes.length - 1))).toThrow(/ends in the middle/);
    expect(() => decodeSketch(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(/followed/);
    expect(() => decodeSketch(Buffer.from([9]))).toThrow(/version/);
  });

  it('of a minute of a steady signal takes little room', () => {
    const minute = sketchOf(Array.from({ length: 60 }, (_, second) => 21 + Math.sin(second / 10)));
    expect(encodeSketch(minute).length).toBeLessThan(40);
  });
});
