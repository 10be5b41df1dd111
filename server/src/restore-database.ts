import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './platform/config/config.ts';
import { parseDatabaseUrl } from './platform/db/connection-policy.ts';
import { startEmbeddedPostgres } from './platform/db/embedded.ts';
import { DEFAULT_DATABASE } from './platform/db/provision.ts';
import { isInUse, replaceDatabase } from './platform/db/replace-database.ts';
import type { CredentialStore } from './platform/db/roles.ts';
import { runMigrations } from './platform/db/run-migrations.ts';
import { type BackupToLoad, type HostKeys, withRestored } from './restored-database.ts';
import { listAuditKeys } from './security/audit/audit-key.ts';
import type { Transactions } from './security/audit/transactions.types.ts';
import { BackupError } from './security/backups/backup-error.ts';
import { endAllSessions } from './security/backups/backups.repository.ts';
import { assertSigned } from './security/backups/manifest.ts';
import { createKeyRing } from './security/crypto/key-ring.ts';
import { unlockRootKey } from './security/crypto/unlock-root-key.ts';
import type { DataKeys } from './security/keys/data-keys.ts';
import { type AdminConnection, credentialStore } from './start-database.ts';

export interface Restore extends BackupToLoad {
  readonly config: Config;
  /** Whether a database that is there already may be put aside. */
  readonly replaces: boolean;
  readonly uid: number;
}

const FRESH = '_being_restored';
const ASIDE = '_before_restore';

/**
 * Restores a backup beside whatever database there is, and puts it in its place only once all of it is there, its rows fit together, the root
 * key opens what is sealed in it, and a key that the root key vouches for has signed the manifest. Until then nothing has changed.
 */
export async function restoreDatabase(
  restore: Restore,
): Promise<{ rows: number; endedSessions: number; aside?: string }> {
  assertRootKeyIsThere(restore.config);
  return inNewFolder(restore.config.dataDir, () => restoreWithKey(restore));
}

/** A new one would be made, and open nothing. */
export function assertRootKeyIsThere(config: Config): void {
  const places = [config.rootKeyFile, join(config.dataDir, 'root.key.transit')];
  if (config.rootKey === undefined && !places.some((place) => existsSync(place)))
    throw new BackupError(
      'unusable',
      `${config.rootKeyFile} is missing: put the root key there first, which no backup of the database holds`,
    );
}

/** Where nothing was installed yet, what a refused restore made goes again: else its key, if it was the wrong one, would be kept to. */
export async function inNewFolder<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const inFolder = () => (existsSync(dataDir) ? readdirSync(dataDir) : []);
  const before = inFolder();
  if (before.includes('root.key.check')) return work();
  try {
    return await work();
  } catch (error) {
    const made = inFolder().filter((name) => !before.includes(name));
    for (const name of made) rmSync(join(dataDir, name), { recursive: true, force: true });
    throw error;
  }
}

async function restoreWithKey(restore: Restore): ReturnType<typeof replace> {
  const { config, log } = restore;
  const rootKey = await unlockRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const keys = { rootKey, keyRing, dataDir: config.dataDir };
  const store = credentialStore(config, keyRing);
  if (config.databaseUrl !== undefined) {
    const target = parseDatabaseUrl(config.databaseUrl.reveal());
    return replace(restore, keys, target.connectionTo, target.database, store);
  }
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log });
  try {
    return await replace(restore, keys, embedded.adminConnection, DEFAULT_DATABASE, store);
  } finally {
    await embedded.stop();
  }
}

async function replace(
  restore: Restore,
  keys: HostKeys,
  admin: AdminConnection,
  database: string,
  credentials: CredentialStore,
) {
  const replacing = await isInUse(admin, database);
  if (replacing && !restore.replaces)
    throw new BackupError(
      'unusable',
      `there is a database ${database} already: with --replace it is put aside and kept as ${database}${ASIDE}`,
    );
  const [fresh, aside] = [`${database}${FRESH}`, `${database}${ASIDE}`];
  return withRestored(restore, { admin, credentials, database: fresh, keys }, async ({ owner, rows, use }) => {
    await runMigrations(owner);
    const endedSessions = await use(({ transactions, dataKeys }) => accept(restore, dataKeys, transactions));
    restore.signal.throwIfAborted();
    await replaceDatabase(admin, { database, fresh, aside });
    const total = [...rows.values()].reduce((sum, count) => sum + count, 0);
    return { rows: total, endedSessions, ...(replacing ? { aside } : {}) };
  });
}

/**
 * The keys are taken from the halves that the root key opens. Whoever made a database and signed it with a key of their own has no root key to
 * seal that key with, so theirs is not among them.
 */
async function accept(
  { backup, store, uid }: Restore,
  dataKeys: DataKeys,
  transactions: Transactions,
): Promise<number> {
  assertSigned(backup, await transactions.readAcross((reader) => listAuditKeys(reader, dataKeys)));
  return transactions.system(
    { organisationId: null, actor: { kind: 'cli', id: `cli:${uid}`, label: null }, event: 'backup.restored' },
    async (tx) => {
      const endedSessions = await endAllSessions(tx);
      const { name, at } = backup.manifest;
      tx.describe({ resource: { kind: 'backup', id: name }, details: { at, place: store.place, endedSessions } });
      return endedSessions;
    },
  );
}
