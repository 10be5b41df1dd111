import type { CommittedPoint, SeriesKey } from './committed.ts';
import { type LatestState, type OpenBucket, type RollupRow, rowOf } from './rollup.ts';
import { sketchSize } from './sketch.ts';

export const MINUTE_MICROS = 60_000_000;
export const HOUR_MICROS = 3_600_000_000;

export interface Level {
  readonly widthMicros: number;
  readonly buckets: Map<number, OpenBucket>;
  /** Those that are stored under a key that cannot be asked for now, while a flush is applied. */
  readonly locked: Set<number>;
}

export interface SeriesState {
  readonly seriesId: number;
  /** As the last point had it: a series may be marked, or be known by another object later. */
  series: SeriesKey;
  /** As stored, with what was added since; undefined: nothing is stored of this series. */
  latest: LatestState | undefined;
  /** The newest time that is stored: no bucket after its own can exist. */
  storedMicros: number;
  changed: boolean;
  readonly levels: readonly [Level, Level];
}

const KEPT_BUCKETS = 2;

export function emptyState(series: SeriesKey): SeriesState {
  return {
    seriesId: series.id,
    series,
    latest: undefined,
    storedMicros: Number.NEGATIVE_INFINITY,
    changed: false,
    levels: [
      { widthMicros: MINUTE_MICROS, buckets: new Map(), locked: new Set() },
      { widthMicros: HOUR_MICROS, buckets: new Map(), locked: new Set() },
    ],
  };
}

export function noteLatest(state: SeriesState, { atMicros, value }: CommittedPoint): void {
  const num = typeof value === 'string' ? null : Number(value);
  const txt = typeof value === 'string' ? value : null;
  const { latest } = state;
  if (!latest) {
    state.latest = { seriesId: state.seriesId, firstMicros: atMicros, atMicros, num, txt };
    state.changed = true;
    return;
  }
  if (atMicros < latest.firstMicros) {
    latest.firstMicros = atMicros;
    state.changed = true;
  }
  if (atMicros > latest.atMicros) {
    latest.atMicros = atMicros;
    latest.num = num;
    latest.txt = txt;
    state.changed = true;
  }
}

export function collect(state: SeriesState, level: 0 | 1, rows: RollupRow[]): void {
  const changed = [...state.levels[level].buckets.values()].filter((bucket) => bucket.changed);
  changed.sort((a, b) => a.startMicros - b.startMicros);
  for (const bucket of changed) rows.push(rowOf(state.seriesId, bucket));
}

/** All of them are stored now; only the newest are worth keeping. */
export function settle(buckets: Map<number, OpenBucket>): void {
  for (const bucket of buckets.values()) bucket.changed = false;
  if (buckets.size <= KEPT_BUCKETS) return;
  const starts = [...buckets.keys()].sort((a, b) => b - a);
  for (const start of starts.slice(KEPT_BUCKETS)) buckets.delete(start);
}

export function binsOf(state: SeriesState): number {
  let bins = 64;
  for (const { buckets } of state.levels) for (const { sketch } of buckets.values()) bins += sketchSize(sketch);
  return bins;
}
