import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { newId } from '../../lib/ids.ts';
import { sealedForSubjects } from '../backups/sealed-sample.repository.ts';
import type { Place } from '../crypto/sealed-value.ts';
import { createDataKeys } from './data-keys.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from './keys.builders.ts';
import { createResealing } from './resealing.ts';
import { indexedText, placeOf, type SealedColumn, sealedColumns } from './sealed-columns.ts';
import { KeyStoreError } from './subject-key.repository.ts';

const actor = { kind: 'cli', id: 'cli:0', label: null } as const;
/** Has a partition of points. */
const day = new Date().toISOString().slice(0, 10);
let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let organisation: number;

beforeAll(async () => {
  database = await aDatabase();
  // Rows here need to make no sense: whatever a column must mean is dropped.
  const constraints = await database.admin.query(`
    select conrelid::regclass::text as table, quote_ident(conname) as name from pg_constraint
    where contype in ('c', 'f') and conrelid <> 0 and coninhcount = 0 and conparentid = 0 and connamespace = 'public'::regnamespace`);
  for (const { table, name } of constraints.rows)
    await database.admin.query(`alter table ${table} drop constraint if exists ${name} cascade`);
  for (const table of new Set(sealedColumns.map((column) => column.table))) {
    const required = await database.admin.query(
      `select attname as name from pg_attribute a where attrelid = $1::regclass and attnum > 0 and attnotnull
         and not exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any (i.indkey))`,
      [table],
    );
    for (const { name } of required.rows)
      await database.admin.query(`alter table ${table} alter column ${name} drop not null`);
  }
  await database.admin.query('select ensure_points_day($1)', [day]);
  await database.admin.query('set session_replication_role = replica');
  server = await aServerOfKeys(database, { rootKey: aRootKey(), clock: aClock(), file: aKeyStoreFile() });
  organisation = await anOrganisation(database);
});
afterAll(async () => {
  server?.subjectKeys.close();
  await database?.drop();
});
beforeEach(async () => {
  for (const { table } of sealedColumns) await database.admin.query(`delete from ${table}`);
});

/** What stands in the column that a value is indexed together with. */
const INDEXED_WITH = 'https://id.example.org';

let made = 0;
/** A key as it is stored and as it is written in places, column by column. */
function madeUpKey({ keyType, thenKey }: SealedColumn): { stored: unknown; inPlace: string }[] {
  made += 1;
  const id = newId();
  const hex = id.replaceAll('-', '').repeat(2);
  const first =
    keyType === 'bytea'
      ? { stored: Buffer.from(hex, 'hex'), inPlace: hex }
      : keyType === 'integer'
        ? { stored: 7 + (made % 2), inPlace: String(7 + (made % 2)) }
        : { stored: id, inPlace: id };
  if (thenKey === undefined) return [first];
  if (thenKey.type === 'uuid') return [first, { stored: id, inPlace: id }];
  // To the microsecond, which a Date does not hold.
  const time = `${day}T00:00:01.${String(100_000 + made)}Z`;
  return [first, { stored: time, inPlace: String(Date.parse(`${day}T00:00:01Z`) * 1000 + 100_000 + made) }];
}

/** A row whose value is sealed for its place; the key is made up. `subject`: whose the row says it is. */
async function addRow(
  column: SealedColumn,
  seal: (place: Place) => Buffer | Promise<Buffer>,
  subject?: string,
): Promise<Place> {
  const keys = madeUpKey(column);
  const key = keys.map(({ inPlace }) => inPlace).join('/');
  const beside = column.besideKey === undefined ? null : newId();
  const owner = column.owner === 'instance' ? null : organisation;
  const place = placeOf(column, { key, beside, organisation: owner });
  const columns = [
    column.key,
    ...(column.thenKey ? [column.thenKey.column] : []),
    ...(beside === null ? [] : [column.besideKey]),
    ...(owner ? ['organisation_id'] : []),
    ...(column.indexedWith === undefined ? [] : [column.indexedWith]),
    ...(subject === undefined ? [] : [column.subjectColumn]),
  ];
  const indexedWith = column.indexedWith === undefined ? null : INDEXED_WITH;
  const values = [...keys.map(({ stored }) => stored), beside, owner, indexedWith, subject].filter(
    (one) => one !== null && one !== undefined,
  );
  await database.admin.query(
    `insert into ${column.table} (${[...columns, column.column].join(', ')}) values (${[...values, 0].map((_, index) => `$${index + 1}`).join(', ')})`,
    [...values, await seal(place)],
  );
  return place;
}

