import { systemClock } from '../lib/clock.ts';
import { pruneBackups } from '../security/backups/prune-backups.ts';
import { actorOf, folderOption, givenStore, scheduledOption } from './backup-place.ts';
import { command } from './command.ts';
import { untilSignal } from './until-signal.ts';
import { withDatabase } from './with-database.ts';
import { commandConfig } from './with-platform.ts';

export const backupPrune = command(
  {
    name: 'backup prune',
    summary: 'Throw away the backups that are not to be kept any longer',
    options: {
      ...folderOption,
      ...scheduledOption,
      'dry-run': { type: 'boolean', help: 'only say which' },
    },
    examples: ['backup prune --dry-run', 'backup prune'],
    notes:
      'Kept are the newest of each of the last days, weeks and months that have one (VALTRONICS_BACKUP_KEEP_DAILY, _WEEKLY and _MONTHLY), the\nnewest, and the newest that came back in a drill. Only what this installation has on record as made there is ever thrown away.',
  },
  async ({ values }, output) => {
    const config = commandConfig();
    const store = await givenStore(values.folder, config);
    const isTrial = values['dry-run'] ?? false;
    const names = await untilSignal(undefined, (signal) =>
      withDatabase(({ transactions }) =>
        pruneBackups({
          store,
          transactions,
          keep: config.backups.keep,
          actor: actorOf(values.scheduled),
          clock: systemClock,
          signal,
          isTrial,
        }),
      ),
    );
    const verb = isTrial ? 'Would throw away' : 'Threw away';
    output.result(
      { place: store.place, [isTrial ? 'dispensable' : 'deleted']: names },
      names.length === 0 ? 'All of them are to be kept.' : [`${verb} ${names.length}:`, ...names].join('\n  '),
    );
  },
);
