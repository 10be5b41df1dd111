import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { createSharedSink, reserve } from './bytes.ts';
import { writeCopy, writeQuery } from './copy-format.ts';
import { failureOf } from './flush.repository.ts';
import { IngestConnectionLostError } from './ingest-connection.ts';
import { createIngestThread, type FlushConnection } from './ingest-thread.ts';

let database: TestDatabase;
let connection: FlushConnection;
const threads: Worker[] = [];
const remember = (thread: Worker) => threads.push(thread);

beforeAll(async () => {
  process.on('worker', remember);
  database = await aDatabase();
  connection = createIngestThread(database.connection('ingest'));
});
afterAll(async () => {
  process.off('worker', remember);
  await connection.close();
  await database.drop();
});

function send(text: string): Promise<void> {
  const sink = createSharedSink(16);
  writeQuery(sink, text);
  return connection.send(sink.bytes.subarray(0, sink.length));
}
const journalled = async () =>
  (await database.admin.query('select points from telemetry_journal order by points')).rows.map(({ points }) => points);
const insert = (points: number) =>
  `insert into telemetry_journal (id, points, payload) values (gen_random_uuid(), ${points}, '')`;

it('sends what is asked for while something is under way behind it, and each stands or falls alone', async () => {
  const first = await Promise.allSettled([send(`${insert(1)}; select 1 / 0`), send(insert(2))]);
  expect(first.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  const second = await Promise.allSettled([send(insert(3)), send(`${insert(4)}; select 1 / 0`)]);
  expect(second.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(await journalled()).toEqual([2, 3]);
});

it('says that it failed when the message is no longer needed, so that its memory can be written again', async () => {
  const sink = createSharedSink(16);
  writeQuery(sink, 'copy no_such_table from stdin (format binary)');
  // PostgreSQL refuses at the first words and has most of the message still to read.
  writeCopy(sink, () => {
    reserve(sink, 4 << 20);
    sink.length += 4 << 20;
  });
  const failing = connection.send(sink.bytes.subarray(0, sink.length)).catch((error: unknown) => {
    sink.bytes.fill(0xff);
    return error;
  });
  expect(await failing).toMatchObject({ code: '42P01' });
  await send(insert(5));
  expect(await journalled()).toContain(5);
});

it('keeps what a failure means: the key of the journal says that it was committed before', async () => {
  const id = '0190a000-0000-7000-8000-000000000001';
  const named = `insert into telemetry_journal (id, points, payload) values ('${id}', 4, '')`;
  await send(named);
  const failure = await send(named).catch(failureOf);
  expect(failure).toBe('committed before');
});

it('answers questions', async () => {
  expect(await connection.query('select $1::int + 1 as n', [41])).toEqual([{ n: 42 }]);
});

it('a thread that ends loses what was under way, says so, and another takes its place', async () => {
  const waits = connection.query('select pg_sleep(30)').catch((error: unknown) => error);
  await expect
    .poll(async () => {
      const { rows } = await database.admin.query("select 1 from pg_stat_activity where query like 'select pg_sleep%'");
      return rows.length;
    })
    .toBe(1);
  await threads.at(-1)?.terminate();
  expect(await waits).toBeInstanceOf(IngestConnectionLostError);
  expect(await connection.query('select 1 as n')).toEqual([{ n: 1 }]);
  expect(threads).toHaveLength(2);
});

it('takes only messages in shared memory: others would be copied, or change under its hands', async () => {
  await expect(connection.send(Buffer.from('Q'))).rejects.toThrow('shared memory');
});
