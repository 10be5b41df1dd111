import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { removeOldAlerts } from './alert.repository.ts';
import type { Announcement } from './alert.ts';
import type { AlertSeals } from './alert-seals.ts';
import { sealEarlierAlerts } from './earlier-alerts.ts';
import { createSilenceScan } from './no-data.ts';
import type { Delivery } from './notification.delivery.ts';
import { removeFinished } from './notification-delivery.repository.ts';

export interface AlertJobsOptions {
  readonly transactions: Pick<Transactions, 'unaudited' | 'readAcross'>;
  readonly delivery: Delivery;
  readonly stopping: AbortSignal;
  readonly clock: Clock;
  readonly seals: AlertSeals;
  readonly announce: (announcements: readonly Announcement[]) => void;
}

const ROWS_PER_TRANSACTION = 1000;
const KEEP_NOTIFICATIONS_MS = 7 * 86_400_000;

export function alertJobs({
  transactions,
  delivery,
  stopping,
  clock,
  seals,
  announce,
}: AlertJobsOptions): readonly Job[] {
  const silence = createSilenceScan({ clock, seals });

  /** In small transactions, so that nobody waits behind a year of rows. */
  async function inBatches(signal: AbortSignal, remove: () => Promise<number>): Promise<void> {
    while (!signal.aborted && (await remove()) >= ROWS_PER_TRANSACTION);
  }

  return [
    {
      name: 'alerts.silence',
      everySeconds: 2,
      async run() {
        announce(await transactions.unaudited(null, 'rule_effects', (tx) => silence.run(tx)));
      },
    },
    {
      name: 'alerts.notifications',
      everySeconds: 2,
      run: (signal) => delivery.run(AbortSignal.any([signal, stopping])),
    },
    {
      name: 'alerts.sealing',
      everySeconds: 10,
      run: (signal) => sealEarlierAlerts({ transactions, seals }, signal),
    },
    {
      name: 'alerts.retention',
      everySeconds: 3600,
      async run(signal) {
        await inBatches(signal, () =>
          transactions.unaudited(null, 'housekeeping', (tx) => removeOldAlerts(tx, clock.date(), ROWS_PER_TRANSACTION)),
        );
        const before = new Date(clock.now() - KEEP_NOTIFICATIONS_MS);
        await inBatches(signal, () =>
          transactions.unaudited(null, 'housekeeping', (tx) => removeFinished(tx, before, ROWS_PER_TRANSACTION)),
        );
      },
    },
  ];
}
