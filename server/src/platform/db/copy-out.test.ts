import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { copiedRows } from '../../lib/copied-rows.ts';
import { CopyTooLargeError, copyOut } from './copy-out.ts';
import { inTransaction } from './transactions.ts';

const MOST = 100_000_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database?.drop());

async function rowsOf(client: pg.PoolClient, query: string, fields: number): Promise<(string | null)[][]> {
  const rows = copiedRows(await copyOut(client, query, MOST), fields);
  const found: (string | null)[][] = [];
  while (rows.next()) found.push(Array.from({ length: fields }, (_, field) => rows.text(field)));
  return found;
}

const onConnection = <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> =>
  inTransaction(database.maintenance, work, { readOnly: true });

describe('what a query answers, copied', () => {
  it('is what it answers: texts of any length, none, and bytes', async () => {
    const found = await onConnection((client) =>
      rowsOf(
        client,
        `select n::text, null, '', repeat('ü', n), decode('00ff41', 'hex') from generate_series(0, 999) n`,
        5,
      ),
    );
    expect(found).toHaveLength(1000);
    for (const [n, row] of found.entries())
      expect(row).toEqual([String(n), null, '', 'ü'.repeat(n), Buffer.from('00ff41', 'hex').toString()]);
    expect(await onConnection((client) => rowsOf(client, 'select 1 where false', 1))).toEqual([]);
  });

  it('lies in memory of its own, which can be handed to a thread', async () => {
    const bytes = await onConnection((client) => copyOut(client, `select 'a'`, MOST));
    structuredClone(bytes, { transfer: [bytes.buffer] });
    expect(bytes.byteLength).toBe(0);
  });

  it('fails where the query does, also in the middle of it, and leaves the connection as it was', async () => {
    await onConnection(async (client) => {
      await client.query('savepoint before');
      await expect(copyOut(client, 'select 1 from nowhere', MOST)).rejects.toThrow('relation "nowhere" does not exist');
      await client.query('rollback to before');
      const late = copyOut(client, `select repeat('x', 1000), 1 / (5000 - n) from generate_series(1, 9999) n`, MOST);
      await expect(late).rejects.toThrow('division by zero');
      await client.query('rollback to before');
      expect(await rowsOf(client, `select 'well'`, 1)).toEqual([['well']]);
    });
  });

  it('is refused where it is more than was asked for, kept nowhere meanwhile, and the transaction goes on', async () => {
    await onConnection(async (client) => {
      const query = `select repeat('x', 1000) from generate_series(1, 300000)`;
      const before = process.memoryUsage().arrayBuffers;
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }, 5);
      await expect(copyOut(client, query, 1_000_000)).rejects.toThrow(CopyTooLargeError);
      clearInterval(watch);
      expect(most).toBeLessThan(100_000_000);
      expect(await rowsOf(client, `select 'well'`, 1)).toEqual([['well']]);
      const { length } = await copyOut(client, `select 'x'`, MOST);
      expect(await copyOut(client, `select 'x'`, length)).toHaveLength(length);
      await expect(copyOut(client, `select 'x'`, length - 1)).rejects.toThrow(CopyTooLargeError);
    });
  });

  it('fails when its session is ended, and does not wait for ever', async () => {
    const copied = onConnection(async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      await Promise.all([
        copyOut(client, 'select pg_sleep(1) from generate_series(1, 50)', MOST),
        database.admin.query('select pg_terminate_backend($1)', [rows[0]?.pid]),
      ]);
    });
    await expect(copied).rejects.toThrow('terminating connection due to administrator command');
  });
});

describe('a moment that another transaction exported', () => {
  it('is the one that is seen, whatever was committed since', async () => {
    const { server, maintenance, admin } = database;
    const count = async (client: pg.PoolClient) =>
      (await client.query<{ count: number }>('select count(*)::int as count from organisations')).rows[0]?.count;
    await inTransaction(
      maintenance,
      async (client) => {
        const exported = await client.query<{ snapshot: string }>('select pg_export_snapshot() as snapshot');
        const before = await count(client);
        await admin.query(`insert into organisations (public_id, name) values (gen_random_uuid(), 'Later')`);
        const options = {
          readOnly: true,
          isolation: 'repeatable read',
          snapshot: exported.rows[0]?.snapshot ?? '',
        } as const;
        expect(await inTransaction(maintenance, count, options)).toBe(before);
        expect(await inTransaction(maintenance, count)).toBe((before ?? 0) + 1);
      },
      { readOnly: true, isolation: 'repeatable read' },
    );
    const stranger = () => inTransaction(server, count, { isolation: 'repeatable read', snapshot: `'; select 1; --` });
    expect(stranger).toThrow('a snapshot has another name');
  });
});
