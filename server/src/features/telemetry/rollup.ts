import { addToSketch, binOf, createSketch, decodeSketch, encodeSketch, type Sketch } from './sketch.ts';

export interface RollupKey {
  readonly seriesId: number;
  readonly startMicros: number;
}

/** A bucket as the table holds it. */
export interface RollupRow extends RollupKey {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly sketch: Buffer;
  /** Of class health: the four figures, and nothing is where they were. */
  readonly sealed: Buffer | null;
  /** Whose key they are sealed with; null: the organisation's. */
  readonly subject: string | null;
}

export interface LatestState {
  readonly seriesId: number;
  firstMicros: number;
  atMicros: number;
  num: number | null;
  txt: string | null;
}

/** A bucket that is being added to. */
export interface OpenBucket {
  readonly startMicros: number;
  count: number;
  sum: number;
  min: number;
  max: number;
  readonly sketch: Sketch;
  /** Holds what the table does not have yet. */
  changed: boolean;
}

export function emptyBucket(startMicros: number): OpenBucket {
  return {
    startMicros,
    count: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    sketch: createSketch(),
    changed: false,
  };
}

export function openBucket(row: RollupRow): OpenBucket {
  const { startMicros, count, sum, min, max } = row;
  return { startMicros, count, sum, min, max, sketch: decodeSketch(row.sketch), changed: false };
}

export function addToBucket(bucket: OpenBucket, value: number, bin = binOf(value)): void {
  bucket.count += 1;
  bucket.sum = boundedSum(bucket.sum + value);
  if (value < bucket.min) bucket.min = value;
  if (value > bucket.max) bucket.max = value;
  addToSketch(bucket.sketch, value, bin);
  bucket.changed = true;
}

/** A sum beyond the largest number stays there: an answer in JSON holds no infinity. */
export function boundedSum(sum: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, sum));
}

export function rowOf(seriesId: number, bucket: OpenBucket): RollupRow {
  const { startMicros, count, sum, min, max } = bucket;
  return {
    seriesId,
    startMicros,
    count,
    sum,
    min,
    max,
    sketch: encodeSketch(bucket.sketch),
    sealed: null,
    subject: null,
  };
}
