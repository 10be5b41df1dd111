import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { signerOf, signNote } from '../../lib/transparency/signed-note.ts';
import { listTables } from '../../platform/db/dump/database-content.ts';
import { migrate } from '../../platform/db/migrate.ts';
import { MIGRATIONS_FOLDER } from '../../platform/db/run-migrations.ts';
import { decompress } from '../../platform/files/zstd.ts';
import { decryptFile } from '../crypto/files/file-encryption.ts';
import { BackupError } from './backup-error.ts';
import type { BackupStore } from './backup-store.ts';
import { aBackup, aFilledDatabase, aFolder, anAuditKey, anIdentity, ROOT_KEY } from './backups.builders.ts';
import { loadBackup } from './load-backup.ts';
import { assertSigned, digestOf, type Manifest, readManifest, signManifest } from './manifest.ts';
import { checkFile, openBackup } from './open-backup.ts';

const reading = { onProgress: () => undefined, signal: new AbortController().signal };
const NOWHERE = {
  head: async () => undefined,
  table: async () => ({ write: async () => undefined, end: async () => undefined }),
};

async function anEmptyDatabase(): Promise<TestDatabase> {
  const database = await aDatabase({ empty: true });
  onTestFinished(() => database.drop());
  return database;
}

/** A digest of every table's rows, whatever their order. */
async function rowsOf(client: pg.Client): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, columns } of await listTables(client)) {
    const list = columns.map((column) => pg.escapeIdentifier(column)).join(', ');
    const { rows } = await client.query<{ digest: string }>(
      `select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') as digest
       from (select ${list} from ${pg.escapeIdentifier(name)}) t`,
    );
    found[name] = rows[0]?.digest ?? '';
  }
  return found;
}

const faultOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'good',
    (error: unknown) => (error instanceof BackupError ? error.problem : error),
  );

async function contentOf(store: BackupStore, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const block of (await store.file(name))?.blocks ?? []) parts.push(Buffer.from(block));
  return Buffer.concat(parts);
}

async function aStoredBackup(points = 5_000) {
  const source = await aFilledDatabase(points);
  const folder = aFolder();
  const { identity, recipient } = await anIdentity();
  const manifest = await aBackup(source, folder.store, [recipient]);
  return { ...source, ...folder, identity, recipient, manifest, name: manifest.name };
}

