import { copyFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { createTransactions } from '../audit/transactions.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { type Place, SealError } from '../crypto/sealed-value.ts';
import { openKeyEpochs } from './key-epochs.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from './keys.builders.ts';
import { openKeyStore } from './open-key-store.ts';
import { KeyStoreError } from './subject-key.repository.ts';

const actor = { kind: 'cli', id: 'cli:0', label: null } as const;
const nothingSealed = async () => false;

let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let organisation: number;
let place: Place;
const clock = aClock();
const rootKey = aRootKey();
const file = aKeyStoreFile();

beforeAll(async () => {
  database = await aDatabase();
  server = await aServerOfKeys(database, { rootKey, clock, file });
});
afterAll(async () => {
  server?.subjectKeys.close();
  await database?.drop();
});
beforeEach(async () => {
  organisation = await anOrganisation(database);
  place = { organisation, table: 'users', column: 'phone', row: 'u1' };
});

/** Another process on the same database and key store: nothing is known from before. */
const another = () => aServerOfKeys(database, { rootKey, clock, file });
const opened = async (work: Promise<Buffer>): Promise<string> => {
  try {
    return (await work).toString();
  } catch (error) {
    if (error instanceof SealError) return error.problem;
    throw error;
  }
};

describe('each owner has a key of their own', () => {
  test('what is sealed opens, here and at another server', async () => {
    const instance = { ...place, organisation: null };
    const sealed = await Promise.all([
      server.dataKeys.seal('ours', place),
      server.dataKeys.seal('hers', place, 'ada'),
      server.dataKeys.seal('all', instance),
    ]);
    const other = await another();
    for (const { dataKeys } of [server, other]) {
      expect(await opened(dataKeys.open(sealed[0], place))).toBe('ours');
      expect(await opened(dataKeys.open(sealed[1], place, 'ada'))).toBe('hers');
      expect(await opened(dataKeys.open(sealed[2], instance))).toBe('all');
    }
    other.subjectKeys.close();
  });

  test('not with the key of another subject, of the organisation, or of another organisation', async () => {
    const theirs = { ...place, organisation: await anOrganisation(database) };
    const sealed = await server.dataKeys.seal('hers', place, 'ada');
    await server.dataKeys.seal('his', place, 'bob');
    await server.dataKeys.seal('ours', place);
    await server.dataKeys.seal('theirs', theirs);
    expect(await opened(server.dataKeys.open(sealed, place, 'bob'))).toBe('refused');
    expect(await opened(server.dataKeys.open(sealed, place))).toBe('refused');
    expect(await opened(server.dataKeys.open(sealed, theirs))).toBe('refused');
    expect(await opened(server.dataKeys.open(sealed, theirs, 'ada'))).toBe('no-key');
  });

  test('many at once that make the first key of an owner agree on one', async () => {
    const other = await another();
    const sealed = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? server : other).dataKeys.seal('x', place, index % 4 < 2 ? 'eve' : undefined),
      ),
    );
    const third = await another();
    for (const [index, value] of sealed.entries())
      expect(await opened(third.dataKeys.open(value, place, index % 4 < 2 ? 'eve' : undefined))).toBe('x');
    for (const { subjectKeys } of [other, third]) subjectKeys.close();
  });

  test('that is made in the middle of a transaction waits for no connection such transactions hold, and outlives its undoing', async () => {
    const [narrow, store] = [await aDatabase({ poolSizes: { server: 1 } }), aKeyStoreFile()];
    const own = await aServerOfKeys(narrow, { rootKey, clock, file: store });
    const transactions = createTransactions(narrow);
    const sealed = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const here = { ...place, organisation: await anOrganisation(narrow) };
        let value: Buffer = Buffer.alloc(0);
        const undone = transactions.unaudited(here.organisation, 'housekeeping', async () => {
          value = await own.dataKeys.seal('x', here);
          throw new Error('undone');
        });
        await expect(undone).rejects.toThrow('undone');
        return { here, value };
      }),
    );
    const next = await aServerOfKeys(narrow, { rootKey, clock, file: store });
    for (const { here, value } of sealed) expect(await opened(next.dataKeys.open(value, here))).toBe('x');
    for (const { subjectKeys } of [own, next]) subjectKeys.close();
    await narrow.drop();
  });

  test('a wrapped key that somebody moved to another organisation or altered does not unwrap', async () => {
    const theirs = await anOrganisation(database);
    const sealed = await server.dataKeys.seal('ours', place);
    await server.dataKeys.seal('theirs', { ...place, organisation: theirs });
    await database.admin.query(
      `update data_keys set wrapped_key = (select wrapped_key from data_keys where organisation_id = $1) where organisation_id = $2`,
      [theirs, organisation],
    );
    const other = await another();
    expect(await opened(other.dataKeys.open(sealed, place))).toBe('refused');
    other.subjectKeys.close();
  });
});

test('what was sealed before there were data keys opens until epoch 1 is retired', async () => {
  const sealed = server.keyRing.seal('old', place);
  expect(await opened(server.dataKeys.open(sealed, place))).toBe('old');
  expect(await opened(server.dataKeys.open(sealed, place, 'ada'))).toBe('no-key');
});

