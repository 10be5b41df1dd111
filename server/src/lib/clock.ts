/** Time is an argument, so that tests move it instead of sleeping. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  date(): Date;
}

export interface ManualClock extends Clock {
  advance(milliseconds: number): void;
  set(milliseconds: number): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  date: () => new Date(),
};

export function manualClock(start: number | Date): ManualClock {
  let now = typeof start === 'number' ? start : start.getTime();
  return {
    now: () => now,
    date: () => new Date(now),
    advance(milliseconds) {
      now += milliseconds;
    },
    set(milliseconds) {
      now = milliseconds;
    },
  };
}
