import type { NoteVerifier } from './lib/transparency/signed-note.ts';
import type { Config } from './platform/config/config.ts';
import { connectionAs } from './platform/db/database.ts';
import { DEFAULT_DATABASE, provision } from './platform/db/provision.ts';
import { type Recovered, RecoveryError, recoverCluster } from './platform/db/recover-cluster.ts';
import { runMigrations } from './platform/db/run-migrations.ts';
import type { Logger } from './platform/log/log.ts';
import { assertRootKeyIsThere, inNewFolder } from './restore-database.ts';
import { type HostKeys, usedAs } from './restored-database.ts';
import { listAuditKeys } from './security/audit/audit-key.ts';
import { BackupError } from './security/backups/backup-error.ts';
import { endAllSessions } from './security/backups/backups.repository.ts';
import { assertSigned } from './security/backups/manifest.ts';
import type { ChainStore } from './security/backups/point-in-time/chain-store.ts';
import { layOutRoute } from './security/backups/point-in-time/lay-out-route.ts';
import { recordSent } from './security/backups/point-in-time/point-in-time.repository.ts';
import { type Route, routeTo } from './security/backups/point-in-time/reachable.ts';
import { forgetWalCursor, readWalCursor } from './security/backups/point-in-time/wal-cursor.ts';
import { createKeyRing } from './security/crypto/key-ring.ts';
import { unlockRootKey } from './security/crypto/unlock-root-key.ts';
import { credentialStore } from './start-database.ts';

export interface PointInTime {
  readonly config: Config;
  readonly log: Logger;
  readonly store: ChainStore;
  readonly at: Date;
  /** The newest base before that unless told. */
  readonly base: string | undefined;
  readonly identities: readonly string[];
  readonly keys: readonly NoteVerifier[] | undefined;
  readonly replaces: boolean;
  readonly uid: number;
  /** Bytes of files that are to be read; told before the first. */
  onTotal(bytes: number): void;
  onProgress(bytes: number): void;
  readonly signal: AbortSignal;
}

export interface RestoredPoint {
  readonly base: string;
  readonly segments: number;
  /** Of the last transaction that is in it; null: none since the base. */
  readonly lastCommitAt: string | null;
  readonly firstNotIn: { readonly transaction: string; readonly at: string } | null;
  readonly endedSessions: number;
  readonly aside?: string;
}

/**
 * Restores the embedded database as it was at a moment, beside what is there, and puts it in its place only once PostgreSQL has come to that moment,
 * and the root key opens what is sealed in it. What is restored is known to be ours before PostgreSQL is started on it.
 */
export async function restorePointInTime(restore: PointInTime): Promise<RestoredPoint> {
  const { config } = restore;
  if (config.databaseUrl !== undefined)
    throw new BackupError(
      'unusable',
      'going back to a moment is for the embedded database; DATABASE_URL names another, which its own tools bring back',
    );
  assertRootKeyIsThere(config);
  return inNewFolder(config.dataDir, () => restoreWithKey(restore));
}

async function restoreWithKey(restore: PointInTime): Promise<RestoredPoint> {
  const { config, log, store, at, replaces, signal } = restore;
  const rootKey = await unlockRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const keys: HostKeys = { rootKey, keyRing, dataDir: config.dataDir };
  const route = await routeTo(store, { at, name: restore.base, keyRing, keys: restore.keys });
  const { content: base } = route.base;
  restore.onTotal([base, ...route.segments].reduce((sum, { file }) => sum + file.bytes, 0));
  try {
    const { result, aside } = await recoverCluster(
      {
        dataDir: config.dataDir,
        log,
        replaces,
        at,
        signal,
        fill: (folders) => layOutRoute(store, route, restore, folders),
      },
      async (recovered) => {
        const endedSessions = await accept(restore, route, keys, recovered);
        // Its log continues another one from here: the next start begins a chain, and with it a base.
        forgetWalCursor(config.dataDir);
        return {
          base: base.name,
          segments: route.segments.length,
          lastCommitAt: recovered.lastCommitAt ?? null,
          firstNotIn: recovered.firstNotIn ?? null,
          endedSessions,
        };
      },
    );
    return { ...result, ...(aside === undefined ? {} : { aside }) };
  } catch (error) {
    if (error instanceof RecoveryError) throw new BackupError('unusable', error.message, { cause: error });
    throw error;
  }
}

/** In the database as it was, brought to this release: who signed the base, and that it was gone back. */
async function accept(
  restore: PointInTime,
  route: Route,
  keys: HostKeys,
  { admin, lastCommitAt }: Recovered,
): Promise<number> {
  const { config, log, store, at, uid } = restore;
  const { credentials } = await provision({ adminConnection: admin, store: credentialStore(config, keys.keyRing) });
  const { user: _user, password: _password, ...connection } = admin(DEFAULT_DATABASE);
  await runMigrations({ ...connection, ...connectionAs('owner', credentials.owner) });
  const { content: base, note } = route.base;
  // What was sent after the moment is not in this database, and is still to be there.
  const cursor = readWalCursor(config.dataDir);
  return usedAs({ log, name: base.name }, keys, { connection, credentials }, async ({ transactions, dataKeys }) => {
    assertSigned({ manifest: base, note }, await transactions.readAcross((reader) => listAuditKeys(reader, dataKeys)));
    return transactions.system(
      { organisationId: null, actor: { kind: 'cli', id: `cli:${uid}`, label: null }, event: 'backup.restored' },
      async (tx) => {
        const endedSessions = await endAllSessions(tx);
        if (cursor?.last) await recordSent(tx, cursor.chain, cursor.last);
        tx.describe({
          resource: { kind: 'backup', id: base.name },
          details: { at: at.toISOString(), lastCommitAt, place: store.place, endedSessions },
        });
        return endedSessions;
      },
    );
  });
}
