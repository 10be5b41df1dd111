import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { removeOldBlocks } from './block.repository.ts';
import { removeOldGuesses } from './guessing.repository.ts';
import { guessingRules } from './guessing-rules.ts';

const ROWS_PER_TRANSACTION = 1_000;
const DAY_MS = 86_400_000;
/** Of failures that led to nothing: long after anybody still tries. Accounts that need recovery are kept until they have it. */
const ACCOUNTS_KEPT_MS = 90 * DAY_MS;
/** Evidence: what was blocked, and who was suspicious. */
const EVIDENCE_KEPT_MS = 90 * DAY_MS;

/** Removes what no rule looks at any more. */
export function shieldJobs(deps: { transactions: Pick<Transactions, 'unaudited'>; clock: Clock }): readonly Job[] {
  const { transactions, clock } = deps;
  return [
    {
      name: 'shield.retention',
      everySeconds: 600,
      async run(signal) {
        const ago = (ms: number): Date => new Date(clock.now() - ms);
        // In small transactions, so that no sign-in waits behind a day of rows.
        const run = () =>
          transactions.unaudited(null, 'housekeeping', async (tx) => {
            const before = {
              attempts: ago(guessingRules.windowMs),
              accounts: ago(ACCOUNTS_KEPT_MS),
              suspicions: ago(EVIDENCE_KEPT_MS),
              cookies: clock.date(),
            };
            const guesses = await removeOldGuesses(tx, before, guessingRules.failuresToRecovery, ROWS_PER_TRANSACTION);
            return Math.max(guesses, await removeOldBlocks(tx, ago(EVIDENCE_KEPT_MS), ROWS_PER_TRANSACTION));
          });
        while ((await run()) >= ROWS_PER_TRANSACTION && !signal.aborted);
      },
    },
  ];
}
