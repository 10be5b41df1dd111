import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { removeOldSessionChanges } from './session-news.repository.ts';

const ROWS_PER_TRANSACTION = 1_000;

/** Changes nobody reads any more: whoever was away for so long starts anew. */
export const sessionChangesJob = (transactions: Pick<Transactions, 'unaudited'>): Job => ({
  name: 'sessions.changes',
  everySeconds: 600,
  async run(signal) {
    const run = () =>
      transactions.unaudited(null, 'housekeeping', (tx) => removeOldSessionChanges(tx, ROWS_PER_TRANSACTION));
    while ((await run()) >= ROWS_PER_TRANSACTION && !signal.aborted);
  },
});
