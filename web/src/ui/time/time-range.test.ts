import { expect, it } from 'vitest';
import { boundsOf, defaultRange, parseTimeRange, type TimeRange, withTimeRange } from './time-range.ts';

const read = (text: string) => parseTimeRange(new URLSearchParams(text));

it.each([
  { kind: 'last', key: 'live' },
  { kind: 'last', key: '30d' },
  { kind: 'fixed', from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 10, 2, 3, 4, 5, 678) },
] satisfies TimeRange[])('survives the query string: %o', (range) => {
  expect(parseTimeRange(withTimeRange(new URLSearchParams('range=7d&keep=1'), range))).toEqual(range);
});

it('keeps the rest of the query string and leaves no second range in it', () => {
  const fixed = withTimeRange(new URLSearchParams('metric=co2&range=1h'), { kind: 'fixed', from: 0, to: 1000 });
  expect(fixed.get('metric')).toBe('co2');
  expect(fixed.has('range')).toBe(false);
  expect(withTimeRange(fixed, { kind: 'last', key: '1h' }).toString()).toBe('metric=co2&range=1h');
});

it.each(['', 'range=2h', 'from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', 'from=yesterday&to=today'])(
  'falls back to the default for %j',
  (text) => {
    expect(read(text)).toEqual(defaultRange);
  },
);

it('ends a relative range now', () => {
  expect(boundsOf({ kind: 'last', key: '1h' }, 10_000_000)).toEqual({ from: 6_400_000, to: 10_000_000 });
});
