import type { AttemptRow, GuessKeys } from './guessing.repository.ts';
import type { Standing, Tally } from './guessing-rules.ts';

/** What the rows of the window say of one attempt, for `verdictOn`. */
export function standingOf(found: {
  keys: GuessKeys;
  attempts: readonly AttemptRow[];
  history: { until: Date | null; lifted_at: Date | null } | undefined;
  account: { failures: number; last_failed_at: Date } | undefined;
  cookie: { failures: number } | undefined;
}): Standing {
  const { keys, attempts, history, account, cookie } = found;
  const ofBrowser = (row: AttemptRow): boolean =>
    keys.cookie === null ? row.device_cookie === null : row.device_cookie?.equals(keys.cookie) === true;
  // Who shares an address or an account with the owner must not use up what the owner's browser has.
  const passwords = attempts.filter((row) => row.of_account && row.factor === null && ofBrowser(row));
  const isPassword = keys.factor === null && keys.account !== null;
  const forgivenAt = history?.lifted_at?.getTime() ?? Number.NEGATIVE_INFINITY;
  return {
    blockedUntil: history?.until?.getTime(),
    address:
      keys.address === null
        ? undefined
        : tallyOf(attempts.filter((row) => row.of_address && (row.state === 'open' || row.at.getTime() > forgivenAt))),
    pair: keys.pair === null ? undefined : tallyOf(attempts.filter((row) => row.of_pair && ofBrowser(row))),
    factor:
      keys.factor === null
        ? undefined
        : tallyOf(attempts.filter((row) => row.of_account && row.factor === keys.factor && ofBrowser(row))),
    account:
      isPassword && keys.cookie === null
        ? {
            failures: account?.failures ?? 0,
            lastFailedAt: account?.last_failed_at.getTime() ?? 0,
            open: tallyOf(passwords).open,
          }
        : undefined,
    cookie: isPassword && cookie ? { failures: cookie.failures, open: tallyOf(passwords).open } : undefined,
  };
}

function tallyOf(rows: readonly AttemptRow[]): Tally {
  const failedAt = rows.filter((row) => row.state === 'failed').map((row) => row.at.getTime());
  return { failedAt, open: rows.length - failedAt.length };
}
