import { rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { TestDatabase } from '../../tests/support/database.ts';
import { drillDatabase } from './drill-database.ts';
import { asOwner, aTestLog } from './security/audit/audit.builders.ts';
import { BackupError } from './security/backups/backup-error.ts';
import { aBackup, aFilledDatabase, aFolder, aHost, anIdentity } from './security/backups/backups.builders.ts';
import { checkRows, type DrillCheck } from './security/backups/drill-checks.ts';
import { type Manifest, readManifest } from './security/backups/manifest.ts';
import { newRootKeyText } from './security/crypto/root-key.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {}, fatal() {}, trace() {} } as never;

/** A database with a signed audit log and sealed values. */
async function aSource() {
  const { database, key } = await aFilledDatabase(500);
  const host = aHost(database);
  const { dataKeys, epochs } = await host.open();
  const log = await aTestLog(database, dataKeys);
  await log.appendMany(20);
  await log.sign();
  const channel = '01920000-0000-7000-8000-000000000001';
  const place = { organisation: 1, table: 'notification_channels', column: 'secret_sealed', row: channel };
  await database.admin.query(
    `insert into notification_channels (id, organisation_id, name, kind, target, minimum_severity, created_at, secret_sealed)
     values ($1, 1, 'hook', 'webhook', 'https://example.org', 'info', now(), $2)`,
    [channel, await dataKeys.seal('a secret', place)],
  );
  const { store, change } = aFolder();
  return { database, key, host, dataKeys, epochs, log, store, change, ...(await anIdentity()) };
}
type Source = Awaited<ReturnType<typeof aSource>>;

const adminOf = (database: TestDatabase) => (name?: string) => ({
  ...database.connection('admin'),
  database: name ?? 'postgres',
});

const databasesOf = async ({ admin, name }: TestDatabase): Promise<string[]> =>
  (await admin.query(`select datname from pg_database where datname like $1`, [`${name}_%`])).rows.map(
    ({ datname }) => datname,
  );

async function drilled(
  { database, host, store, identity }: Source,
  { name }: Manifest,
  other: Partial<Parameters<typeof drillDatabase>[0]> = {},
): Promise<DrillCheck[]> {
  return drillDatabase({
    admin: adminOf(database),
    credentials: { read: async () => JSON.stringify(database.credentials), write: async () => undefined },
    database: `${database.name}_drill`,
    keys: host.keys,
    store,
    backup: readManifest(await store.manifest(name), name),
    identities: [identity],
    log: quiet,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...other,
  });
}

const outcomes = (checks: readonly DrillCheck[]) =>
  Object.fromEntries(checks.map(({ check, outcome }) => [check, outcome]));
const GOOD = { rows: 'passed', audit_log: 'passed', sealed_values: 'passed', erasures: 'passed' };

describe('a drill', () => {
  test('of a good backup counts rows, verifies every log and opens what is sealed, and leaves nothing', async () => {
    const source = await aSource();
    const checks = await drilled(source, await aBackup(source, source.store, [source.recipient]));
    expect(outcomes(checks)).toEqual(GOOD);
    expect(checks[0]?.detail).toMatch(/^\d{3,} rows in \d{2,} tables$/);
    expect(checks[1]?.detail).toMatch(/^\d{2,} entries of 2 logs, as they were signed$/);
    expect(checks[2]?.detail).toMatch(/^\d+ values of 2 columns open; \d+ columns are empty$/);
    expect(await databasesOf(source.database)).toEqual([]);
  });

  test('fails for an audit log that was altered before the backup was made', async () => {
    const source = await aSource();
    await asOwner(source.database, [
      `update audit_events set details = '{"number":1000}' where organisation_id is not null and details ->> 'number' = '7'`,
    ]);
    const checks = await drilled(source, await aBackup(source, source.store, [source.recipient]));
    expect(outcomes(checks)).toEqual({ ...GOOD, audit_log: 'failed' });
    expect(checks[1]?.detail).toMatch(/^not as signed: backups\.test\/audit\//);
  });

  test('fails for a sealed value that opens no more', async () => {
    const source = await aSource();
    await source.database.admin.query(
      `update notification_channels set secret_sealed = set_byte(secret_sealed, length(secret_sealed) - 1, get_byte(secret_sealed, length(secret_sealed) - 1) # 1)`,
    );
    const checks = await drilled(source, await aBackup(source, source.store, [source.recipient]));
    expect(outcomes(checks)).toEqual({ ...GOOD, sealed_values: 'failed' });
    expect(checks[2]?.detail).toMatch(/^1 of \d+ values do not open: notification_channels\.secret_sealed$/);
  });

  describe('somebody who was erased', () => {
    const subject = '01920000-0000-7000-8000-000000000002';
    const withPerson = async () => {
      const source = await aSource();
      const place = { organisation: 1, table: 'subjects', column: 'reference_sealed', row: subject };
      await source.database.admin.query(
        `insert into subjects (id, organisation_id, reference_sealed, reference_index, created_at) values ($1, 1, $2, $3, now())`,
        [subject, await source.dataKeys.seal('MRN 7', place, subject), Buffer.alloc(32)],
      );
      return source;
    };

    test('after the backup was made is in it, and passes as long as nothing of theirs opens', async () => {
      const source = await withPerson();
      const backup = await aBackup(source, source.store, [source.recipient]);
      expect(outcomes(await drilled(source, backup))).toEqual(GOOD);
      await source.dataKeys.destroySubject(1, subject);
      const checks = await drilled(source, backup);
      expect(outcomes(checks)).toEqual(GOOD);
      expect(checks[2]?.detail).toMatch(/columns open, but for 1 of persons who were erased;/);
      expect(checks[3]?.detail).toBe('1 persons were erased; of 1 the backup holds something, and nothing of it opens');
    });

    test('fails the drill when they can be read', async () => {
      const source = await withPerson();
      // As after an older copy of the key store was put back: the ledger knows them, their key is there.
      await source.database.admin.query(
        `insert into erasures (subject_id, organisation_id, erased_at, unreadable_from, certificate) values ($1, 1, now(), now(), 'x')`,
        [subject],
      );
      const checks = await drilled(source, await aBackup(source, source.store, [source.recipient]));
      expect(outcomes(checks)).toEqual({ ...GOOD, erasures: 'failed' });
    });

    test('is not known of where the key store is missing', async () => {
      const source = await withPerson();
      const backup = await aBackup(source, source.store, [source.recipient]);
      rmSync(join(source.host.keys.dataDir, 'keys'), { recursive: true });
      const checks = await drilled(source, backup);
      expect(outcomes(checks)).toEqual({ ...GOOD, sealed_values: 'unknown', erasures: 'unknown' });
    });

    test('is told apart from whose key went with a retired epoch: that fails the drill', async () => {
      const source = await withPerson();
      const backup = await aBackup(source, source.store, [source.recipient]);
      const { keyStores } = await source.host.open();
      await (await keyStores.existing())?.deleteEpoch((await source.epochs.active()).epoch);
      await keyStores.close();
      const checks = await drilled(source, backup);
      expect(outcomes(checks)).toEqual({ ...GOOD, sealed_values: 'failed' });
      expect(checks[2]?.detail).toMatch(/^1 persons cannot be read any more, though they were not erased/);
    });
  });

  test('fails for rows that are not there, of whatever table', () => {
    const listed = new Map([
      ['devices', 2],
      ['users', 3],
    ]);
    expect(checkRows(listed, new Map(listed)).outcome).toBe('passed');
    expect(checkRows(listed, new Map([...listed, ['users', 2]]))).toMatchObject({
      outcome: 'failed',
      detail: 'other numbers of rows in users',
    });
    expect(checkRows(listed, new Map([['devices', 2]])).outcome).toBe('failed');
    expect(checkRows(listed, new Map([...listed, ['strangers', 1]])).outcome).toBe('failed');
  });

  test('of a backup of an older key epoch passes, also when that epoch was retired since', async () => {
    const source = await aSource();
    const manifest = await aBackup(source, source.store, [source.recipient]);
    const older = await source.epochs.active();
    const next = await source.epochs.advance({ kind: 'system', id: 'test', label: null });
    expect(next.epoch).toBe(older.epoch + 1);
    await source.database.admin.query(
      `update key_epochs set status = 'retired', wrapped_key = null, retired_at = now() where epoch = $1`,
      [older.epoch],
    );
    expect(outcomes(await drilled(source, manifest))).toEqual(GOOD);
  });

  test('refuses a backup that is signed by a key the root key does not vouch for', async () => {
    const source = await aSource();
    const theirs = await aFilledDatabase(10);
    const manifest = await aBackup({ database: source.database, key: theirs.key }, source.store, [source.recipient]);
    await expect(drilled(source, manifest)).rejects.toThrow(/is not a key that is believed here/);
    expect(await databasesOf(source.database)).toEqual([]);
  });

  test('with another root key, another identity, or a damaged file cannot load it, and leaves nothing', async () => {
    const source = await aSource();
    const manifest = await aBackup(source, source.store, [source.recipient]);
    const faultOf = (work: Promise<unknown>) =>
      work.then(
        () => 'good',
        (error: unknown) => (error instanceof BackupError ? error.problem : error),
      );
    const { keys } = aHost(source.database, newRootKeyText());
    expect(await faultOf(drilled(source, manifest, { keys }))).toBe('wrong-key');
    const { identity } = await anIdentity();
    expect(await faultOf(drilled(source, manifest, { identities: [identity] }))).toBe('wrong-key');
    source.change(manifest.name, 'tar.zst.age', (bytes) => {
      bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
      return bytes;
    });
    expect(await faultOf(drilled(source, manifest))).toBe('damaged');
    source.change(manifest.name, 'tar.zst.age', (bytes) => bytes.subarray(0, -100));
    expect(await faultOf(drilled(source, manifest))).toBe('damaged');
    expect(await databasesOf(source.database)).toEqual([]);
  });

  test('that is stopped leaves nothing, and one that was killed is cleared away by the next', async () => {
    const source = await aSource();
    const manifest = await aBackup(source, source.store, [source.recipient]);
    const stopping = new AbortController();
    const onProgress = () => stopping.abort();
    await expect(drilled(source, manifest, { signal: stopping.signal, onProgress })).rejects.toThrow();
    expect(await databasesOf(source.database)).toEqual([]);
    const left = `${source.database.name}_drill`;
    const admin = new pg.Client(adminOf(source.database)());
    await admin.connect();
    onTestFinished(() => admin.end());
    await admin.query(`create database ${left}`);
    expect(outcomes(await drilled(source, manifest))).toEqual(GOOD);
    expect(await databasesOf(source.database)).toEqual([]);
  });
});