describe('a backup', () => {
  test('brings every row back, with sequences, foreign keys and triggers in their place', async () => {
    const { database, store, identity, manifest, key } = await aStoredBackup();
    const fresh = await anEmptyDatabase();
    assertSigned(readManifest(await store.manifest(manifest.name), manifest.name), [key.verifier]);
    await loadBackup(store, manifest, { ...reading, identities: [identity], owner: fresh.connection('owner') });

    const before = await rowsOf(database.admin);
    expect(before.points_20260101).toMatch(/^2499 /);
    expect(await rowsOf(fresh.admin)).toEqual(before);
    const constraints = `select conrelid::regclass::text as place, conname, pg_get_constraintdef(oid) from pg_constraint
      where connamespace = 'public'::regnamespace order by 1, 2`;
    expect((await fresh.admin.query(constraints)).rows).toEqual((await database.admin.query(constraints)).rows);
    const triggers = `select tgrelid::regclass::text as place, tgname, tgenabled from pg_trigger where not tgisinternal order by 1, 2`;
    expect((await fresh.admin.query(triggers)).rows).toEqual((await database.admin.query(triggers)).rows);
    await expect(fresh.admin.query(`update audit_events set event = 'x'`)).rejects.toThrow();
    const next = await fresh.admin.query<{ id: number }>(
      `insert into organisations (public_id, name) values (gen_random_uuid(), 'next') returning id`,
    );
    expect(next.rows[0]?.id).toBe(2);
    // The roles serve it as they serve any other.
    const ingest = new pg.Client(fresh.connection('ingest'));
    await ingest.connect();
    await ingest.query(`insert into points_20260101 values (1, 1, '2026-01-01T00:00:01Z', 1)`);
    await ingest.end();
  });

  test('holds one moment: what is written while it is made is all in it or not at all', async () => {
    const source = await aFilledDatabase();
    const { store } = aFolder();
    const { identity, recipient } = await anIdentity();
    await source.database.admin.query(
      'create table a_probe (n integer); create table z_probe (n integer); alter table a_probe owner to valtronics_owner; alter table z_probe owner to valtronics_owner',
    );
    let writes = 0;
    let isDone = false;
    const writer = new pg.Client(source.database.connection('admin'));
    await writer.connect();
    // Two tables in one transaction, of which one is copied long before the other; and days that appear meanwhile.
    const writing = (async () => {
      for (; !isDone; writes += 1)
        await writer.query(
          `begin; select ensure_points_day(date '2026-02-01' + ${writes % 40});
           insert into a_probe values (${writes}); insert into z_probe values (${writes}); commit`,
        );
    })();
    const manifest = await aBackup(source, store, [recipient]).finally(async () => {
      isDone = true;
      await writing.finally(() => writer.end());
    });
    const counts = await openBackup(store, manifest, { ...reading, identities: [identity], sink: NOWHERE });
    expect(writes).toBeGreaterThan(3);
    expect(counts.rows.get('a_probe')).toBe(counts.rows.get('z_probe'));
  });

  test('of an older schema is brought up to date; one of a newer release is refused before anything is loaded', async () => {
    const older = await anEmptyDatabase();
    const { total } = await migrate(older.connection('owner'), MIGRATIONS_FOLDER, 24);
    expect(total).toBe(24);
    await older.admin.query(`insert into organisations (public_id, name) values (gen_random_uuid(), 'older')`);
    const key = await anAuditKey(older);
    const { store } = aFolder();
    const { identity, recipient } = await anIdentity();
    const manifest = await aBackup({ database: older, key }, store, [recipient]);
    expect(manifest.database.migration).toBe('0024-key-hierarchy.sql');

    const fresh = await anEmptyDatabase();
    const options = { ...reading, identities: [identity], owner: fresh.connection('owner') };
    await loadBackup(store, manifest, options);
    expect((await fresh.admin.query('select from schema_migrations')).rowCount).toBe(24);
    const { applied } = await migrate(fresh.connection('owner'), MIGRATIONS_FOLDER);
    expect(applied[0]).toMatch(/^0025-/);
    expect((await fresh.admin.query('select name from organisations')).rows).toEqual([{ name: 'older' }]);

    await older.admin.query(
      `insert into schema_migrations (number, name, sha256) values (25, '0025-tomorrow.sql', repeat('a', 64))`,
    );
    const newer = await aBackup({ database: older, key }, store, [recipient]);
    const empty = await anEmptyDatabase();
    const loading = loadBackup(store, newer, { ...options, owner: empty.connection('owner') });
    await expect(loading).rejects.toThrow(/made by a newer release \(it has 0025-tomorrow\.sql\)/);
    expect((await empty.admin.query(`select to_regclass('organisations') as there`)).rows).toEqual([{ there: null }]);
  });

  test.for([
    [
      'a row refers to one that is not there',
      `alter table devices disable trigger all; update devices set organisation_id = 987654321; alter table devices enable trigger all`,
      /^valtronics-\S+ does not come back: rows of the table devices refer to rows that are not there \(devices_\w+\)\. Take another one/,
    ],
    [
      'a row is what its table does not take',
      `alter table users drop constraint users_role_check; update users set role = 'Ada Lovelace'`,
      /does not come back: rows of the table users are not what the table takes \(users_role_check\)/,
    ],
    [
      'there is a table that the schema does not know',
      'create table a_probe (n integer); alter table a_probe owner to valtronics_owner; insert into a_probe values (1)',
      /does not come back: the schema has no table a_probe/,
    ],
  ] as const)('of a database that is not in order is found not to come back: %s', async ([, statements, message]) => {
    const source = await aFilledDatabase(10);
    await source.database.admin.query(statements);
    const { store } = aFolder();
    const { identity, recipient } = await anIdentity();
    const manifest = await aBackup(source, store, [recipient]);
    const fresh = await anEmptyDatabase();
    const loading = loadBackup(store, manifest, {
      ...reading,
      identities: [identity],
      owner: fresh.connection('owner'),
    });
    const fault = await loading.catch((error: unknown) => error);
    expect(fault).toMatchObject({ problem: 'inconsistent', message: expect.stringMatching(message) });
    expect((fault as Error).message).not.toMatch(/987654321|Ada/);
    expect((await fresh.admin.query('select from users')).rowCount).toBe(0);
  });

  test('holds no key that opens what is sealed in it', async () => {
    const { store, identity, name, key } = await aStoredBackup();
    const file = await store.file(name);
    if (!file) throw new Error('no file');
    const { blocks } = await decryptFile(file.blocks, { identities: [identity] });
    const parts: Buffer[] = [];
    for await (const block of decompress(blocks)) parts.push(Buffer.from(block));
    const plain = Buffer.concat(parts);
    expect(plain.includes('ada@example.org')).toBe(true);
    const secrets = [ROOT_KEY.split(':')[1] ?? '', key.seed.toString('base64url'), key.seed.toString('hex')];
    for (const secret of secrets) expect(plain.includes(secret)).toBe(false);
    expect(plain.includes(key.seed)).toBe(false);
  });
});

