import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import type { CommittedFlush, JournalConsumer } from './committed.ts';
import { aDevice, anOrganisation, aTelemetry, eventually, type TestDevice } from './telemetry.builders.ts';

let database: TestDatabase;
let device: TestDevice;

beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  device = await aDevice(database, await anOrganisation(database));
  await database.admin.query(
    'create table if not exists seen (value double precision); grant insert on seen to valtronics_maintenance',
  );
  await database.admin.query('truncate seen');
});

/** Writes every value it is given into a table, in the transaction that takes the flush off the list. */
function aConsumer(behaviour: { failApply?: () => boolean; failed?: () => void } = {}) {
  const committed: number[] = [];
  let rolledBack = 0;
  const consumer: JournalConsumer = {
    name: 'rules',
    async apply(tx, flushes) {
      const values = valuesOf(flushes);
      const { sql } = await import('kysely');
      await sql`insert into seen select unnest(${values}::double precision[])`.execute(tx.db);
      if (behaviour.failApply?.()) throw new Error('the consumer fails');
      return [];
    },
    committed: (flushes) => committed.push(...valuesOf(flushes)),
    rolledBack: () => {
      rolledBack += 1;
    },
  };
  return { consumer, committed, rolledBack: () => rolledBack };
}

const valuesOf = (flushes: readonly CommittedFlush[]) =>
  flushes.flatMap(({ points }) => points.map(({ value }) => Number(value)));
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
const points = (values: readonly number[]) =>
  values.map((value) => ({ metric: 'm', value, timestamp: Date.now() - 1_000_000 + value }));

async function seen(): Promise<number[]> {
  const { rows } = await database.admin.query<{ value: number }>('select value from seen order by value');
  return rows.map(({ value }) => value);
}
async function seenAll(count: number): Promise<void> {
  const enough = async () =>
    (await database.admin.query('select 1 from seen offset $1 limit 1', [count - 1])).rows.length > 0;
  await eventually(enough, `${count} values are seen`);
}

describe('a consumer of the journal', () => {
  it('is told of each flush in order, with no next one having to come', async () => {
    const { consumer, committed } = aConsumer();
    const telemetry = await aTelemetry({ database, consumers: [consumer] });
    telemetry.start();
    for (const value of numbers(1, 20)) {
      await telemetry.submit(device, points([value]));
      await eventually(() => committed.at(-1) === value, `the consumer is told of ${value}`);
    }
    expect(committed).toEqual(numbers(1, 20));
    await telemetry.drain();
  });

  it('sees every point once although its transactions fail, and is told of each rollback', async () => {
    let calls = 0;
    const { consumer, committed, rolledBack } = aConsumer({ failApply: () => ++calls % 3 === 0 });
    const telemetry = await aTelemetry({ database, consumers: [consumer] });
    telemetry.start();
    for (const start of [0, 10, 20, 30]) await telemetry.submit(device, points(numbers(start, 10)));
    await seenAll(40);
    expect(await seen()).toEqual(numbers(0, 40));
    await telemetry.drain();
    expect(committed.sort((a, b) => a - b)).toEqual(numbers(0, 40));
    expect(rolledBack()).toBeGreaterThan(0);
  });

  it('sees after a restart what was committed before it and not applied: a crash in between loses nothing', async () => {
    const before = await aTelemetry({ database, consumers: [aConsumer().consumer] });
    // Never started: as if the process had ended right after its commits.
    await before.submit(device, points(numbers(0, 25)));
    const { consumer, committed } = aConsumer();
    const after = await aTelemetry({ database, consumers: [consumer] });
    after.start();
    await after.submit(device, points(numbers(25, 25)));
    await seenAll(50);
    expect(await seen()).toEqual(numbers(0, 50));
    await after.drain();
    expect(committed.sort((a, b) => a - b)).toEqual(numbers(0, 50));
    await before.drain();
  });

  it('sees every point once when the database is lost again and again under load', async () => {
    const { consumer } = aConsumer();
    const telemetry = await aTelemetry({ database, consumers: [consumer] });
    telemetry.start();
    let sent = 0;
    for (let round = 0; round < 10; round += 1) {
      const sending = telemetry.submit(device, points(numbers(round * 50, 50)));
      if (round % 2 === 0) {
        await database.admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
           and usename in ('valtronics_maintenance', 'valtronics_ingest')`,
        );
      }
      sent += (await sending).accepted;
    }
    expect(sent).toBe(500);
    await seenAll(500);
    await telemetry.drain();
    expect(await seen()).toEqual(numbers(0, 500));
  });

  it('works in one process at a time: the other takes over when it ends, with the points of both', async () => {
    const [first, second] = [aConsumer(), aConsumer()];
    const one = await aTelemetry({ database, consumers: [first.consumer] });
    const other = await aTelemetry({ database, consumers: [second.consumer] });
    one.start();
    await one.submit(device, points([0]));
    await seenAll(1);
    other.start();
    await Promise.all([one.submit(device, points(numbers(1, 20))), other.submit(device, points(numbers(21, 20)))]);
    await seenAll(41);
    expect(second.committed).toEqual([]);
    await one.drain();
    await other.submit(device, points(numbers(41, 10)));
    await seenAll(51);
    expect(await seen()).toEqual(numbers(0, 51));
    expect(second.committed.length).toBeGreaterThan(0);
    await other.drain();
  });

  it('that lags keeps no more than its share in memory and reads the rest from the journal', async () => {
    const { consumer } = aConsumer();
    const tuning = { maxBacklogPoints: 5000 };
    const telemetry = await aTelemetry({ database, consumers: [consumer], tuning });
    for (let start = 0; start < 12_000; start += 1000) {
      await telemetry.submit(device, points(numbers(start, 1000)));
      expect(telemetry.figures().backlog['rules']).toBeLessThanOrEqual(5000);
    }
    telemetry.start();
    await seenAll(12_000);
    expect(await seen()).toEqual(numbers(0, 12_000));
    await telemetry.drain();
  });

  it('leaves no journal row behind that nobody waits for, and removes none that someone does', async () => {
    const telemetry = await aTelemetry({ database, consumers: [aConsumer().consumer] });
    telemetry.start();
    await telemetry.submit(device, points([1]));
    await seenAll(1);
    await telemetry.drain();
    const waiting = await aTelemetry({ database, consumers: [aConsumer().consumer] });
    await waiting.submit(device, points([2]));
    await database.admin.query("update telemetry_journal set at = at - interval '1 hour'");
    await waiting.jobs.find(({ name }) => name === 'telemetry journal')?.run(new AbortController().signal);
    const { rows } = await database.admin.query('select points from telemetry_journal');
    expect(rows).toEqual([{ points: 1 }]);
    await waiting.drain();
  });
});
