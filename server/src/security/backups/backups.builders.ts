import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { onTestFinished } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { systemClock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { openDump } from '../../platform/db/dump/dump-tables.ts';
import { folderStorage } from '../../platform/storage/folder-storage.ts';
import { type AuditKey, loadAuditKey } from '../audit/audit-key.ts';
import { createTransactions } from '../audit/transactions.ts';
import { createKeyRing } from '../crypto/key-ring.ts';
import { newRootKeyText, parseRootKey } from '../crypto/root-key.ts';
import { openDataKeys } from '../keys/open-data-keys.ts';
import { type BackupStore, backupStore } from './backup-store.ts';
import { createBackup } from './create-backup.ts';
import type { BackupToMake } from './make-backup.ts';
import { newBackupName } from './manifest.ts';

export const ROOT_KEY = newRootKeyText();

/** What a host with that root key opens a database with. */
export function aHost(database: TestDatabase, rootKeyText = ROOT_KEY) {
  const rootKey = parseRootKey(rootKeyText);
  if (!rootKey) throw new Error('no root key');
  const dataDir = mkdtempSync(join(tmpdir(), 'valtronics-backups-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const keys = { rootKey, keyRing: createKeyRing(rootKey), dataDir };
  const transactions = createTransactions({ ...database, server: database.inner });
  return { keys, transactions, open: () => openDataKeys({ transactions, ...keys, clock: systemClock }) };
}

/** The audit log's key of a database, as a server with that root key would have it. */
export async function anAuditKey(database: TestDatabase): Promise<AuditKey> {
  const { transactions, open } = aHost(database);
  const { dataKeys } = await open();
  return loadAuditKey({ transactions, dataKeys, host: 'backups.test' });
}

export function aFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-backups-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return {
    store: backupStore(folderStorage(folder)),
    /** Rewrites a file of the folder. */
    change(name: string, ending: 'manifest' | 'tar.zst.age', how: (bytes: Buffer) => Buffer | string) {
      const path = join(folder, `${name}.${ending}`);
      writeFileSync(path, how(readFileSync(path)));
    },
  };
}

/** How many transactions of the platform wait for their client, which is what PostgreSQL ends after a while. */
export async function waitingTransactions({ admin, name }: TestDatabase): Promise<number> {
  await admin.query('select pg_sleep(0.1)');
  const found = await admin.query(
    `select from pg_stat_activity where datname = $1 and usename = 'valtronics_maintenance' and state = 'idle in transaction'
     and xact_start < clock_timestamp() - interval '0.1 seconds'`,
    [name],
  );
  return found.rowCount ?? 0;
}

export async function anIdentity() {
  const identity = await generateIdentity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** A database with something of everything that is hard to bring back: partitions, a journal, sealed values, the log's own tables. */
export async function aFilledDatabase(points = 5_000): Promise<{ database: TestDatabase; key: AuditKey }> {
  const database = await aDatabase();
  onTestFinished(() => database.drop());
  const key = await anAuditKey(database);
  const [device, user] = [newId(), newId()];
  await database.admin.query(
    `insert into organisations (public_id, name) values (gen_random_uuid(), E'Müller\\tund\\\\Söhne\\n');
     insert into users (id, organisation_id, email, role, status) values ('${user}', 1, 'ada@example.org', 'admin', 'active');
     insert into devices (id, organisation_id, name, type) values ('${device}', 1, 'Press 1', 'pressure');
     insert into series (organisation_id, device_id, metric, value_type) values (1, '${device}', 'bar', 'number');
     select ensure_points_day(date '2026-01-01'), ensure_points_day(date '2026-01-02');
     insert into points select 1, 1, timestamptz '2026-01-01T12:00:00Z' + n * (interval '24 hours' / ${points}), random(), case n % 7 when 0 then E'\\\\N\\t' end
       from generate_series(1, ${points}) n`,
  );
  await aSession(database, user);
  return { database, key };
}

async function aSession(database: TestDatabase, user: string): Promise<void> {
  await database.admin.query(
    `insert into sessions (id, organisation_id, user_id, kind, token_hash, created_at, last_seen_at, idle_expires_at, absolute_expires_at, verified_at)
     values ($1, 1, $2, 'browser', $3, now(), now(), now() + interval '1 hour', now() + interval '12 hours', now())`,
    [newId(), user, randomBytes(32)],
  );
}

export async function aBackup(
  { database, key }: { readonly database: TestDatabase; readonly key: AuditKey },
  store: BackupStore,
  recipients: readonly string[],
) {
  const dump = await openDump(database.connection('owner'));
  try {
    const at = systemClock.date();
    const { manifest } = await createBackup({
      dump,
      store,
      recipients,
      key,
      name: newBackupName(at, randomBytes(4)),
      at,
      signal: new AbortController().signal,
      onProgress: () => undefined,
      isGentle: false,
    });
    return manifest;
  } finally {
    await dump.close();
  }
}

/** What a backup of a filled database is made with. */
export async function backupToMake(): Promise<{ database: TestDatabase; making: BackupToMake }> {
  const { database, key } = await aFilledDatabase(10);
  const { recipient } = await anIdentity();
  const making = {
    store: aFolder().store,
    transactions: createTransactions(database),
    recipients: [recipient],
    openDump: () => openDump(database.connection('owner')),
    openKey: async () => key,
    actor: { kind: 'system', id: 'backups', label: null },
    scheduled: true,
    isGentle: false,
    clock: systemClock,
    onProgress: () => undefined,
    signal: new AbortController().signal,
  } as const;
  return { database, making };
}
