import type { Rate } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';

export type LimiterAnswer = { readonly ok: true } | { readonly ok: false; readonly retryAfterSeconds: number };

export interface Limiter {
  /**
   * Spends `cost` of the key's allowance, or says when that would be possible. A refused attempt spends nothing. One key always comes
   * with one rate: put the purpose into the key (`login:203.0.113.9`).
   */
  take(key: string, rate: Rate, cost?: number): LimiterAnswer;
  /** What `take` would answer, spending nothing. */
  peek(key: string, rate: Rate, cost?: number): LimiterAnswer;
  /** Keys held in memory; never more than `maxKeys`. */
  readonly size: number;
}

export interface LimiterOptions {
  readonly clock: Clock;
  readonly maxKeys: number;
}

interface Entry {
  /** When the debt is paid. */
  paidAt: number;
}

const allowed: LimiterAnswer = Object.freeze({ ok: true });

/**
 * A token bucket in its GCRA form: one number a key, the "theoretical arrival time" at which the key's debt is paid. A key whose time
 * has passed owes nothing, so it is equal to a key that was never seen.
 *
 * Memory is bounded by forgetting keys that were not used for long. That gives nothing away: usually their debt is long paid, and then
 * they are equal to none. If one still owed something, half of `maxKeys` other keys were used since; whoever commands that many
 * addresses already has the allowance of each of them and gains one burst more by making us forget one. Refusing newcomers instead
 * would hand that caller an off switch for everybody else. A refused attempt counts as use, so a key under attack is not forgotten.
 */
export function createLimiter({ clock, maxKeys }: LimiterOptions): Limiter {
  if (!Number.isSafeInteger(maxKeys) || maxKeys < 2) throw new RangeError('maxKeys must be a whole number from 2 on');
  // Two generations: a key that is used moves to the young one, and when that is full the old one is dropped whole. Taking single keys
  // out of one Map in order of age would cost more with every hole they leave at its front (measured: 40 µs a call under a flood).
  let young = new Map<string, Entry>();
  let old = new Map<string, Entry>();
  const keysAGeneration = Math.floor(maxKeys / 2);
  // Counted from our own start, where sums of fractions are still exact to a millionth.
  let elapsed = 0;
  let lastReading = clock.now();

  // The wall clock may be set back. Debts would then seem to last for that much longer, and callers be shut out; time only stands still.
  function monotonicNow(): number {
    const reading = clock.now();
    elapsed += Math.max(0, reading - lastReading);
    lastReading = reading;
    return elapsed;
  }

  function remember(key: string, entry: Entry): void {
    if (young.size >= keysAGeneration) {
      old = young;
      young = new Map();
    }
    young.set(key, entry);
  }

  return {
    take(key, rate, cost = 1) {
      const now = monotonicNow();
      const known = young.get(key);
      const entry = known ?? old.get(key) ?? { paidAt: now };
      if (known === undefined) {
        old.delete(key);
        remember(key, entry);
      }
      const debtEnds = Math.max(entry.paidAt, now);
      const wait = waitFor(debtEnds, now, rate, cost);
      if (wait > 0) return refused(wait);
      entry.paidAt = debtEnds + (cost * 1000) / rate.perSecond;
      return allowed;
    },
    peek(key, rate, cost = 1) {
      const now = monotonicNow();
      const wait = waitFor(Math.max((young.get(key) ?? old.get(key))?.paidAt ?? now, now), now, rate, cost);
      return wait > 0 ? refused(wait) : allowed;
    },
    get size() {
      return young.size + old.size;
    },
  };
}

// Sums of fractions of milliseconds are off in the last bits; without the slack a caller on time to the digit would be refused.
const ROUNDING_SLACK_MS = 1e-3;

/** Milliseconds until `cost` fits; 0 when it fits now. A cost above the burst waits for an empty debt and is then owed in full. */
function waitFor(debtEnds: number, now: number, rate: Rate, cost: number): number {
  const mayOwe = (Math.max(0, rate.burst - cost) * 1000) / rate.perSecond;
  const wait = debtEnds - now - mayOwe;
  return wait > ROUNDING_SLACK_MS ? wait : 0;
}

function refused(waitMilliseconds: number): LimiterAnswer {
  return { ok: false, retryAfterSeconds: Math.ceil(waitMilliseconds - ROUNDING_SLACK_MS) / 1000 };
}
