import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { connectDatabase, preparedQueriesOn, queriesIn } from './database.ts';
import { inTransaction, TransactionRolledBackError, withOrganisation } from './transactions.ts';

interface Tables {
  things: { id: number; organisation: number; made: Date };
}

let db: TestDatabase;

beforeAll(async () => {
  db = await aDatabase();
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
  const seen = await withOrganisation(db.server, { organisationId: 7 }, async (client) => {
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
    await withOrganisation(db.server, { organisationId: 7 }, (client) => client.query('select 1'));
    expect(await preparedQueriesOn<Tables>(db.server).selectFrom('things').selectAll().execute()).toEqual([]);
    expect(
      (await withOrganisation(db.server, { organisationId: null }, (client) => client.query('select id from things')))
        .rows,
    ).toEqual([]);
  }
});

test('a statement whose failure is ignored cannot pass for a commit', async () => {
  const work = inTransaction(db.server, async (client) => {
    await client.query('select 1/0').catch(() => {});
  });
  await expect(work).rejects.toThrow(TransactionRolledBackError);
});

test.each([0, -1, 1.5, Number.NaN, 2_147_483_648, '7' as unknown as number])('%s is no organisation', async (id) => {
  expect(() => withOrganisation(db.server, { organisationId: id }, async () => {})).toThrow(RangeError);
});

test('an error in the work rolls back and reaches the caller; the connection goes on', async () => {
  const fault = new Error('on purpose');
  const work = withOrganisation(db.server, { organisationId: 7 }, async (client) => {
    await client.query('insert into things (id, organisation) values (100, 7)');
    throw fault;
  });
  await expect(work).rejects.toBe(fault);
  expect((await db.admin.query('select 1 from things where id = 100')).rows).toEqual([]);
  expect(db.server.idleCount).toBe(db.server.totalCount);
});

test('a row for another organisation than the transaction works for is refused', async () => {
  const work = withOrganisation(db.server, { organisationId: 7 }, (client) =>
    client.query('insert into things (id, organisation) values (101, 8)'),
  );
  await expect(work).rejects.toThrow(/row-level security/);
});

test('a read-only transaction refuses to write', async () => {
  const work = withOrganisation(
    db.server,
    { organisationId: 7 },
    (client) => client.query('insert into things (id, organisation) values (102, 7)'),
    {
      readOnly: true,
    },
  );
  await expect(work).rejects.toThrow(/read-only transaction/);
});

test('a transaction whose connection is lost fails, and the next one gets a new connection', async () => {
  const lost = inTransaction(db.server, async (client) => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    await db.admin.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await client.query('select 1');
  });
  await expect(lost).rejects.toThrow();
  expect((await inTransaction(db.server, (client) => client.query('select 1 as one'))).rows).toEqual([{ one: 1 }]);
});

test('connections that PostgreSQL ends while they are idle do not end the process', async () => {
  await Promise.all(Array.from({ length: 5 }, () => db.server.query('select pg_sleep(0.05)')));
  await db.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'valtronics_server'`,
  );
  await expect.poll(() => db.server.idleCount).toBe(0);
  expect((await db.server.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  expect(await db.isReachable()).toBe(true);
});

test('it stays reachable while every connection of the pools is busy', async () => {
  const small = await connectDatabase({
    connection: { ...db.connection('server'), user: undefined, password: undefined },
    credentials: db.credentials,
    log: { info() {}, warn() {}, error() {} },
    poolSizes: { server: 1, ingest: 1, maintenance: 1 },
  });
  onTestFinished(() => small.close());
  const busy = Promise.all(
    [small.server, small.ingest, small.maintenance].map((pool) => pool.query('select pg_sleep(0.5)')),
  );
  expect(await small.isReachable()).toBe(true);
  await busy;
});

test('a bigint arrives as an exact number or not at all, a date as text, an instant as Date, and a zoneless time is refused', async () => {
  const one = async (expression: string) => (await db.server.query(`select ${expression} as value`)).rows[0]?.value;
  expect(await one('9007199254740991::bigint')).toBe(Number.MAX_SAFE_INTEGER);
  await expect(one('9007199254740993::bigint')).rejects.toThrow(RangeError);
  expect(await one(`date '2026-03-29'`)).toBe('2026-03-29');
  expect(await one(`timestamptz '2026-03-29 02:30:00.123+00'`)).toEqual(new Date('2026-03-29T02:30:00.123Z'));
  await expect(one(`timestamp '2026-03-29 02:30:00'`)).rejects.toThrow(TypeError);
  expect(await one('1.10::numeric')).toBe('1.10');
});

test('a server that may forget commits is refused', async () => {
  await db.admin.query(`alter database ${db.name} set synchronous_commit = off`);
  onTestFinished(async () => void (await db.admin.query(`alter database ${db.name} reset synchronous_commit`)));
  const attempt = connectDatabase({
    connection: { ...db.connection('server'), user: undefined, password: undefined },
    credentials: db.credentials,
    log: { info() {}, warn() {}, error() {} },
  });
  await expect(attempt).rejects.toThrow(/synchronous_commit = off/);
});