describe('a subject that is destroyed', () => {
  test('opens at no server any more, and is never sealed for again', async () => {
    const other = await another();
    const sealed = await server.dataKeys.seal('hers', place, 'ada');
    const his = await server.dataKeys.seal('his', place, 'bob');
    expect(await opened(other.dataKeys.open(sealed, place, 'ada'))).toBe('hers');
    await server.dataKeys.destroySubject(organisation, 'ada');
    expect(await opened(server.dataKeys.open(sealed, place, 'ada'))).toBe('no-key');
    await expect(server.dataKeys.seal('again', place, 'ada')).rejects.toMatchObject({ problem: 'no-key' });
    expect(await opened(server.dataKeys.open(his, place, 'bob'))).toBe('his');
    clock.pass(30);
    expect(await opened(other.dataKeys.open(sealed, place, 'ada'))).toBe('no-key');
    other.subjectKeys.close();
  });

  test('stays unreadable with every backup of the data; only an older backup of the key store brings it back', async () => {
    const [before, after] = [aKeyStoreFile(), aKeyStoreFile()];
    // The value as a backup of the data holds it, made while the key was there.
    const sealed = await server.dataKeys.seal('hers', place, 'ada');
    await server.subjectKeys.backup(before);
    await server.dataKeys.destroySubject(organisation, 'ada');
    await server.subjectKeys.backup(after);
    for (const [copy, outcome] of [
      [before, 'hers'],
      [after, 'no-key'],
    ] as const) {
      const restored = await aServerOfKeys(database, { rootKey, clock, file: copy });
      expect(await opened(restored.dataKeys.open(sealed, place, 'ada'))).toBe(outcome);
      restored.subjectKeys.close();
    }
  });
});

describe('the key store lost', () => {
  test('is missed, a strange one is refused, and its backup brings it back', async () => {
    const copy = aKeyStoreFile();
    const sealed = await server.dataKeys.seal('hers', place, 'ada');
    await server.subjectKeys.backup(copy);
    const lost = aKeyStoreFile();
    await expect(aServerOfKeys(database, { rootKey, clock, file: lost })).rejects.toThrow(/is missing: restore it/);

    const strange = await aDatabase();
    (await aServerOfKeys(strange, { rootKey, clock, file: lost })).subjectKeys.close();
    await expect(aServerOfKeys(database, { rootKey, clock, file: lost })).rejects.toThrow(/of another database/);
    await strange.drop();

    rmSync(lost);
    copyFileSync(copy, lost);
    const restored = await aServerOfKeys(database, { rootKey, clock, file: lost });
    expect(await opened(restored.dataKeys.open(sealed, place, 'ada'))).toBe('hers');
    restored.subjectKeys.close();
  });

  test('with no copy left, a new one is taken when told: values of subjects are gone one by one, all else is there', async () => {
    const damaged = await aDatabase();
    const first = await aServerOfKeys(damaged, { rootKey, clock, file: aKeyStoreFile() });
    const here = { ...place, organisation: await anOrganisation(damaged) };
    const [hers, ours] = [await first.dataKeys.seal('hers', here, 'ada'), await first.dataKeys.seal('ours', here)];
    first.subjectKeys.close();
    const replacement = aKeyStoreFile();
    (await openKeyStore({ transactions: first.transactions, file: replacement, clock, replaceLost: true })).close();
    const second = await aServerOfKeys(damaged, { rootKey, clock, file: replacement });
    expect(await opened(second.dataKeys.open(hers, here, 'ada'))).toBe('no-key');
    expect(await opened(second.dataKeys.open(ours, here))).toBe('ours');
    expect(await opened(second.dataKeys.open(await second.dataKeys.seal('new', here, 'ada'), here, 'ada'))).toBe('new');
    second.subjectKeys.close();
    await damaged.drop();
  });
});

