import type uPlot from 'uplot';

/** One curve: seconds since 1970 and, for each, the value; `low` and `high` draw the band behind it. */
export interface Curve {
  readonly label: string;
  readonly unit: string | null;
  /** 1–8: which of the theme's series colours. */
  readonly colour: number;
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
  readonly low?: readonly (number | null)[] | undefined;
  readonly high?: readonly (number | null)[] | undefined;
  /** Seconds between neighbours; a longer silence is drawn as a gap. */
  readonly step: number;
}

const GAP_STEPS = 2.5;

/** Puts a null into every silence, so that the line breaks where nothing was measured. */
export function withGaps(curve: Curve): Curve {
  const times: number[] = [];
  const values: (number | null)[] = [];
  const low: (number | null)[] = [];
  const high: (number | null)[] = [];
  curve.times.forEach((time, index) => {
    const before = times.at(-1);
    if (before !== undefined && time - before > curve.step * GAP_STEPS) {
      times.push((before + time) / 2);
      values.push(null);
      low.push(null);
      high.push(null);
    }
    times.push(time);
    values.push(curve.values[index] ?? null);
    low.push(curve.low?.[index] ?? null);
    high.push(curve.high?.[index] ?? null);
  });
  return { ...curve, times, values, ...(curve.low ? { low, high } : {}) };
}

/** A gap reaches up to the curve's own next points: what other curves have in between must not bridge it. */
function spreadNulls(column: (number | null | undefined)[]): (number | null | undefined)[] {
  let isGap = false;
  const forwards = column.map((value) => {
    if (value !== undefined) isGap = value === null;
    return isGap ? null : value;
  });
  isGap = false;
  return forwards
    .reverse()
    .map((value) => {
      if (value !== undefined) isGap = value === null;
      return isGap ? null : value;
    })
    .reverse();
}

/** Curves on one time axis: undefined where a curve has no point of its own, which the line passes over. */
export function aligned(curves: readonly Curve[]): uPlot.AlignedData {
  const gapped = curves.map(withGaps);
  const times = [...new Set(gapped.flatMap(({ times }) => times))].sort((a, b) => a - b);
  const place = new Map(times.map((time, index) => [time, index]));
  const columns = gapped.flatMap((curve) => {
    const rows = curve.low && curve.high ? [curve.values, curve.low, curve.high] : [curve.values];
    return rows.map((row) => {
      const column: (number | null | undefined)[] = new Array(times.length).fill(undefined);
      curve.times.forEach((time, index) => {
        column[place.get(time) ?? 0] = row[index] ?? null;
      });
      return spreadNulls(column);
    });
  });
  return [times, ...columns] as uPlot.AlignedData;
}

/** Where a value stands between two silences. */
export function lonely(column: ArrayLike<number | null | undefined>): number[] {
  const known: { index: number; isValue: boolean }[] = [];
  for (let index = 0; index < column.length; index++) {
    const value = column[index];
    if (value !== undefined) known.push({ index, isValue: value !== null });
  }
  return known.flatMap(({ index, isValue }, at) =>
    isValue && !known[at - 1]?.isValue && !known[at + 1]?.isValue ? [index] : [],
  );
}
