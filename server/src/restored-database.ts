import type pg from 'pg';
import { systemClock } from './lib/clock.ts';
import { connectDatabase, connectionAs, type Database } from './platform/db/database.ts';
import { provision } from './platform/db/provision.ts';
import { dropDatabase } from './platform/db/replace-database.ts';
import type { CredentialStore, DatabaseCredentials } from './platform/db/roles.ts';
import type { Logger } from './platform/log/log.ts';
import { MOST_COPIES } from './security/audit/row-looks.ts';
import { createTransactions } from './security/audit/transactions.ts';
import type { Transactions } from './security/audit/transactions.types.ts';
import { BackupError } from './security/backups/backup-error.ts';
import type { BackupStore } from './security/backups/backup-store.ts';
import { loadBackup } from './security/backups/load-backup.ts';
import type { ReadManifest } from './security/backups/manifest.ts';
import type { ReadingOptions } from './security/backups/open-backup.ts';
import type { KeyRing } from './security/crypto/key-ring.ts';
import type { RootKey } from './security/crypto/root-key.ts';
import { SealError } from './security/crypto/sealed-value.ts';
import type { DataKeys } from './security/keys/data-keys.ts';
import { KeyEpochError } from './security/keys/key-epochs.ts';
import { openDataKeys } from './security/keys/open-data-keys.ts';
import type { KeyStores } from './security/keys/open-key-store.ts';
import type { AdminConnection } from './start-database.ts';

export interface BackupToLoad extends ReadingOptions {
  readonly store: BackupStore;
  readonly backup: ReadManifest;
  readonly identities: readonly string[];
  readonly log: Logger;
}

/** What opens what is sealed in the backup, or does not. */
export interface HostKeys {
  readonly rootKey: RootKey;
  readonly keyRing: KeyRing;
  readonly dataDir: string;
}

export interface Using {
  readonly transactions: Transactions;
  readonly dataKeys: DataKeys;
  readonly keyStores: KeyStores;
}

export interface Restored {
  /** As the schema's owner; the schema is the one the backup was made with. */
  readonly owner: pg.ClientConfig;
  readonly rows: ReadonlyMap<string, number>;
  /** As the platform would use it. */
  use<T>(work: (using: Using) => Promise<T>): Promise<T>;
}

/** Loads a backup into a database of its own, made for it beside those that are there. Whatever goes wrong, that one is gone afterwards. */
export async function withRestored<T>(
  load: BackupToLoad,
  where: {
    readonly admin: AdminConnection;
    readonly credentials: CredentialStore;
    readonly database: string;
    keys: HostKeys;
  },
  work: (restored: Restored) => Promise<T>,
): Promise<T> {
  const { admin, credentials: store, database, keys } = where;
  await dropDatabase(admin, database);
  try {
    const { credentials } = await provision({ adminConnection: admin, store, database });
    const { user: _user, password: _password, ...connection } = admin(database);
    const owner = { ...connection, ...connectionAs('owner', credentials.owner) };
    const { rows } = await loadBackup(load.store, load.backup.manifest, { ...load, owner });
    return await work({
      owner,
      rows,
      use: (using) =>
        usedAs({ log: load.log, name: load.backup.manifest.name }, keys, { connection, credentials }, using),
    });
  } catch (error) {
    await dropDatabase(admin, database).catch(() => undefined);
    throw error;
  }
}

/** What was restored, as the platform would use it. */
export async function usedAs<T>(
  { log, name }: { readonly log: Logger; readonly name: string },
  keys: HostKeys,
  access: { connection: pg.ClientConfig; credentials: DatabaseCredentials },
  work: (using: Using) => Promise<T>,
): Promise<T> {
  let database: Database | undefined;
  try {
    // What reads across organisations in one long transaction asks for keys meanwhile, which takes connections of the same pool.
    database = await connectDatabase({
      ...access,
      log,
      poolSizes: { server: 1, ingest: 1, maintenance: MOST_COPIES + 3 },
    });
    const inner = createTransactions({ ...database, server: database.inner });
    const { dataKeys, keyStores } = await openDataKeys({ ...keys, transactions: inner, clock: systemClock });
    return await work({ transactions: createTransactions(database), dataKeys, keyStores });
  } catch (error) {
    if (!(error instanceof SealError || error instanceof KeyEpochError)) throw error;
    throw new BackupError(
      'wrong-key',
      `the root key of this data folder does not open what is sealed in ${name}: restore with the root key it was made under`,
      { cause: error },
    );
  } finally {
    await database?.close();
  }
}
