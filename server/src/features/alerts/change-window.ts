/**
 * The extreme of the last `spanMicros`, for "rises by" (the lowest) and "falls by" (the highest). A monotonic deque: a point that a
 * later one undercuts can never be the lowest again, so it is dropped, and the front is always the extreme. What stays is bounded:
 * over MAX_ENTRIES it is thinned to the first entry of each of 500 equal cells of the span. Thinning only forgets, so it never
 * invents a change; it can see one as if the span were 1/500 shorter.
 */
export interface ChangeWindow {
  /** Event times in microseconds, rising. */
  times: number[];
  /** Values: rising when the lowest is sought, falling when the highest is. */
  values: number[];
}

export const MAX_ENTRIES = 1_000;
const CELLS = 500;

export const emptyWindow = (): ChangeWindow => ({ times: [], values: [] });

/** Adds a point and returns how far its value is above the lowest (or below the highest) of the span that ends with it. */
export function change(
  window: ChangeWindow,
  seeks: 'lowest' | 'highest',
  spanMicros: number,
  at: number,
  value: number,
): number {
  const { times, values } = window;
  let expired = 0;
  while (expired < times.length && (times[expired] ?? 0) < at - spanMicros) expired += 1;
  if (expired > 0) {
    times.splice(0, expired);
    values.splice(0, expired);
  }
  const isObsolete =
    seeks === 'lowest' ? (kept: number): boolean => kept >= value : (kept: number): boolean => kept <= value;
  while (values.length > 0 && isObsolete(values[values.length - 1] ?? value)) {
    values.pop();
    times.pop();
  }
  times.push(at);
  values.push(value);
  if (times.length > MAX_ENTRIES) thin(window, spanMicros);
  const extreme = window.values[0] ?? value;
  return seeks === 'lowest' ? value - extreme : extreme - value;
}

function thin(window: ChangeWindow, spanMicros: number): void {
  const cellMicros = Math.max(1, spanMicros / CELLS);
  const times: number[] = [];
  const values: number[] = [];
  let lastCell = Number.NaN;
  window.times.forEach((time, index) => {
    const cell = Math.floor(time / cellMicros);
    if (cell === lastCell) return;
    lastCell = cell;
    times.push(time);
    values.push(window.values[index] ?? 0);
  });
  window.times = times;
  window.values = values;
}
