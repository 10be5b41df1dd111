import { BackupError } from '../security/backups/backup-error.ts';
import { backupStore } from '../security/backups/backup-store.ts';
import { chainStore } from '../security/backups/point-in-time/chain-store.ts';
import { listReachable, missingOf } from '../security/backups/point-in-time/reachable.ts';
import { sentFrom } from '../security/backups/point-in-time/verify-chains.ts';
import { folderOption, givenStorage, openManifest } from './backup-place.ts';
import { inUnits } from './byte-progress.ts';
import { command } from './command.ts';
import { commandConfig } from './with-platform.ts';

export const backupList = command(
  {
    name: 'backup list',
    summary: 'List the backups in a folder, oldest first',
    options: { ...folderOption },
    examples: ['backup list', 'backup list --folder /mnt/backups --json'],
    notes: 'It shows what the manifests say. Whether they are to be believed is what "backup verify" finds out.',
  },
  async ({ values }, output) => {
    const config = commandConfig();
    const storage = await givenStorage(values.folder, config);
    const store = backupStore(storage);
    const listed = [];
    for (const name of await store.names()) {
      try {
        listed.push({ ...(await openManifest(store, name)).manifest, fault: null });
      } catch (error) {
        if (!(error instanceof BackupError)) throw error;
        listed.push({ name, fault: error.message });
      }
    }
    const lines = listed.map((backup) =>
      backup.fault === null
        ? `${backup.name}  ${inUnits(backup.file.bytes).padStart(9)}  ${backup.contents.rows} rows  ${backup.database.migration}`
        : `${backup.name}  ${backup.fault}`,
    );
    const chains = chainStore(storage);
    // Before the place is read: it is said after the segment is there.
    const known = sentFrom(config.dataDir, chains.place);
    const moments = (await listReachable(chains)).map((reachable) => {
      const { base, from, until } = reachable;
      return {
        base: base.name,
        bytes: base.file.bytes,
        from: from.toISOString(),
        until: until?.toISOString() ?? null,
        ...missingOf(reachable, known.get(base.chain)),
      };
    });
    for (const { base, bytes, from, until, missing, isShort } of moments)
      lines.push(
        `${base}  ${inUnits(bytes).padStart(9)}  ${until === null ? 'no moment yet: its log is not there' : `any moment from ${from} to ${until}`}${missing === null ? '' : `; ${missing} is missing${isShort ? ', which was sent' : ''}`}`,
      );
    output.result(
      { place: store.place, items: listed, moments },
      lines.length === 0 ? `There is no backup in ${store.place}.` : lines.join('\n'),
    );
  },
);
