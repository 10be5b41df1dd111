import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { removeExpiredChallenges } from './challenge.repository.ts';
import { removeOldResets } from './password-reset.repository.ts';

const ROWS_PER_TRANSACTION = 1000;
/** Spent challenges stay until no replay of them can be good any more. */
const KEEP_MS = 24 * 3_600_000;

export function identityJobs(deps: { transactions: Pick<Transactions, 'unaudited'>; clock: Clock }): readonly Job[] {
  const { transactions, clock } = deps;
  return [
    {
      name: 'identity.expired_proofs',
      everySeconds: 3600,
      async run(signal) {
        const before = new Date(clock.now() - KEEP_MS);
        const run = () =>
          transactions.unaudited(null, 'housekeeping', (tx) =>
            removeExpiredChallenges(tx, before, ROWS_PER_TRANSACTION),
          );
        while ((await run()) >= ROWS_PER_TRANSACTION && !signal.aborted);
        await transactions.unaudited(null, 'housekeeping', (tx) => removeOldResets(tx, before));
      },
    },
  ];
}
