import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { removeOldDetections, removeOldSecurityEvents } from './retention.repository.ts';

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
        const all = [
          [removeOldSecurityEvents, ago(keptDays)],
          [removeOldDetections, ago(Math.max(keptDays, DETECTIONS_KEPT_DAYS))],
        ] as const;
        // In small transactions, so that no report waits behind a day of rows.
        for (const [remove, before] of all) {
          const run = () =>
            transactions.unaudited(null, 'housekeeping', (tx) => remove(tx, before, ROWS_PER_TRANSACTION));
          while ((await run()) >= ROWS_PER_TRANSACTION && !signal.aborted);
        }
      },
    },
  ];
}
