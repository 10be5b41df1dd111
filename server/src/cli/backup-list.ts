import { BackupError } from '../security/backups/backup-error.ts';
import { folderOption, givenStore, openManifest } from './backup-place.ts';
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
    const store = await givenStore(values.folder, commandConfig());
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
    output.result(
      { place: store.place, items: listed },
      lines.length === 0 ? `There is no backup in ${store.place}.` : lines.join('\n'),
    );
  },
);
