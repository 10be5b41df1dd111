import { countRows } from './platform/db/dump/count-rows.ts';
import { dropDatabase } from './platform/db/replace-database.ts';
import type { CredentialStore } from './platform/db/roles.ts';
import { runMigrations } from './platform/db/run-migrations.ts';
import { type BackupToLoad, type HostKeys, withRestored } from './restored-database.ts';
import { listAuditKeys } from './security/audit/audit-key.ts';
import {
  checkAuditLog,
  checkErasures,
  checkRows,
  checkSealedValues,
  type DrillCheck,
} from './security/backups/drill-checks.ts';
import { assertSigned } from './security/backups/manifest.ts';
import type { AdminConnection } from './start-database.ts';

export interface Drill extends BackupToLoad {
  readonly admin: AdminConnection;
  readonly credentials: CredentialStore;
  readonly keys: HostKeys;
  /** The one that is made and thrown away. */
  readonly database: string;
}

/**
 * Restores a backup into a database that is thrown away, as a restore would, and looks at it. What serves is not touched, and pays for the
 * reading and writing beside it. Throws a BackupError where the backup cannot even be loaded.
 */
export async function drillDatabase(drill: Drill): Promise<DrillCheck[]> {
  const { admin, backup, database, signal } = drill;
  try {
    return await withRestored(drill, drill, async ({ owner, rows, use }) => {
      // Before the schema is brought up to date, which may move rows.
      const counted = checkRows(rows, await countRows(owner));
      await runMigrations(owner);
      signal.throwIfAborted();
      return use(async ({ transactions, dataKeys, keyStores }) => {
        const known = await transactions.readAcross((reader) => listAuditKeys(reader, dataKeys));
        // As a restore would: only keys that the root key opens are believed.
        assertSigned(backup, known);
        // Each reads for itself: nobody else writes there, and a transaction that waits for another to end is ended after a minute.
        const log = await checkAuditLog(transactions, known, signal);
        const values = await transactions.readAcross((reader) => checkSealedValues(reader, { dataKeys, keyStores }));
        const erasures = await transactions.readAcross((reader) => checkErasures(reader, { dataKeys, keyStores }));
        return [counted, log, values, erasures];
      });
    });
  } finally {
    await dropDatabase(admin, database);
  }
}
