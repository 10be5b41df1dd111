import { rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../../../../tests/support/database.ts';
import { newDatabaseFolder } from '../../../../tests/support/database-folders.ts';
import { Problem } from '../../lib/problem.ts';
import { connectDatabase, connectionAs, type Database } from '../../platform/db/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../platform/db/embedded.ts';
import { migrate } from '../../platform/db/migrate.ts';
import { provision } from '../../platform/db/provision.ts';
import type { JournalConsumer } from './committed.ts';
import { aDevice, anOrganisation, aTelemetry, eventually, quiet, type TestDevice } from './telemetry.builders.ts';

const NAME = 'restarted';
let dataDir: string;
let postgres: EmbeddedPostgres;
let database: Database;
let arranged: TestDatabase;

// A PostgreSQL of its own, as this one is killed.
beforeAll(async () => {
  dataDir = newDatabaseFolder('valtronics-restart-');
  postgres = await startEmbeddedPostgres({ dataDir, log: quiet, settings: { shared_buffers: '32MB' } });
  const { credentials } = await provision({
    adminConnection: postgres.adminConnection,
    database: NAME,
    store: { read: async () => undefined, write: async () => {} },
  });
  const as = (role: 'owner' | 'ingest') => ({
    ...postgres.adminConnection(NAME),
    ...connectionAs(role, credentials[role]),
  });
  await migrate(as('owner'), join(import.meta.dirname, '../../../migrations'));
  const { host, port } = postgres.adminConnection(NAME);
  const connection = {
    database: NAME,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  };
  database = await connectDatabase({ connection, credentials, log: quiet });
  const admin = { query: async (text: string, values?: unknown[]) => asAdmin(text, values) };
  arranged = { ...database, admin, connection: () => as('ingest') } as unknown as TestDatabase;
}, 60_000);
afterAll(async () => {
  await database.close();
  await postgres.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Through a session for each statement: none survives the kills. */
async function asAdmin(text: string, values?: unknown[]) {
  const client = new pg.Client(postgres.adminConnection(NAME));
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}

async function storedValues(device: TestDevice): Promise<number[]> {
  const { rows } = await asAdmin(
    'select num from points p join series s on s.id = p.series_id where s.device_id = $1 order by num',
    [device.deviceId],
  );
  return rows.map(({ num }) => num);
}

describe('PostgreSQL killed with SIGKILL under load', () => {
  it('loses no acknowledged point, doubles none, and every consumer sees each stored point once', async () => {
    const seen: number[] = [];
    const rules: JournalConsumer = {
      name: 'rules',
      apply: async () => [],
      committed: (flushes) => {
        for (const { points } of flushes) for (const { value } of points) seen.push(Number(value));
      },
    };
    const telemetry = await aTelemetry({ database: arranged, consumers: [rules] });
    telemetry.start();
    const device = await aDevice(arranged, await anOrganisation(arranged));
    const acknowledged = new Set<number>();
    let isOver = false;
    let next = 0;
    const sender = async () => {
      while (!isOver) {
        const points = Array.from({ length: 25 }, () => ({
          metric: 'm',
          value: next,
          timestamp: Date.now() - 9_000_000 + next++,
        }));
        // As a device does: the same message again until it is acknowledged.
        for (;;) {
          try {
            const receipt = await telemetry.submit(device, points);
            expect(receipt.rejected).toEqual([]);
            for (const { value } of points) acknowledged.add(value);
            break;
          } catch (error) {
            if (!(error instanceof Problem)) await new Promise((resolve) => setTimeout(resolve, 50));
            else expect(error.status).toBe(503);
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    const senders = Array.from({ length: 5 }, sender);
    for (let round = 0; round < 2; round += 1) {
      const before = acknowledged.size;
      await eventually(() => acknowledged.size > before + 300, 'points are acknowledged again');
      const pid = postgres.pid();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      await eventually(() => postgres.isUp() && postgres.pid() !== pid, 'PostgreSQL is back');
    }
    isOver = true;
    await Promise.all(senders);
    const values = await storedValues(device);
    expect(new Set(values).size).toBe(values.length);
    expect(values).toEqual([...acknowledged].sort((a, b) => a - b));
    await eventually(
      async () => (await asAdmin('select 1 from telemetry_pending limit 1')).rows.length === 0,
      'all is applied',
    );
    expect(new Set(seen).size).toBe(seen.length);
    const { rows } = await asAdmin('select sum(count)::int as n from rollups_1m');
    expect(rows).toEqual([{ n: values.length }]);
    await telemetry.drain();
  }, 90_000);
});
