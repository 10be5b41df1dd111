import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { DeviceCommandService } from './device-command.service.ts';
import { removeOldHistory } from './presence.repository.ts';
import type { Presence } from './presence.ts';
import { removeOldCertificates } from './revocation-list.repository.ts';
import type { RevocationList } from './revocation-list.ts';

const ROWS_PER_TRANSACTION = 1000;

export function deviceJobs(deps: {
  presence: Presence;
  commands: DeviceCommandService;
  revocationList: Pick<RevocationList, 'refresh'>;
  transactions: Pick<Transactions, 'unaudited'>;
  clock: Clock;
}): readonly Job[] {
  const { presence, commands, revocationList, transactions, clock } = deps;
  return [
    { name: 'devices.silence', everySeconds: 2, run: () => presence.sweepSilent() },
    { name: 'devices.command_timeouts', everySeconds: 1, run: (signal) => commands.timeOut(signal) },
    {
      name: 'devices.retention',
      everySeconds: 3600,
      async run(signal) {
        // In small transactions, so that nobody waits behind a year of rows.
        for (const remove of [removeOldHistory, removeOldCertificates]) {
          const run = () =>
            transactions.unaudited(null, 'housekeeping', (tx) => remove(tx, clock.date(), ROWS_PER_TRANSACTION));
          while ((await run()) >= ROWS_PER_TRANSACTION && !signal.aborted);
        }
      },
    },
    { name: 'devices.revocation_list', everySeconds: 300, run: () => revocationList.refresh() },
  ];
}
