import { systemClock } from '../lib/clock.ts';
import { backupStore } from '../security/backups/backup-store.ts';
import { chainStore } from '../security/backups/point-in-time/chain-store.ts';
import { pruneChains } from '../security/backups/point-in-time/prune-chains.ts';
import { readWalCursor } from '../security/backups/point-in-time/wal-cursor.ts';
import { pruneBackups } from '../security/backups/prune-backups.ts';
import { actorOf, folderOption, givenStorage, scheduledOption } from './backup-place.ts';
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
    const storage = await givenStorage(values.folder, config);
    const store = backupStore(storage);
    const isTrial = values['dry-run'] ?? false;
    const { names, segments } = await untilSignal(undefined, (signal) =>
      withDatabase(async ({ transactions }) => {
        const shared = { transactions, actor: actorOf(values.scheduled), clock: systemClock, signal, isTrial };
        const backups = await pruneBackups({ ...shared, store, keep: config.backups.keep });
        const days = config.backups.pointInTimeDays;
        // Turned off, there is no telling how long what is there is still wanted.
        if (days === 0) return { names: backups, segments: 0 };
        const cursor = () => readWalCursor(config.dataDir);
        const gone = await pruneChains({ ...shared, store: chainStore(storage), days, cursor });
        return { names: [...backups, ...gone.bases], segments: gone.segments };
      }),
    );
    const verb = isTrial ? 'Would throw away' : 'Threw away';
    const log = segments === 0 ? '' : `\n${verb} ${segments} segments of the log that no base needs.`;
    output.result(
      { place: store.place, [isTrial ? 'dispensable' : 'deleted']: names, ...(segments > 0 ? { segments } : {}) },
      (names.length === 0 ? 'All of them are to be kept.' : [`${verb} ${names.length}:`, ...names].join('\n  ')) + log,
    );
  },
);