test('every sealed column of the schema is in the list, and the list holds no other', async () => {
  const found = await database.admin.query(`
    select c.relname as table, a.attname as column from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attname like '%sealed' and not a.attisdropped
    order by 1, 2`);
  expect(found.rows).toEqual(sealedColumns.map(({ table, column }) => ({ table, column })));
});

test.each(sealedColumns.map((column) => [`${column.table}.${column.column}`, column] as const))(
  '%s is carried over and rotated, each value in its place',
  async (_, column) => {
    const resealing = createResealing(server);
    const subjectAt = ({ row }: Place) => (column.owner === 'subject' ? row : undefined);
    const old = await addRow(column, (place) =>
      // What is of a subject was never sealed without a key of theirs.
      column.owner === 'subject'
        ? server.dataKeys.seal('old', place, subjectAt(place))
        : server.keyRing.seal('old', place),
    );
    const newer = await addRow(column, (place) => server.dataKeys.seal('newer', place, subjectAt(place)));
    const isOfPersons = column.subjectColumn !== undefined && column.owner !== 'subject';
    const [ada, ben] = [newId(), newId()];
    const hers = isOfPersons
      ? await addRow(column, (place) => server.dataKeys.seal('hers', place, ada), ada)
      : undefined;
    if (isOfPersons) await addRow(column, (place) => server.dataKeys.seal('his', place, ben), ben);
    const texts = isOfPersons ? ['hers', 'his', 'newer', 'old'] : ['newer', 'old'];
    const { epoch } = await server.epochs.advance(actor);
    const seen: number[] = [];
    expect(await resealing.run({ batchRows: 1, onProgress: ({ done }) => seen.push(done) })).toEqual({ unreadable: 0 });
    expect(seen).toEqual([0, ...texts.map((_text, index) => index + 1)]);
    expect([...(await resealing.countByEpoch())]).toEqual([[epoch, texts.length]]);
    if (hers !== undefined) {
      // Still under her own key, and found by whoever looks for what is hers.
      const found = await server.transactions.readAcross((reader) => sealedForSubjects(reader, column, [ada]));
      expect(found.map(({ place, subject }) => ({ place, subject }))).toEqual([{ place: hers, subject: ada }]);
      const [value] = found.map(({ value }) => value);
      expect((await server.dataKeys.open(value as Buffer, hers, ada)).toString()).toBe('hers');
      await expect(server.dataKeys.open(value as Buffer, hers)).rejects.toMatchObject({ problem: 'refused' });
      await database.admin.query(`delete from ${column.table} where ${column.subjectColumn} is not null`);
    }
    const rows = await database.admin.query(`select ${column.column} as sealed from ${column.table}`);
    const opened = await Promise.all(
      rows.rows.map(async ({ sealed }) => {
        for (const place of [old, newer]) {
          const text = await server.dataKeys.open(sealed, place, subjectAt(place)).catch(() => undefined);
          if (text !== undefined) return text.toString();
        }
        return 'refused';
      }),
    );
    expect(opened.sort()).toEqual(['newer', 'old']);
    const { index } = column;
    if (index === undefined) return;
    // What they are found by is of the new epoch too, or nobody would find them once the older one is retired.
    const found = await database.admin.query(`select ${index.column} as index from ${column.table}`);
    const expected: string[] = [];
    for (const text of ['old', 'newer'])
      expected.push(
        (
          await server.dataKeys.sealIndexed(text, old, index, {
            subject: subjectAt(old),
            indexed: indexedText(text, column.indexedWith === undefined ? null : INDEXED_WITH),
          })
        ).index.toString('hex'),
      );
    expect(found.rows.map((row) => row.index.toString('hex')).sort()).toEqual(expected.sort());
  },
);

