import { gaussian, uniform } from './random.ts';

/** Seconds since 1970; all signals are functions of it. */
export type Seconds = number;

/** A slow wander between −1 and 1 whose shape changes over about `periodSeconds`. */
export function wander(seed: number, stream: number, at: Seconds, periodSeconds: number): number {
  const position = at / periodSeconds;
  const index = Math.floor(position);
  const share = position - index;
  const left = uniform(seed, stream, index) * 2 - 1;
  const right = uniform(seed, stream, index + 1) * 2 - 1;
  return left + (right - left) * share * share * (3 - 2 * share);
}

/** What the sensor adds: independent from second to second, the same whenever that second is asked for. */
export const noise = (seed: number, stream: number, at: Seconds, deviation: number): number =>
  gaussian(seed, stream, Math.floor(at)) * deviation;

export interface Occurrences {
  /** One slot of this length holds at most one occurrence. */
  readonly everySeconds: number;
  /** How long after its start an occurrence can still be felt. */
  readonly reachSeconds: number;
  /** How likely a slot has one, asked at the moment it would start. */
  readonly chance?: (start: Seconds) => number;
}

/** Adds up what every occurrence contributes at this moment. `roll` and `other` are the occurrence's own draws in [0, 1). */
export function occurring(
  seed: number,
  stream: number,
  at: Seconds,
  { everySeconds, reachSeconds, chance }: Occurrences,
  contribution: (since: Seconds, roll: number, other: number) => number,
): number {
  let sum = 0;
  const newest = Math.floor(at / everySeconds);
  const oldest = Math.floor((at - reachSeconds) / everySeconds);
  for (let slot = oldest; slot <= newest; slot++) {
    const start = (slot + uniform(seed, stream, slot) * 0.8) * everySeconds;
    const since = at - start;
    if (since < 0 || since >= reachSeconds) continue;
    if (chance && uniform(seed, stream + 1, slot) >= chance(start)) continue;
    sum += contribution(since, uniform(seed, stream + 2, slot), uniform(seed, stream + 3, slot));
  }
  return sum;
}

/** First-order answer to something that lasts: it approaches `level` while it lasts and fades afterwards. */
export function rising(since: Seconds, lasts: Seconds, level: number, rise: Seconds, fall: Seconds): number {
  if (since < lasts) return level * (1 - Math.exp(-since / rise));
  return level * (1 - Math.exp(-lasts / rise)) * Math.exp(-(since - lasts) / fall);
}

/** 0 → 1 → 0 with straight flanks. */
export function plateau(since: Seconds, lasts: Seconds, flank: Seconds): number {
  return Math.max(0, Math.min(1, since / flank, (lasts - since) / flank));
}

/** As the sensor's resolution has it: `steps` values to the unit. */
export const quantised = (value: number, steps: number): number => Math.round(value * steps) / steps + 0;

export const within = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));
