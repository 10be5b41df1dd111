import type { WaitingPoint } from './batch.ts';
import { DAY_MICROS, dayOf } from './timestamp.ts';

/** A stretch of one day in the points of a flush. */
interface DayRun {
  readonly start: number;
  readonly end: number;
}

/** Points in the order the table likes best, and which of them the flush itself has twice. */
export interface Flush {
  /** By series, then time; no key twice. */
  readonly points: WaitingPoint[];
  readonly days: ReadonlyMap<number, readonly DayRun[]>;
  readonly duplicates: WaitingPoint[];
  readonly conflicts: WaitingPoint[];
}

/** Sorted by key, a COPY touches each index page once; that is worth more than the sorting costs. */
export function arrange(waiting: readonly WaitingPoint[]): Flush {
  const flush: Flush = { points: [], days: new Map(), duplicates: [], conflicts: [] };
  const groups = new Map<number, WaitingPoint[]>();
  for (const point of waiting) {
    const group = groups.get(point.series.id);
    if (group) group.push(point);
    else groups.set(point.series.id, [point]);
  }
  const ids = Uint32Array.from(groups.keys()).sort();
  for (const id of ids) {
    const group = groups.get(id);
    if (group) append(flush, isAscending(group) ? group : withoutRepeats(group, flush));
  }
  return flush;
}

function isAscending(points: readonly WaitingPoint[]): boolean {
  let previous = Number.NEGATIVE_INFINITY;
  for (const { atMicros } of points) {
    if (atMicros <= previous) return false;
    previous = atMicros;
  }
  return true;
}

/** The first of a key stays. Times the server gave move out of the way: they are promised not to collide. */
function withoutRepeats(group: readonly WaitingPoint[], { duplicates, conflicts }: Flush): WaitingPoint[] {
  const byTime = new Map<number, WaitingPoint>();
  for (const point of group) {
    if (point.given) continue;
    const first = byTime.get(point.atMicros);
    if (!first) byTime.set(point.atMicros, point);
    else if (first.value === point.value) duplicates.push(point);
    else conflicts.push(point);
  }
  for (const point of group) {
    if (!point.given) continue;
    while (byTime.has(point.atMicros)) moveLater(point);
    byTime.set(point.atMicros, point);
  }
  return [...byTime.values()].sort((a, b) => a.atMicros - b.atMicros);
}

/** The next time this series has not given to anyone. */
function moveLater(point: WaitingPoint): void {
  const next = Math.max(point.atMicros, point.series.lastGivenMicros) + 1;
  point.series.lastGivenMicros = next;
  point.atMicros = next;
}

function append({ points, days }: Flush, group: readonly WaitingPoint[]): void {
  let start = points.length;
  let day = Number.NaN;
  let nextDay = Number.NEGATIVE_INFINITY;
  for (const point of group) {
    if (point.atMicros >= nextDay) {
      if (points.length > start) addRun(days, day, { start, end: points.length });
      day = dayOf(point.atMicros);
      nextDay = (day + 1) * DAY_MICROS;
      start = points.length;
    }
    points.push(point);
  }
  if (points.length > start) addRun(days, day, { start, end: points.length });
}

function addRun(days: Flush['days'], day: number, run: DayRun): void {
  const runs = days.get(day) as DayRun[] | undefined;
  if (runs) runs.push(run);
  else (days as Map<number, DayRun[]>).set(day, [run]);
}

export interface StoredValue {
  readonly num: number | null;
  readonly txt: string | null;
}

export const asStoredValue = (value: WaitingPoint['value']): StoredValue =>
  typeof value === 'string' ? { num: null, txt: value } : { num: Number(value), txt: null };

export interface Sorted {
  /** What the table does not have, in the order it came. */
  readonly rest: WaitingPoint[];
  readonly duplicates: WaitingPoint[];
  readonly conflicts: WaitingPoint[];
}

/**
 * Takes out what the table already has; `stored` finds a row by its key. Times the server gave move on instead. All points of a flush
 * are compared, also those that repeat each other: what is stored was there before any of them.
 */
export function withoutStored(
  waiting: readonly WaitingPoint[],
  stored: (seriesId: number, atMicros: number) => StoredValue | undefined,
): Sorted {
  const sorted: Sorted = { rest: [], duplicates: [], conflicts: [] };
  for (const point of waiting) {
    const row = stored(point.series.id, point.atMicros);
    if (row && point.given) moveLater(point);
    if (!row || point.given) sorted.rest.push(point);
    else if (isSame(point.value, row)) sorted.duplicates.push(point);
    else sorted.conflicts.push(point);
  }
  return sorted;
}

function isSame(value: WaitingPoint['value'], { num, txt }: StoredValue): boolean {
  return typeof value === 'string' ? value === txt : Number(value) === num;
}