test('a value that opens under no key stays as it is, is told, and holds nothing up', async () => {
  const [column] = sealedColumns;
  if (column === undefined) throw new Error('no column');
  const resealing = createResealing(server);
  await addRow(column, (place) => server.dataKeys.seal('strange', { ...place, row: 'elsewhere' }));
  await addRow(column, (place) => server.dataKeys.seal('good', place));
  const { epoch } = await server.epochs.advance(actor);
  expect(await resealing.run({ batchRows: 1 })).toEqual({ unreadable: 1 });
  expect(Object.fromEntries(await resealing.countByEpoch())).toEqual({ [epoch - 1]: 1, [epoch]: 1 });
});

test('with the key store missing what is sealed for persons stays as it is, and all else is sealed again', async () => {
  const hers = sealedColumns.find(({ owner }) => owner === 'subject');
  const ours = sealedColumns.find(({ owner }) => owner === 'organisation');
  if (hers === undefined || ours === undefined) throw new Error('there are such columns');
  await addRow(hers, (place) => server.dataKeys.seal('hers', place, place.row));
  await addRow(ours, (place) => server.dataKeys.seal('ours', place));
  const { epoch } = await server.epochs.advance(actor);
  const subjectKeys = () => Promise.reject(new KeyStoreError('the key store is missing'));
  const dataKeys = createDataKeys({ ...server, subjectKeys, clock: aClock() });
  const resealing = createResealing({ ...server, dataKeys });
  expect(await resealing.run()).toEqual({ unreadable: 1 });
  expect([...(await resealing.countByEpoch())]).toEqual(
    expect.arrayContaining([
      [epoch, 1],
      [epoch - 1, 1],
    ]),
  );
  expect(await createResealing(server).run()).toEqual({ unreadable: 0 });
});

test('what somebody else writes while a value is sealed again stays', async () => {
  const column = sealedColumns.find(({ table }) => table === 'notification_channels');
  if (column === undefined) throw new Error('no column');
  const place = await addRow(column, (where) => server.dataKeys.seal('read', where));
  await server.epochs.advance(actor);
  const { open, seal, sealIndexed } = server.dataKeys;
  const interrupted = createResealing({
    ...server,
    dataKeys: {
      open,
      sealIndexed,
      async seal(plaintext, where) {
        const written = await seal('written meanwhile', where);
        await database.admin.query('update notification_channels set secret_sealed = $1', [written]);
        return seal(plaintext, where);
      },
    },
  });
  await interrupted.run();
  const rows = await database.admin.query('select secret_sealed as sealed from notification_channels');
  expect((await open(rows.rows[0].sealed, place)).toString()).toBe('written meanwhile');
});

test('everything ends under the newest epoch, also when that was made by somebody else meanwhile', async () => {
  const [column] = sealedColumns;
  if (column === undefined) throw new Error('no column');
  for (let index = 0; index < 3; index += 1) await addRow(column, (place) => server.dataKeys.seal('x', place));
  const { epoch } = await server.epochs.advance(actor);
  const { open, seal, sealIndexed } = server.dataKeys;
  let sealed = 0;
  const overtaken = createResealing({
    ...server,
    dataKeys: {
      open,
      sealIndexed,
      async seal(plaintext, where) {
        sealed += 1;
        if (sealed === 2) await server.epochs.advance(actor);
        return seal(plaintext, where);
      },
    },
  });
  expect(await overtaken.run({ batchRows: 1 })).toEqual({ unreadable: 0 });
  expect([...(await overtaken.countByEpoch())]).toEqual([[epoch + 1, 3]]);
});

test('it ends when told to, and goes on where it was', async () => {
  const [column] = sealedColumns;
  if (column === undefined) throw new Error('no column');
  const resealing = createResealing(server);
  for (let index = 0; index < 5; index += 1) await addRow(column, (place) => server.dataKeys.seal('x', place));
  const { epoch } = await server.epochs.advance(actor);
  const stop = new AbortController();
  await expect(
    resealing.run({
      batchRows: 2,
      signal: stop.signal,
      onProgress: ({ done }) => done > 0 && stop.abort(new Error('enough')),
    }),
  ).rejects.toThrow('enough');
  expect((await resealing.countByEpoch()).get(epoch)).toBe(2);
  await resealing.run({ batchRows: 2 });
  expect([...(await resealing.countByEpoch())]).toEqual([[epoch, 5]]);
});
