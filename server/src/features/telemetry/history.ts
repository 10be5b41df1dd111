import type { Aggregation, Bucket, Interval } from '@valtronics/contract';
import { boundedSum } from './rollup.ts';
import { addToSketch, createSketch, decodeSketch, mergeSketch, quantile, type Sketch } from './sketch.ts';
import type { RollupPart } from './telemetry.repository.ts';
import { timestampText } from './timestamp.ts';

const SECOND_MICROS = 1_000_000;
export const intervalMicros: Readonly<Record<Interval, number>> = {
  '1m': 60 * SECOND_MICROS,
  '5m': 300 * SECOND_MICROS,
  '15m': 900 * SECOND_MICROS,
  '1h': 3600 * SECOND_MICROS,
  '1d': 86_400 * SECOND_MICROS,
};

/** What an interval is made of: whole minutes or whole hours. */
export const tableOf = (interval: Interval) => (interval === '1h' || interval === '1d' ? 'rollups_1h' : 'rollups_1m');

export function bucketsIn(fromMicros: number, toMicros: number, interval: Interval): number {
  const width = intervalMicros[interval];
  return Math.ceil(toMicros / width) - Math.floor(fromMicros / width);
}

/** The finest interval that needs no more than so many buckets; the coarsest if none does. */
export function fittingInterval(fromMicros: number, toMicros: number, maxBuckets: number): Interval {
  const intervals = Object.keys(intervalMicros) as Interval[];
  return intervals.find((interval) => bucketsIn(fromMicros, toMicros, interval) <= maxBuckets) ?? '1d';
}

/** Figures of any number of points, however they are split into rollups and single ones. */
export interface Figures {
  count: number;
  sum: number;
  min: number;
  max: number;
  readonly sketch: Sketch;
}

export function emptyFigures(): Figures {
  return {
    count: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    sketch: createSketch(),
  };
}

export function addRollup(figures: Figures, part: RollupPart): void {
  figures.count += part.count;
  figures.sum = boundedSum(figures.sum + part.sum);
  figures.min = Math.min(figures.min, part.min);
  figures.max = Math.max(figures.max, part.max);
  if (part.sketch) mergeSketch(figures.sketch, decodeSketch(part.sketch));
}

export function addValue(figures: Figures, value: number): void {
  figures.count += 1;
  figures.sum = boundedSum(figures.sum + value);
  figures.min = Math.min(figures.min, value);
  figures.max = Math.max(figures.max, value);
  addToSketch(figures.sketch, value);
}

export type BucketFigures = Omit<Bucket, 'timestamp'>;

/** As the contract shows them; with `only`, nothing but that aggregation and the count. */
export function shown(figures: Figures, only: Aggregation | undefined): BucketFigures {
  const { count, sum, min, max, sketch } = figures;
  // Texts are counted, and have neither least nor greatest.
  const when = (name: Aggregation, value: () => number | null) =>
    count > 0 && min <= max && (only === undefined || only === name) ? value() : null;
  const within = (value: number | null) => (value === null ? null : Math.min(max, Math.max(min, value)));
  return {
    count,
    avg: when('avg', () => sum / count),
    min: when('min', () => min),
    max: when('max', () => max),
    sum: when('sum', () => sum),
    p50: when('p50', () => within(quantile(sketch, 0.5))),
    p95: when('p95', () => within(quantile(sketch, 0.95))),
  };
}

export const needsSketch = (only: Aggregation | undefined) => only === undefined || only === 'p50' || only === 'p95';

/** Rollups, in order of time, joined to buckets of the interval. Buckets without points are left out. */
export function bucketsOf(parts: readonly RollupPart[], interval: Interval, only: Aggregation | undefined): Bucket[] {
  const width = intervalMicros[interval];
  const buckets: Bucket[] = [];
  let start = Number.NaN;
  let figures = emptyFigures();
  const finish = () => {
    if (figures.count > 0) buckets.push({ timestamp: timestampText(start), ...shown(figures, only) });
  };
  for (const part of parts) {
    const own = part.startMicros - (part.startMicros % width);
    if (own !== start) {
      finish();
      start = own;
      figures = emptyFigures();
    }
    addRollup(figures, part);
  }
  finish();
  return buckets;
}
