import { copyFileSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { createKeyStoreCopies } from './key-store-copies.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from './keys.builders.ts';
import { type KeyStores, keyStoresOf } from './open-key-store.ts';
import { openSubjectKeyFile } from './subject-key.repository.ts';

// Copies of the key store and its loss, with a real database, the files of a real store, and a clock that is moved.

const DAY = 86_400;
const actor = { kind: 'cli', id: 'cli:0', label: null } as const;
let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let keyStores: KeyStores;
let clock: ReturnType<typeof aClock>;
let file: string;
let folder: string;
let place: { organisation: number; table: string; column: string; row: string };

beforeEach(async () => {
  database = await aDatabase();
  clock = aClock();
  file = aKeyStoreFile();
  server = await aServerOfKeys(database, { rootKey: aRootKey(), clock, file });
  keyStores = keyStoresOf({ transactions: server.transactions, file, clock });
  folder = mkdtempSync(join(tmpdir(), 'valtronics-copies-'));
  place = { organisation: await anOrganisation(database), table: 'subjects', column: 'name_sealed', row: 'a' };
});
afterEach(async () => {
  await keyStores?.close();
  server?.subjectKeys.close();
  rmSync(folder, { recursive: true, force: true });
  await database?.drop();
});

const copiesIn = (where: string | undefined, days = 7) =>
  createKeyStoreCopies({ transactions: server.transactions, keyStores, settings: { folder: where, days }, clock });
const eventsOf = async (event: string) =>
  (await database.admin.query('select actor_id, resource_id, details from audit_events where event = $1', [event]))
    .rows;
const runJob = (copies: ReturnType<typeof copiesIn>) => copies.job.run(new AbortController().signal);

describe('a copy', () => {
  test('is whole, private, named by when it was made, on record, and brings back what the store had', async () => {
    const hers = await server.dataKeys.seal('hers', place, 'ada');
    await server.dataKeys.seal('his', place, 'bob');
    const made = await copiesIn(folder).make(actor);
    const name = `valtronics-keys-${server.subjectKeys.id}-20260101T000000Z.db`;
    expect(made).toEqual({
      ...{ name, place: folder, keys: 2, deleted: [] },
      thrownAwayAt: new Date('2026-01-08T00:00:00Z'),
    });
    expect(readdirSync(folder)).toEqual([name]);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(await eventsOf('key_store.copied')).toEqual([
      {
        actor_id: 'cli:0',
        resource_id: server.subjectKeys.id,
        details: { name, place: folder, keys: 2, thrownAwayAt: '2026-01-08T00:00:00.000Z' },
      },
    ]);
    // The store is lost, and a running server finds the copy that is put back.
    rmSync(file);
    await expect(keyStores.ours()).rejects.toThrow(/is missing/);
    copyFileSync(join(folder, name), file);
    const back = await keyStores.ours();
    expect([back.id, [...(await back.countByEpoch())]]).toEqual([server.subjectKeys.id, [[2, 2]]]);
    expect((await server.dataKeys.open(hers, place, 'ada')).toString()).toBe('hers');
  });

  test('is made once a day, and thrown away when its time is over, also one that was interrupted or is of a lost store', async () => {
    await server.dataKeys.seal('hers', place, 'ada');
    const copies = copiesIn(folder, 2);
    await runJob(copies);
    await runJob(copies);
    expect(readdirSync(folder)).toHaveLength(1);
    const [first = ''] = readdirSync(folder);
    const left = first.replace('.db', '.db.part');
    const of = (id: string) => first.replace(server.subjectKeys.id, id);
    const strange = of('018f2f5c-0f5e-7c6e-9d5a-1f2e3d4c5b6a');
    for (const name of [left, `${left}-journal`, strange, 'notes.txt']) writeFileSync(join(folder, name), 'x');
    clock.pass(DAY);
    await runJob(copies);
    expect((await copies.list()).map(({ at, isWhole }) => [at.toISOString().slice(0, 10), isWhole])).toEqual(
      expect.arrayContaining([
        ['2026-01-02', true],
        ['2026-01-01', true],
        ['2026-01-01', false],
      ]),
    );
    await database.admin.query(`insert into key_stores (id, created_at, replaced_at) values ($1, now(), now())`, [
      '018f2f5c-0f5e-7c6e-9d5a-1f2e3d4c5b6a',
    ]);
    renameSync(file, `${file}.away`);
    clock.pass(DAY);
    // It is lost: no copy can be made, and those whose time is over go all the same.
    await expect(runJob(copies)).rejects.toThrow(/is missing/);
    expect(readdirSync(folder).toSorted()).toEqual([
      'notes.txt',
      `valtronics-keys-${server.subjectKeys.id}-20260102T000000Z.db`,
    ]);
    expect(await eventsOf('key_store.copy_deleted')).toEqual([
      {
        actor_id: 'key-store-copies',
        resource_id: null,
        details: { names: expect.arrayContaining([first, left, `${left}-journal`, strange]), after: 2 },
      },
    ]);
  });

  test('of another installation in the same folder is none of ours', async () => {
    const strange = 'valtronics-keys-018f2f5c-0f5e-7c6e-9d5a-1f2e3d4c5b6a-20200101T000000Z.db';
    writeFileSync(join(folder, strange), 'x');
    await copiesIn(folder).make(actor);
    expect(readdirSync(folder)).toContain(strange);
  });

  test('is not made where there is no folder for it: none set, or its storage not mounted', async () => {
    await expect(copiesIn(undefined).make(actor)).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('set VALTRONICS_KEY_STORE_COPY_FOLDER'),
    });
    await runJob(copiesIn(undefined));
    const gone = join(folder, 'not-mounted');
    await expect(copiesIn(gone).make(actor)).rejects.toMatchObject({
      detail: `${gone} is not there: is its storage mounted?`,
    });
    expect(await eventsOf('key_store.copied')).toEqual([]);
  });
});

describe('the loss of the store', () => {
  test('is accepted only where it is lost, and by who names it; then a new one is on record', async () => {
    await server.dataKeys.seal('hers', place, 'ada');
    await (await keyStores.ours()).countByEpoch();
    const lost = server.subjectKeys.id;
    await expect(keyStores.lost()).rejects.toThrow(/is there, so it is not lost/);
    await expect(keyStores.acceptLoss(actor, lost)).rejects.toThrow(/is there, so it is not lost/);
    renameSync(file, `${file}.away`);
    expect(await keyStores.lost()).toEqual({ store: lost, file });
    await expect(keyStores.acceptLoss(actor, '018f2f5c-0f5e-7c6e-9d5a-1f2e3d4c5b6a')).rejects.toThrow(/another store/);
    const made = await keyStores.acceptLoss(actor, lost);
    expect(made).not.toBe(lost);
    expect((await keyStores.ours()).id).toBe(made);
    expect(await eventsOf('key_store.created')).toContainEqual({
      actor_id: 'cli:0',
      resource_id: made,
      details: { replaces: lost },
    });
    // The old one is of no use any more.
    renameSync(`${file}.away`, file);
    await expect(keyStores.ours()).rejects.toThrow(/of another database/);
  });

  test('another store in its place is not taken for a loss', async () => {
    renameSync(file, `${file}.away`);
    openSubjectKeyFile(file, { mayCreate: true }).close();
    await expect(keyStores.lost()).rejects.toThrow(/is there, so it is not lost/);
  });
});