describe('damage is told', () => {
  test('of the file, wherever it is, with an identity and without', async () => {
    const { store, identity, manifest, name, change } = await aStoredBackup();
    const good = await contentOf(store, name);
    const flipped = (at: number) => {
      const bytes = Buffer.from(good);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      return bytes;
    };
    const damages: Record<string, Buffer> = {
      'cut short by a byte': good.subarray(0, -1),
      'cut at a chunk': good.subarray(0, good.length - (good.length % 65_552)),
      'its header only': good.subarray(0, 200),
      empty: Buffer.alloc(0),
      // Another letter of the share, which looks like a share for somebody else.
      'a letter of the header': Buffer.concat([
        good.subarray(0, 40),
        Buffer.from(good[40] === 0x41 ? 'B' : 'A'),
        good.subarray(41),
      ]),
      'a bit of the header': flipped(3),
      'a bit of the middle': flipped(good.length >> 1),
      'the last bit': flipped(good.length - 1),
      'one byte more': Buffer.concat([good, Buffer.of(0)]),
      'twice the same': Buffer.concat([good, good]),
    };
    for (const [what, bytes] of Object.entries(damages)) {
      change(name, 'tar.zst.age', () => bytes);
      expect(await faultOf(checkFile(store, manifest, reading)), what).toBe('damaged');
      const opening = openBackup(store, manifest, { ...reading, identities: [identity], sink: NOWHERE });
      expect(await faultOf(opening), what).toBe('damaged');
    }
    change(name, 'tar.zst.age', () => good);
    expect(await faultOf(checkFile(store, manifest, reading))).toBe('good');
    expect(await faultOf(openBackup(store, manifest, { ...reading, identities: [identity], sink: NOWHERE }))).toBe(
      'good',
    );
  });

  test('nothing of a damaged backup is in the database it was to fill', async () => {
    const { store, identity, manifest, name, change } = await aStoredBackup(100_000);
    change(name, 'tar.zst.age', (bytes) => {
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
      return bytes;
    });
    const fresh = await anEmptyDatabase();
    const loading = loadBackup(store, manifest, {
      ...reading,
      identities: [identity],
      owner: fresh.connection('owner'),
    });
    expect(await faultOf(loading)).toBe('damaged');
    // It had begun: the schema is there.
    expect((await fresh.admin.query('select from organisations')).rowCount).toBe(0);
  });

  test('of what is in it, by whoever may encrypt but did not sign', async () => {
    const { store, identity, manifest } = await aStoredBackup(10);
    const other = { ...manifest, contents: { ...manifest.contents, sha256: '0'.repeat(64) } };
    const opening = openBackup(store, other, { ...reading, identities: [identity], sink: NOWHERE });
    await expect(opening).rejects.toThrow(/holds something else than its manifest says/);
  });

  test('another identity opens nothing, and is not taken for damage', async () => {
    const { store, manifest } = await aStoredBackup();
    const { identity } = await anIdentity();
    expect(await faultOf(openBackup(store, manifest, { ...reading, identities: [identity], sink: NOWHERE }))).toBe(
      'wrong-key',
    );
  });

  test('a good backup under the name of another', async () => {
    const source = await aFilledDatabase(10);
    const { store, change } = aFolder();
    const { identity, recipient } = await anIdentity();
    const [older, newer] = [await aBackup(source, store, [recipient]), await aBackup(source, store, [recipient])];
    const text = await store.manifest(older.name);
    const whole = await contentOf(store, older.name);
    change(newer.name, 'tar.zst.age', () => whole);
    const opening = openBackup(store, newer, { ...reading, identities: [identity], sink: NOWHERE });
    expect(await faultOf(opening)).toBe('damaged');
    // With its manifest, too.
    expect(() => readManifest(text, newer.name)).toThrow(/its manifest is that of/);
  });

  test('another one in its place whose rows do not even fit into the tables: not as what is wrong with those rows', async () => {
    const { store, identity, recipient, change, name, manifest } = await aStoredBackup(10);
    const theirs = await aFilledDatabase(10);
    await theirs.database.admin.query(
      `alter table users drop constraint users_role_check; update users set role = 'Ada Lovelace'`,
    );
    const other = await contentOf(store, (await aBackup(theirs, store, [recipient])).name);
    change(name, 'tar.zst.age', () => other);
    const owner = (await anEmptyDatabase()).connection('owner');
    await expect(loadBackup(store, manifest, { ...reading, identities: [identity], owner })).rejects.toThrow(
      `${name} is not the backup that was made`,
    );
  });

  test('a backup of somebody else, who knows the recipient', async () => {
    const { store, identity, recipient, change, name, key } = await aStoredBackup();
    const theirs = await aFilledDatabase(10);
    const forged = await aBackup(theirs, store, [recipient]);
    const whole = await contentOf(store, forged.name);
    change(name, 'tar.zst.age', () => whole);
    change(name, 'manifest', () => signManifest({ ...forged, name }, theirs.key));
    const read = readManifest(await store.manifest(name), name);
    // In itself it is whole.
    expect(await faultOf(openBackup(store, read.manifest, { ...reading, identities: [identity], sink: NOWHERE }))).toBe(
      'good',
    );
    expect(() => assertSigned(read, [key.verifier])).toThrow(/is not a key that is believed here/);
  });

  test.each<[string, (text: string, manifest: Manifest) => string, RegExp]>([
    [
      'a digit of it',
      (text, { file }) => text.replace(`"bytes":${file.bytes}`, `"bytes":${file.bytes + 1}`),
      /was altered after/,
    ],
    ['its signature', (text) => `${text.split('\n\n')[0]}\n`, /no signed note/],
    ['a space in it', (text) => text.replace('{"', '{ "'), /cannot be read/],
    ['its heading', (text) => text.replace('backup/1', 'backup/2'), /its manifest is none/],
    ['everything', () => 'nothing\n', /no signed note/],
  ])('of the manifest: %s', async (_, how, message) => {
    const { store, manifest, name, change, key } = await aStoredBackup();
    change(name, 'manifest', (bytes) => how(String(bytes), manifest));
    const judged = store.manifest(name).then((text) => assertSigned(readManifest(text, name), [key.verifier]));
    await expect(judged).rejects.toThrow(message);
    await expect(judged).rejects.toBeInstanceOf(BackupError);
  });

  test('a checkpoint of the audit log is no manifest, though the same key signed it', async () => {
    const { name, key } = await aStoredBackup();
    const checkpoint = signNote(
      `${key.verifier.name}/instance\n1\n${digestOf('')}\n`,
      signerOf(key.verifier.name, key.seed),
    );
    expect(() => readManifest(checkpoint, name)).toThrow(/its manifest is none/);
  });
});
