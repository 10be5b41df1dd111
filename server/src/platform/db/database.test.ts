import { afterAll, beforeAll, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { queriesIn, queriesOn } from './database.ts';
import { inTransaction, TransactionRolledBackError, withOrganisation } from './transactions.ts';

interface Tables {
  things: { id: number; organisation: number; made: Date };
}

let db: TestDatabase;

beforeAll(async () => {
  const t = performance.now();
  db = await aDatabase();
  console.log('clone', performance.now() - t);
  await db.admin.query(`
    create table things (id bigint primary key, organisation bigint not null, made timestamptz not null default now());
    alter table things enable row level security;
    create policy own on things to valtronics_server
      using (organisation = nullif(current_setting('valtronics.organisation', true), '')::bigint);
    grant select, insert on things to valtronics_server;
    insert into things (id, organisation) values (1, 7), (2, 8), (9007199254740991, 7);
  `);
});
afterAll(() => db.drop());

test('a transaction of an organisation sees its rows only, through pg and through the query builder', async () => {
  const seen = await withOrganisation(db.server, 7, async (client) => {
    const plain = await client.query<{ id: number }>('select id from things order by id');
    const built = await queriesIn<Tables>(client).selectFrom('things').select(['id', 'made']).orderBy('id').execute();
    expect(built[0]?.made).toBeInstanceOf(Date);
    expect(built.map((row) => row.id)).toEqual(plain.rows.map((row) => row.id));
    return plain.rows.map((row) => row.id);
  });
  expect(seen).toEqual([1, 9007199254740991]);
});

test('the organisation ends with its transaction: the next user of the connection sees nothing', async () => {
  for (let round = 0; round < 30; round++) {
    await withOrganisation(db.server, 7, (client) => client.query('select 1'));
    expect(await queriesOn<Tables>(db.server).selectFrom('things').selectAll().execute()).toEqual([]);
    expect((await withOrganisation(db.server, null, (client) => client.query('select id from things'))).rows).toEqual(
      [],
    );
  }
});

test('a statement whose failure is ignored cannot pass for a commit', async () => {
  const work = inTransaction(db.server, async (client) => {
    await client.query('select 1/0').catch(() => {});
  });
  await expect(work).rejects.toThrow(TransactionRolledBackError);
});
