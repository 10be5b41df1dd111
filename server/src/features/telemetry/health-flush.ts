import type { Flush } from './flush.ts';
import type { HealthValues, SealedChunk } from './health-values.ts';
import { type MeasuredPersons, stretchesOf } from './measured-persons.ts';

/** What of a flush is sealed. Decided once: a series may be marked while the flush is being written. */
export interface SealedFlush {
  readonly series: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  /** By the place of the first point of a run. */
  readonly chunks: ReadonlyMap<number, readonly (SealedChunk & { readonly start: number })[]>;
}

const NOTHING: SealedFlush = { series: new Set(), days: new Set(), chunks: new Map() };

/** What a flush is sealed with. */
export interface FlushSeals {
  readonly health: Pick<HealthValues, 'seal'>;
  readonly persons: MeasuredPersons;
}

/**
 * Seals the values of class health, a message for each series, day and person measured (0009 says why not in the thread that feeds the database). A
 * flush without such series pays one comparison for each of them.
 */
export async function sealFlush({ points, days }: Flush, { health, persons }: FlushSeals): Promise<SealedFlush> {
  const runs = [...days].flatMap(([day, stretches]) =>
    stretches.flatMap(({ start, end }) => {
      const series = points[start]?.series;
      return series?.health ? [{ day, start, end, series }] : [];
    }),
  );
  if (runs.length === 0) return NOTHING;
  const measured = await persons.of(runs.map(({ series }) => series.deviceId));
  const chunks = new Map<number, (SealedChunk & { start: number })[]>();
  for (const { start: first, end, series } of runs) {
    const own: (SealedChunk & { start: number })[] = [];
    for (const stretch of stretchesOf(points, { start: first, end }, measured.get(series.deviceId) ?? [])) {
      for (let { start } = stretch; start < stretch.end; ) {
        const chunk = await health.seal(series, points, { ...stretch, start });
        own.push({ ...chunk, start });
        start = chunk.end;
      }
    }
    chunks.set(first, own);
  }
  return { series: new Set(runs.map(({ series }) => series.id)), days: new Set(runs.map(({ day }) => day)), chunks };
}
