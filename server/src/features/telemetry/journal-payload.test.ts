import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSink, written } from './bytes.ts';
import type { CommittedPoint, SeriesKey } from './committed.ts';
import { readJournalPayload, writeJournalPayload } from './journal-payload.ts';

const series = fc
  .record({ id: fc.integer({ min: 1, max: 50 }), type: fc.constantFrom(0, 1, 2) })
  .map(({ id, type }) => {
    const valueType = (['number', 'boolean', 'string'] as const)[type] ?? 'number';
    // The type belongs to the series: an id of its own for each.
    const key = { organisationId: 1, deviceId: '', metric: 'm', unit: null, health: false, valueType };
    return { ...key, id: id * 3 + type } satisfies SeriesKey;
  });
const value = (of: SeriesKey) =>
  of.valueType === 'number'
    ? fc.double({ noNaN: true, noDefaultInfinity: true })
    : of.valueType === 'boolean'
      ? fc.boolean()
      : fc.string({ unit: 'grapheme', maxLength: 50 });
const points = fc.array(
  series.chain((of) =>
    fc.record({
      series: fc.constant(of),
      atMicros: fc.integer({ min: 0, max: 4_102_444_800_000_000 }),
      value: value(of),
    }),
  ),
  { maxLength: 100 },
);

function encoded(list: readonly CommittedPoint[]): Buffer {
  const sink = createSink(16);
  writeJournalPayload(sink, list);
  return written(sink);
}

describe('the payload of a journal row', () => {
  it('gives back every point in its order, whatever the order', () => {
    fc.assert(
      fc.property(points, (list) => {
        expect(readJournalPayload(encoded(list))).toEqual(
          list.map((point) => ({ seriesId: point.series.id, atMicros: point.atMicros, value: point.value })),
        );
      }),
    );
  });

  it('takes about eleven bytes for a point of a steady series', () => {
    const of = { id: 70_000, organisationId: 1, deviceId: '', metric: 'm', unit: null, health: false } as const;
    const list = Array.from({ length: 1000 }, (_, second) => ({
      series: { ...of, valueType: 'number' as const },
      atMicros: 1_800_000_000_000_000 + second * 1_000_000,
      value: Math.sin(second),
    }));
    expect(encoded(list).length / list.length).toBeLessThan(12.2);
  });

  it('is refused when cut or of another version', () => {
    expect(() => readJournalPayload(Buffer.from([3]))).toThrow(/version/);
    expect(() => readJournalPayload(Buffer.from([1, 5, 0, 3, 2]))).toThrow(/ends in the middle/);
  });
});
