// When a secret may be looked at. Pure: what happened comes in, the verdict goes out. `docs/sign-in-defence.md` says the same in prose.

export const guessingRules = {
  /** Failures count for an hour. */
  windowMs: 3_600_000,
  /** The fifth failure of an address within the window blocks it, and so does each one after that. */
  failuresToBlock: 5,
  /** So many attempts within the window, refused ones included, mark an address as suspicious. */
  attemptsToSuspect: 10,
  firstBlockMs: 300_000,
  longestBlockMs: 86_400_000,
  /** Each block within a day lasts twice as long as the one before. */
  escalationMs: 86_400_000,
  /** Wrong codes of one kind of second factor of an account within the window. */
  factorFailures: 5,
  /** Wrong passwords in a row an account forgives before it makes callers wait. */
  accountFree: 10,
  accountFirstWaitMs: 1_000,
  accountLongestWaitMs: 60_000,
  /** NIST SP 800-63B-4, 3.2.2: no more than 100 consecutive failures on one account. */
  failuresToRecovery: 100,
  /** Wrong passwords in a row after which a browser is a stranger again. */
  cookieFailures: 10,
  /** An attempt without a verdict counts as open for so long, then as a failure: whoever looked has crashed. */
  openMs: 60_000,
} as const;

/** What is known of one key: verdicts of the window, and what is being looked at right now. Times in milliseconds. */
export interface Tally {
  readonly failedAt: readonly number[];
  readonly open: number;
}

/** Everything that has a say in one attempt; what does not apply is undefined. */
export interface Standing {
  readonly blockedUntil: number | undefined;
  readonly address: Tally | undefined;
  readonly pair: Tally | undefined;
  readonly factor: Tally | undefined;
  /** Consecutive wrong passwords from strangers. */
  readonly account: { readonly failures: number; readonly lastFailedAt: number; readonly open: number } | undefined;
  /** Consecutive wrong passwords from this browser of the owner's. */
  readonly cookie: { readonly failures: number; readonly open: number } | undefined;
}

export type Verdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'blocked'; readonly until: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'recovery' };

/** An attempt under way has its verdict in a moment; that is when to come back. */
const MOMENT_MS = 1_000;

const wait = (ms: number): Verdict => ({ kind: 'wait', ms });

/** Milliseconds the n-th block of an address within a day lasts, counted from 1. */
export function blockMs(nth: number): number {
  const { firstBlockMs, longestBlockMs } = guessingRules;
  return Math.min(longestBlockMs, firstBlockMs * 2 ** Math.min(nth - 1, 30));
}

/** Milliseconds between a wrong password and the next one of the account, after so many in a row. */
export function accountWaitMs(failures: number): number {
  const { accountFree, accountFirstWaitMs, accountLongestWaitMs } = guessingRules;
  if (failures < accountFree) return 0;
  return Math.min(accountLongestWaitMs, accountFirstWaitMs * 2 ** Math.min(failures - accountFree, 30));
}

/**
 * Open attempts count as failures, so however many come at once, no more are looked at than could fail without passing the limit. Past
 * the limit they are looked at one by one.
 */
const isFull = ({ failedAt, open }: Tally, limit: number): boolean => open >= Math.max(1, limit - failedAt.length);

/** The verdict of the strictest rule. */
export function verdictOn(standing: Standing, now: number): Verdict {
  const { blockedUntil, address, pair, factor, account, cookie } = standing;
  const { failuresToBlock, factorFailures, accountFree, failuresToRecovery, cookieFailures } = guessingRules;
  if (blockedUntil !== undefined && blockedUntil > now) return { kind: 'blocked', until: blockedUntil };
  if (account && account.failures + account.open >= failuresToRecovery)
    return account.failures >= failuresToRecovery ? { kind: 'recovery' } : wait(MOMENT_MS);
  if (factor) {
    const oldest = factor.failedAt.at(-factorFailures);
    if (oldest !== undefined) return wait(oldest + guessingRules.windowMs - now);
    if (factor.failedAt.length + factor.open >= factorFailures) return wait(MOMENT_MS);
  }
  if (address && isFull(address, failuresToBlock)) return wait(MOMENT_MS);
  if (pair) {
    const rest = pairWaitMs(pair, now);
    if (rest > 0) return wait(rest);
    if (isFull(pair, failuresToBlock)) return wait(MOMENT_MS);
  }
  if (account) {
    const rest = account.lastFailedAt + accountWaitMs(account.failures) - now;
    if (rest > 0) return wait(rest);
    if (account.open >= Math.max(1, accountFree - account.failures)) return wait(MOMENT_MS);
  }
  if (cookie && cookie.failures + cookie.open >= cookieFailures) return wait(MOMENT_MS);
  return { kind: 'pass' };
}

/** Of one account at one address: waits as long as the address would be blocked for, where the address itself never is. */
function pairWaitMs({ failedAt }: Tally, now: number): number {
  const excess = failedAt.length - guessingRules.failuresToBlock;
  const last = failedAt.at(-1);
  if (excess < 0 || last === undefined) return 0;
  return last + Math.min(blockMs(excess + 1), guessingRules.windowMs) - now;
}
