import type pg from 'pg';
import { LoadError, openLoad, type TableLoad } from '../../platform/db/dump/load-tables.ts';
import { readMigrations } from '../../platform/db/migration-files.ts';
import { MIGRATIONS_FOLDER, runMigrations } from '../../platform/db/run-migrations.ts';
import type { ArchiveHead } from './archive.ts';
import { BackupError } from './backup-error.ts';
import type { BackupStore } from './backup-store.ts';
import { makeDay } from './backups.repository.ts';
import type { Manifest } from './manifest.ts';
import { checkFile, openBackup, type ReadingOptions } from './open-backup.ts';

/**
 * Fills an empty database from a backup: the schema it was made with, its rows, and then whatever the schema has become since. The rows are
 * committed only after the whole file was read and is what the manifest says. Throws a BackupError.
 */
export async function loadBackup(
  store: BackupStore,
  manifest: Manifest,
  options: ReadingOptions & { readonly identities: readonly string[]; readonly owner: pg.ClientConfig },
): Promise<{ rows: ReadonlyMap<string, number> }> {
  const { owner } = options;
  let load: TableLoad | undefined;
  const begun = (): TableLoad => {
    if (!load) throw new Error('rows before the schema');
    return load;
  };
  try {
    const read = await openBackup(store, manifest, {
      ...options,
      sink: {
        async head(head) {
          await assertKnown(manifest.name, head);
          await runMigrations(owner, MIGRATIONS_FOLDER, head.migrations.length);
          load = await openLoad(owner);
          for (const { name } of head.tables) await makeDay(load, name);
        },
        table: (table) => begun().table(table),
      },
    });
    await begun().finish(read.sequences);
    return { rows: read.rows };
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    // Rows are loaded as they are read: of another file in its place they do not fit either, and that is damage.
    await checkFile(store, manifest, options);
    throw new BackupError(
      'inconsistent',
      `${manifest.name} does not come back: ${error.message}. Take another one, and look at the database it was made from`,
      { cause: error },
    );
  } finally {
    await load?.close();
  }
}

/** Whether this release has the migrations that the backup's schema was made by. */
async function assertKnown(name: string, { migrations }: ArchiveHead): Promise<void> {
  const known = await readMigrations(MIGRATIONS_FOLDER);
  const stranger = migrations.find(
    (migration, at) => known[at]?.name !== migration.name || known[at]?.sha256 !== migration.sha256,
  );
  if (stranger)
    throw new BackupError(
      'unusable',
      `${name} was made by a newer release (it has ${stranger.name}): restore it with that one`,
    );
}
