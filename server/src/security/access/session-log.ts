import type { SessionRow } from './session.repository.ts';
import type { SessionChanges } from './session-news.repository.ts';

/** What is known of changes to sessions: enough to tell of any row whether something changed after it was read. */
export interface SessionLog {
  /** Of all its news and rows; news of another one need another log. */
  readonly era: string | undefined;
  /** Where to read on; undefined before the first news. */
  readonly since: bigint | undefined;
  add(news: SessionChanges, isWhole: boolean): void;
  isCurrent(row: SessionRow): boolean;
  /** Forgets what was heard before the last turn. */
  turn(): void;
}

/** So many changed sessions, accounts and roles are told apart. */
const MAX_SUBJECTS = 50_000;

/**
 * A row read at horizon H holds every change made in a transaction before H, so it is current unless a change of its session, person or
 * role is known in H or later. What is not remembered any more counts as a change of everything: rows read before its end are refused.
 * No clock is involved, neither ours nor another machine's.
 */
export function createSessionLog(): SessionLog {
  let era: string | undefined;
  let since: bigint | undefined;
  let floor: bigint | undefined;
  let young = new Map<string, bigint>();
  let old = new Map<string, bigint>();

  const raise = (to: bigint): void => {
    if (floor === undefined || floor < to) floor = to;
  };

  function turn(): void {
    for (const transaction of old.values()) raise(transaction + 1n);
    old = young;
    young = new Map();
  }

  function note(subject: string, transaction: bigint): void {
    const known = young.get(subject);
    if (known === undefined && young.size >= MAX_SUBJECTS / 2) turn();
    if (known === undefined || known < transaction) young.set(subject, transaction);
  }

  return {
    get era() {
      return era;
    },
    get since() {
      return since;
    },
    add(news, isWhole) {
      const { horizon, next, changes } = news;
      era ??= news.era;
      if (since === undefined) raise(horizon);
      if (isWhole) for (const [subject, transaction] of changes) note(subject, BigInt(transaction));
      else raise(next);
      since = horizon;
    },
    isCurrent(row) {
      const horizon = BigInt(row.horizon);
      if (row.era !== era || floor === undefined || horizon < floor) return false;
      return [`session:${row.session_id}`, `user:${row.user_id}`, `role:${row.organisation_id}:${row.role}`].every(
        (subject) => !((young.get(subject) ?? -1n) >= horizon || (old.get(subject) ?? -1n) >= horizon),
      );
    },
    turn,
  };
}
