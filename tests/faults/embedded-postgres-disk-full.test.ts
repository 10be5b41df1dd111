import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { checkSpace } from '../../server/src/platform/db/disk-space.ts';
import { aFolder, aLog, anEmbeddedPostgres, query, until } from '../support/database-faults.ts';
import { asSmallDisk } from '../support/small-disk.ts';

const MIB = 1024 * 1024;

test('PostgreSQL that panicked on a full disk comes back on the reserve, with every acknowledged row', async () => {
  const dataDir = asSmallDisk(aFolder(), 600);
  if (!dataDir) return;
  const log = aLog();
  const postgres = await anEmbeddedPostgres({ dataDir, log });
  const ballast = join(dataDir, 'postgres', 'ballast');
  expect(existsSync(ballast)).toBe(true);
  await query(postgres.adminConnection(), 'create table kept (n int)');
  let downs = 0;
  let ups = 0;
  postgres.onDown(() => downs++);
  postgres.onUp(() => ups++);
  // Leave so little that the next WAL segment (16 MB) does not fit.
  writeFileSync(join(dataDir, 'somebody-elses-file'), Buffer.alloc(checkSpace(dataDir).freeBytes - 6 * MIB));

  let acknowledged = 0;
  const client = new pg.Client(postgres.adminConnection());
  client.on('error', () => {});
  await client.connect();
  for (let n = 1; n <= 2_000 && downs === 0; n++) {
    try {
      // Fills the log but not the table, so that the log is what runs out of space.
      await client.query(
        `begin; insert into kept values (${n}); select pg_logical_emit_message(true, 'filler', repeat('x', 200000)); commit`,
      );
      acknowledged = n;
    } catch {
      break;
    }
  }
  expect(acknowledged).toBeGreaterThan(0);
  await client.end().catch(() => {});
  await until(async () => {
    try {
      return (await query(postgres.adminConnection(), 'select 1')).length === 1;
    } catch {
      await delay(100);
      return false;
    }
  }, 20_000);
  const stored = (await query(postgres.adminConnection(), 'select count(*)::int as rows, max(n) as last from kept'))[0];
  expect(stored?.rows).toBe(stored?.last);
  expect(Number(stored?.last)).toBeGreaterThanOrEqual(acknowledged);
  expect(downs).toBeGreaterThan(0);
  expect(ups).toBeGreaterThan(0);
  expect(existsSync(ballast)).toBe(false);
  expect(log.lines.map((line) => line.message)).toContain(
    'the disk is full: gave up the reserve file so that PostgreSQL can recover',
  );
}, 60_000);

test('a start on a disk that is full to the last block succeeds on the reserve, and a start with space sets it aside again', async () => {
  const dataDir = asSmallDisk(aFolder(), 600);
  if (!dataDir) return;
  const ballast = join(dataDir, 'postgres', 'ballast');
  const filler = join(dataDir, 'somebody-elses-file');
  const first = await anEmbeddedPostgres({ dataDir });
  await query(first.adminConnection(), 'create table kept as select 42 as n');
  await first.stop();
  writeFileSync(filler, Buffer.alloc(checkSpace(dataDir).freeBytes));
  expect(checkSpace(dataDir).freeBytes).toBe(0);
  const second = await anEmbeddedPostgres({ dataDir });
  expect(await query(second.adminConnection(), 'select n from kept')).toEqual([{ n: 42 }]);
  expect(existsSync(ballast)).toBe(false);
  await second.stop();
  rmSync(filler);
  await anEmbeddedPostgres({ dataDir });
  expect(existsSync(ballast)).toBe(true);
}, 60_000);