describe('epochs', () => {
  test('another root key starts nothing and changes nothing', async () => {
    const rows = () => database.admin.query('select * from key_epochs order by epoch').then((found) => found.rows);
    const before = await rows();
    await expect(aServerOfKeys(database, { rootKey: aRootKey(), clock, file })).rejects.toThrow(
      /does not unwrap with this root key: restore/,
    );
    expect(await rows()).toEqual(before);
  });

  test('servers that start at once on a new database agree on one epoch', async () => {
    const fresh = await aDatabase();
    const store = aKeyStoreFile();
    (await aServerOfKeys(fresh, { rootKey, clock, file: store })).subjectKeys.close();
    const servers = await Promise.all(
      Array.from({ length: 4 }, () => aServerOfKeys(fresh, { rootKey, clock, file: store })),
    );
    await Promise.all(servers.map(({ epochs }) => epochs.active()));
    expect((await servers[0]?.epochs.list())?.map(({ epoch, status }) => [epoch, status])).toEqual([
      [1, 'previous'],
      [2, 'active'],
    ]);
    for (const { subjectKeys } of servers) subjectKeys.close();
    await fresh.drop();
  });

  test('a new one seals at once, is known to a server that was not told, and refuses none of the older ones', async () => {
    const other = await another();
    const before = await server.dataKeys.seal('before', place, 'ada');
    const { epoch } = await server.epochs.advance(actor);
    const after = await server.dataKeys.seal('after', place, 'ada');
    expect(after.readUInt32BE(1)).toBe(epoch);
    expect(before.readUInt32BE(1)).toBe(epoch - 1);
    clock.pass(1);
    expect(await opened(other.dataKeys.open(after, place, 'ada'))).toBe('after');
    expect(await opened(server.dataKeys.open(before, place, 'ada'))).toBe('before');
    other.subjectKeys.close();
  });

  test('a new one counts at once where it was made, also when an older reading comes in late', async () => {
    const late = Promise.withResolvers<void>();
    let isHeld = false;
    const lookUp: Transactions['lookUp'] = async (work) => {
      const rows = await server.transactions.lookUp(work);
      if (isHeld) {
        isHeld = false;
        await late.promise;
      }
      return rows;
    };
    const keyStores = { existing: async () => server.subjectKeys };
    const epochs = await openKeyEpochs({ transactions: { ...server.transactions, lookUp }, rootKey, keyStores, clock });
    const { epoch: before } = await epochs.active();
    clock.pass(30);
    isHeld = true;
    const reading = epochs.find(before);
    const advancing = epochs.advance(actor);
    const isCommitted = async () =>
      (await database.admin.query('select from key_epochs where epoch > $1', [before])).rowCount !== 0;
    while (!(await isCommitted())) await delay(5);
    late.resolve();
    await reading;
    expect((await advancing).epoch).toBe(before + 1);
    expect((await epochs.active()).epoch).toBe(before + 1);
  });

  test('a database that was restored from before a rotation gives its next epoch no number the key store has keys of', async () => {
    const [restored, store] = [await aDatabase(), aKeyStoreFile()];
    const before = await aServerOfKeys(restored, { rootKey, clock, file: store });
    const hers = await before.dataKeys.seal('hers', place, 'ada');
    await restored.admin.query('create table backup as select * from key_epochs');
    await before.epochs.advance(actor);
    const later = await before.dataKeys.seal('later', place, 'ada');
    before.subjectKeys.close();
    await restored.admin.query('delete from key_epochs; insert into key_epochs select * from backup');

    const after = await aServerOfKeys(restored, { rootKey, clock, file: store });
    const { epoch } = await after.epochs.advance(actor);
    expect([hers.readUInt32BE(1), later.readUInt32BE(1), epoch]).toEqual([2, 3, 4]);
    expect(await opened(after.dataKeys.open(hers, place, 'ada'))).toBe('hers');
    expect(await opened(after.dataKeys.open(await after.dataKeys.seal('anew', place, 'ada'), place, 'ada'))).toBe(
      'anew',
    );
    after.subjectKeys.close();
    await restored.drop();
  });

  test('is made also where the key store is missing', async () => {
    const { epoch: before } = await server.epochs.active();
    const existing = () => Promise.reject(new KeyStoreError('the key store is missing'));
    const epochs = await openKeyEpochs({ transactions: server.transactions, rootKey, keyStores: { existing }, clock });
    expect((await epochs.advance(actor)).epoch).toBe(before + 1);
    await server.epochs.list();
  });

  test('of an epoch that nobody made nothing opens', async () => {
    const sealed = await server.dataKeys.seal('x', place);
    sealed.writeUInt32BE(4_000_000_000, 1);
    expect(await opened(server.dataKeys.open(sealed, place))).toBe('unknown-epoch');
  });

  test('is retired only when it is replaced, unused and nobody can seal under it any more; then it refuses for good', async () => {
    const other = await another();
    const sealed = await server.dataKeys.seal('x', place);
    const epoch = sealed.readUInt32BE(1);
    const retire = (isUsed = nothingSealed) => server.epochs.retire(actor, epoch, isUsed);
    await expect(retire()).rejects.toMatchObject({ detail: expect.stringContaining('is the active one') });
    await server.epochs.advance(actor);
    await expect(retire()).rejects.toMatchObject({ detail: expect.stringContaining('wait 120 s') });
    clock.pass(120);
    await expect(retire(async () => true)).rejects.toMatchObject({ detail: expect.stringContaining('still sealed') });
    expect(await opened(other.dataKeys.open(sealed, place))).toBe('x');
    await retire();
    expect(await opened(server.dataKeys.open(sealed, place))).toBe('retired-epoch');
    clock.pass(30);
    expect(await opened(other.dataKeys.open(sealed, place))).toBe('retired-epoch');
    await expect(retire()).rejects.toMatchObject({ detail: expect.stringContaining('retired already') });
    const left = await database.admin.query(
      `select (select wrapped_key from key_epochs where epoch = $1) as epoch_key, count(*)::int as keys from data_keys where epoch = $1`,
      [epoch],
    );
    expect(left.rows).toEqual([{ epoch_key: null, keys: 0 }]);
    other.subjectKeys.close();
  });
});
