import { BackupError } from '../security/backups/backup-error.ts';
import { backupStore } from '../security/backups/backup-store.ts';
import { chainStore } from '../security/backups/point-in-time/chain-store.ts';
import { listReachable } from '../security/backups/point-in-time/reachable.ts';
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
    const storage = await givenStorage(values.folder, commandConfig());
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
    const moments = (await listReachable(chainStore(storage))).map(({ base, from, until, missing }) => ({
      base: base.name,
      bytes: base.file.bytes,
      from: from.toISOString(),
      until: until?.toISOString() ?? null,
      missing: missing ?? null,
    }));
    for (const { base, bytes, from, until, missing } of moments)
      lines.push(
        `${base}  ${inUnits(bytes).padStart(9)}  ${until === null ? 'no moment yet: its log is not there' : `any moment from ${from} to ${until}`}${missing === null ? '' : `; ${missing} is missing`}`,
      );
    output.result(
      { place: store.place, items: listed, moments },
      lines.length === 0 ? `There is no backup in ${store.place}.` : lines.join('\n'),
    );
  },
);
