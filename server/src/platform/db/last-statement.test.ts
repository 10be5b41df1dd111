import { afterAll, beforeAll, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import type { LastStatement } from './last-statement.ts';
import { inTransaction } from './transactions.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await aDatabase();
  await db.admin.query(`
    create table places (id integer primary key);
    create table notes (
      text text not null check (length(text) < 10), number bigint, place integer references places deferrable initially deferred
    );
    grant select, insert on notes, places to valtronics_server;
    insert into places values (1);
  `);
});
afterAll(() => db.drop());

const noted = (text: string | null, place = 1): LastStatement => ({
  name: 'note',
  text: 'insert into notes (text, number, place) values ($1, $2, $3) returning text, number',
  values: [text, 9_007_199_254_740_991, place],
});

/** A row in the middle, and one at the end of it. */
async function written(id: number, last: LastStatement): Promise<readonly unknown[]> {
  let heard: readonly unknown[] = [];
  await inTransaction(db.server, (client) => client.query('insert into places values ($1)', [id]), {
    closing: { last: () => last, answered: (rows) => (heard = rows) },
  });
  return heard;
}

const places = async () => (await db.admin.query('select id from places order by id')).rows.map(({ id }) => id);

test('the last statement commits with what was before it, and its rows are heard', async () => {
  for (const id of [2, 3, 4])
    expect(await written(id, noted(`it's ${id}`))).toEqual([{ text: `it's ${id}`, number: 9_007_199_254_740_991 }]);
  expect(await places()).toEqual([1, 2, 3, 4]);
  expect((await db.admin.query('select text from notes order by text')).rows).toHaveLength(3);
});

test.each([
  ['a check it breaks', noted('far too long a text'), /notes_text_check/],
  ['a null where none may be', noted(null), /null value/],
  ['a text PostgreSQL cannot hold', noted('\0'), /invalid byte sequence/],
  ['a constraint that is asked at the commit', noted('no place', 77), /notes_place_fkey/],
  ['a statement that is none', { name: 'none', text: 'insert into', values: [] }, /syntax error/],
])('of %s nothing is left, and that it was is told', async (_what, last, reason) => {
  const before = await places();
  await expect(written(50, last)).rejects.toThrow(reason);
  expect(await places()).toEqual(before);
  expect(db.server.idleCount).toBe(db.server.totalCount);
  // The connection goes on, and the statement on it.
  expect(await written(before.length + 100, noted('after'))).toHaveLength(1);
});

test('after a failure that was ignored the last statement does not commit the rest', async () => {
  const before = await places();
  const work = inTransaction(
    db.server,
    async (client) => {
      await client.query('insert into places values (60)');
      await client.query('select 1/0').catch(() => {});
    },
    { closing: { last: () => noted('late'), answered: () => {} } },
  );
  await expect(work).rejects.toThrow(/current transaction is aborted/);
  expect(await places()).toEqual(before);
});

test('a connection that is lost before the commit was heard is told as lost', async () => {
  const lost = inTransaction(
    db.server,
    async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      await client.query('insert into places values (61)');
      await db.admin.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    },
    { closing: { last: () => noted('lost'), answered: () => {} } },
  );
  await expect(lost).rejects.toThrow();
  expect(await places()).not.toContain(61);
  expect(await written(62, noted('again'))).toHaveLength(1);
});
