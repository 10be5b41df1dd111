import { afterAll, beforeAll, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { userEmailIndex, userNameIndex } from './blind-indexes.ts';
import { newestKeyEpoch } from './key-epoch.repository.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from './keys.builders.ts';

const actor = { kind: 'cli', id: 'cli:0', label: null } as const;
const clock = aClock();
const rootKey = aRootKey();
const file = aKeyStoreFile();
let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let organisation: number;

beforeAll(async () => {
  database = await aDatabase();
  server = await aServerOfKeys(database, { rootKey, clock, file });
  organisation = await anOrganisation(database);
});
afterAll(async () => {
  server?.subjectKeys.close();
  await database?.drop();
});

const place = (row: string) => ({ organisation, table: 'users', column: 'name_sealed', row });
/** Looks for a name among what was indexed, as a query would. */
const find = (
  who: typeof server,
  text: string,
  stored: readonly Buffer[],
  of = userNameIndex,
  organisationId = organisation,
) =>
  who.dataKeys.findIndexed(of, organisationId, text, async (indexes) => ({
    found: stored.filter((one) => indexes.some((index) => index.equals(one))).length,
    newest: await who.transactions.lookUp(newestKeyEpoch),
  }));

test('what is sealed opens, and is found by the same words, however they are written', async () => {
  const { sealed, index } = await server.dataKeys.sealIndexed('Ada  Lovelace', place('a'), userNameIndex);
  expect((await server.dataKeys.open(sealed, place('a'))).toString()).toBe('Ada  Lovelace');
  expect(index).toHaveLength(8);
  for (const text of ['ada lovelace', ' ADA LOVELACE ', 'Ada  Lovelace'])
    expect(await find(server, text, [index])).toBe(1);
  expect(await find(server, 'Ada Lovelac', [index])).toBe(0);
  expect(await find(server, 'ada lovelace', [index], userNameIndex, await anOrganisation(database))).toBe(0);
});

test('an address is indexed whole and for the instance, and its letters count as one case', async () => {
  const where = { ...place('b'), column: 'email_sealed' };
  const { index } = await server.dataKeys.sealIndexed('Ada@Example.org', where, userEmailIndex);
  expect(index).toHaveLength(32);
  expect(
    await server.dataKeys.findIndexed(userEmailIndex, null, 'ada@example.ORG', async (indexes) => ({
      found: indexes.some((one) => one.equals(index)),
      newest: 0,
    })),
  ).toBe(true);
});

test('during a rotation both what is older and what is newer is found; when it is retired the older is not any more', async () => {
  const older = await server.dataKeys.sealIndexed('Grace', place('c'), userNameIndex);
  const before = (await server.epochs.active()).epoch;
  await server.epochs.advance(actor);
  const newer = await server.dataKeys.sealIndexed('Grace', place('c'), userNameIndex);
  expect(newer.index).not.toEqual(older.index);
  expect(newer.sealed.readUInt32BE(1)).toBe(before + 1);
  expect(await find(server, 'grace', [older.index, newer.index])).toBe(2);
  clock.pass(120);
  await server.epochs.retire(actor, before, async () => false);
  expect(await find(server, 'grace', [older.index, newer.index])).toBe(1);
});

test('a server that does not know of the newest epoch yet finds what another has indexed under it', async () => {
  const other = await aServerOfKeys(database, { rootKey, clock, file });
  await other.epochs.active();
  await server.epochs.advance(actor);
  const { index } = await server.dataKeys.sealIndexed('Hedy', place('d'), userNameIndex);
  expect(await find(other, 'hedy', [index])).toBe(1);
  other.subjectKeys.close();
});

test('what was opened before opens no more once its subject is erased', async () => {
  const values = [{ sealed: await server.dataKeys.seal('hers', place('e'), 'ada'), place: place('e'), subject: 'ada' }];
  for (let time = 0; time < 2; time += 1) expect(await server.dataKeys.openAll(values)).toEqual(['hers']);
  await server.dataKeys.destroySubject(organisation, 'ada');
  expect(await server.dataKeys.openAll(values)).toEqual([null]);
});

test('many are opened as one is, each in its place; what is in another place takes no other along, and is told', async () => {
  const sealed = await Promise.all(['a', 'b', 'c'].map((row) => server.dataKeys.seal(`of ${row}`, place(row))));
  const values = ['a', 'b', 'c'].map((row, at) => ({ sealed: sealed[at] ?? Buffer.alloc(0), place: place(row) }));
  expect(await server.dataKeys.openAll(values)).toEqual(['of a', 'of b', 'of c']);
  const [first, second] = values;
  const swapped = [{ ...first, place: place('b') }, second] as typeof values;
  const told: unknown[] = [];
  const { dataKeys, subjectKeys } = await aServerOfKeys(database, {
    rootKey,
    clock,
    file,
    onDamaged: (where, problem) => void told.push([where.row, problem]),
  });
  expect(await dataKeys.openAll(swapped)).toEqual([undefined, 'of b']);
  expect(told).toEqual([['b', 'refused']]);
  // An altered header names a version, an epoch or a length there is not; an altered body is refused.
  told.length = 0;
  const altered = [0, 1, 4, 20, 60, 86].map((at) => {
    const bytes = Buffer.from(sealed[2] ?? '');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return { sealed: bytes, place: place('c') };
  });
  const short = { sealed: Buffer.alloc(5), place: place('c') };
  const all = [...altered, short, values[2]] as typeof values;
  expect(await dataKeys.openAll(all)).toEqual([...Array(7).fill(undefined), 'of c']);
  const anotherEpoch = expect.stringMatching(/^(unknown-epoch|retired-epoch|no-key)$/);
  expect(told.map((one) => (one as string[])[1])).toEqual([
    'unknown-version',
    'unknown-epoch',
    anotherEpoch,
    'refused',
    'refused',
    'refused',
    'malformed',
  ]);
  subjectKeys.close();
});
