import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { UnauditedTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { lastExpiredPosition, removeOldDetections, removeSecurityEvents } from './retention.repository.ts';

const ROWS_PER_TRANSACTION = 1_000;
const DAY_MS = 86_400_000;
/** Conclusions are few, and people ask for them longer than for what led to them. */
const DETECTIONS_KEPT_DAYS = 400;

export function securityEventJobs(deps: {
  transactions: Pick<Transactions, 'unaudited'>;
  keptDays: number;
  clock: Clock;
}): readonly Job[] {
  const { transactions, keptDays, clock } = deps;
  return [
    {
      name: 'security_events.retention',
      everySeconds: 3_600,
      async run(signal) {
        const ago = (days: number): Date => new Date(clock.now() - days * DAY_MS);
        const inTransaction = <T>(run: (tx: UnauditedTx) => Promise<T>): Promise<T> =>
          transactions.unaudited(null, 'housekeeping', run);
        // In small transactions, so that no report waits behind a day of rows.
        const all = async (remove: (tx: UnauditedTx) => Promise<number>): Promise<void> => {
          while ((await inTransaction(remove)) >= ROWS_PER_TRANSACTION && !signal.aborted);
        };
        const last = await inTransaction((tx) => lastExpiredPosition(tx, ago(keptDays), clock.date()));
        if (last !== undefined) await all((tx) => removeSecurityEvents(tx, last, ROWS_PER_TRANSACTION));
        const before = ago(Math.max(keptDays, DETECTIONS_KEPT_DAYS));
        await all((tx) => removeOldDetections(tx, before, ROWS_PER_TRANSACTION));
      },
    },
  ];
}
