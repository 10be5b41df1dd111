import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { DeviceCommandService } from './device-command.service.ts';
import { removeOldHistory } from './presence.repository.ts';
import type { Presence } from './presence.ts';

const ROWS_PER_TRANSACTION = 1000;

export function deviceJobs(deps: {
  presence: Presence;
  commands: DeviceCommandService;
  transactions: Pick<Transactions, 'unaudited'>;
  clock: Clock;
}): readonly Job[] {
  const { presence, commands, transactions, clock } = deps;
  return [
    { name: 'devices.silence', everySeconds: 2, run: () => presence.sweepSilent() },
    { name: 'devices.command_timeouts', everySeconds: 1, run: (signal) => commands.timeOut(signal) },
    {
      name: 'devices.retention',
      everySeconds: 3600,
      async run(signal) {
        // In small transactions, so that nobody waits behind a year of rows.
        const run = () =>
          transactions.unaudited(null, 'housekeeping', (tx) =>
            removeOldHistory(tx, clock.date(), ROWS_PER_TRANSACTION),
          );
        while ((await run()) >= ROWS_PER_TRANSACTION && !signal.aborted);
      },
    },
  ];
}
