/** One figure. `target` is what we want it to be at least (or at most); `holds` says whether it was, in this run on this machine. */
export interface Outcome {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target: string;
  readonly holds: boolean;
  /** The two figures a ratio was made of, or how the one was measured. */
  readonly detail: string;
}

export function atLeast(name: string, value: number, target: number, unit: string, detail: string): Outcome {
  return { name, value: round(value), unit, target: `>= ${target}`, holds: value >= target, detail };
}

export function atMost(name: string, value: number, target: number, unit: string, detail: string): Outcome {
  return { name, value: round(value), unit, target: `<= ${target}`, holds: value <= target, detail };
}

export const perSecond = ({ count, seconds }: { count: number; seconds: number }): string =>
  `${Math.round(count / seconds).toLocaleString('en')}/s`;

/** Nearest-rank percentile. Of nothing there is none: a benchmark that measured nothing must not look like one that fell short. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('nothing was measured');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

const round = (value: number): number => Number(value.toPrecision(3));
