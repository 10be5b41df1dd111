import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { telemetryHistory, telemetryLatest, telemetryRaw } from '@valtronics/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { systemClock } from '../../lib/clock.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { aClock, aKeyStoreFile, aRootKey, aServerOfKeys } from '../../security/keys/keys.builders.ts';
import { createResealing } from '../../security/keys/resealing.ts';
import { at, base, HOUR, MINUTE } from './recording.builders.ts';
import {
  aDevice,
  anOrganisation,
  aTelemetry,
  eventually,
  type TelemetryUnderTest,
  type TestDevice,
} from './telemetry.builders.ts';
import { createTelemetryJobs } from './telemetry.jobs.ts';

// What happens to sealed values below the surface: on the disk, when they are past their retention, and when the keys change.

let database: TestDatabase;
let telemetry: TelemetryUnderTest;
let keys: Awaited<ReturnType<typeof aServerOfKeys>>;
let organisationId: number;
let device: TestDevice;
/** Nothing else on the machine has these. */
const words = `arrhythmia-${randomBytes(9).toString('hex')}`;
const number = 70 + randomBytes(4).readUInt32BE() / 2 ** 32;

beforeAll(async () => {
  database = await aDatabase();
  keys = await aServerOfKeys(database, { rootKey: aRootKey(), clock: aClock(Date.now()), file: aKeyStoreFile() });
  telemetry = await aTelemetry({ database, dataKeys: keys.dataKeys, tuning: { rollupGatherMs: 5 } });
  organisationId = await anOrganisation(database);
  device = await aDevice(database, organisationId, true);
  telemetry.start();
  for (let hour = 0; hour < 3; hour += 1) {
    await telemetry.submit(device, [
      ...Array.from({ length: 60 }, (_, index) => ({
        metric: 'pulse',
        value: index === 7 ? number : 60 + index,
        timestamp: base + hour * HOUR + index * MINUTE,
      })),
      { metric: 'rhythm', value: words, timestamp: base + hour * HOUR },
    ]);
  }
  await eventually(
    async () => (await database.admin.query('select 1 from telemetry_pending limit 1')).rows.length === 0,
    'all rollups are applied',
  );
});
afterAll(async () => {
  await telemetry?.drain();
  keys?.subjectKeys.close();
  await database?.drop();
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

it('no file of the database and its log holds a value: not the words, not the number in either order of bytes', async () => {
  await database.admin.query('checkpoint');
  const { rows } = await database.admin.query(
    "select current_setting('data_directory') as folder, (select oid from pg_database where datname = current_database()) as oid",
  );
  const [big, little] = [Buffer.alloc(8), Buffer.alloc(8)];
  big.writeDoubleBE(number);
  little.writeDoubleLE(number);
  const found = { values: [] as string[], control: 0 };
  for (const file of [
    ...filesBelow(join(rows[0].folder, 'base', String(rows[0].oid))),
    ...filesBelow(join(rows[0].folder, 'pg_wal')),
  ]) {
    // A log segment may be recycled while it is looked at.
    if (!statSync(file, { throwIfNoEntry: false })) continue;
    const bytes = readFileSync(file);
    if ([Buffer.from(words), big, little, Buffer.from(String(number))].some((needle) => bytes.includes(needle)))
      found.values.push(file);
    if (bytes.includes(device.deviceId.replaceAll('-', ''), 0, 'hex')) found.control += 1;
  }
  expect(found.values).toEqual([]);
  // What is in clear is found, so a value would be.
  expect(found.control).toBeGreaterThan(1);
  const page = await telemetry.get(telemetryRaw, organisationId, {
    deviceId: device.deviceId,
    metric: 'rhythm',
    from: at(base),
    to: at(base + 3 * HOUR),
  });
  expect(JSON.stringify(page)).toContain(words);
});

const answers = async () => [
  await telemetry.get(telemetryLatest, organisationId, { deviceId: device.deviceId }),
  await telemetry.get(telemetryHistory, organisationId, {
    ...{ deviceId: device.deviceId, metric: 'pulse', interval: '1m' },
    ...{ from: at(base), to: at(base + 3 * HOUR) },
  }),
];

it('a rotation of the keys seals chunks and rollups again, while points come in; nothing of the old epoch is left', async () => {
  const before = await answers();
  const { epoch } = await keys.epochs.advance({ kind: 'cli', id: 'cli:0', label: null });
  const resealing = createResealing({ ...keys, transactions: createTransactions(database) });
  let sent = 0;
  let isDone = false;
  const sending = (async () => {
    while (!isDone) {
      const points = [{ metric: 'meanwhile', value: sent, timestamp: base + sent * 1000 }];
      sent += (await telemetry.submit(device, points)).accepted;
    }
  })();
  expect(await resealing.run({ batchRows: 5 })).toEqual({ unreadable: 0 });
  isDone = true;
  await sending;
  expect(sent).toBeGreaterThan(3);
  const headers = await database.admin.query(
    `select distinct encode(substring(sealed from 1 for 5), 'hex') as header from (
       select sealed from points union all select sealed from rollups_1m union all select sealed from rollups_1h) s where sealed is not null`,
  );
  expect(headers.rows).toEqual([{ header: `02${epoch.toString(16).padStart(8, '0')}` }]);
  const after = (await answers()) as { items?: { metric: string }[] }[];
  expect(after[0]?.items?.filter(({ metric }) => metric !== 'meanwhile')).toEqual(before[0]?.['items']);
  expect(after[1]).toEqual(before[1]);
  const fresh = await aTelemetry({ database, dataKeys: keys.dataKeys });
  const pages = await fresh.get(telemetryRaw, organisationId, {
    ...{ deviceId: device.deviceId, metric: 'meanwhile', limit: '10000' },
    ...{ from: at(base), to: at(base + 3 * HOUR) },
  });
  expect(pages['items']).toHaveLength(sent);
});

it('retention removes the oldest first, and a chunk with the last of its points', async () => {
  const clock = { now: () => base + 90 * MINUTE + 86_400_000, date: () => new Date() };
  await database.admin.query('update organisations set retention_days = 1 where id = $1', [organisationId]);
  const [expire] = createTelemetryJobs({ transactions: createTransactions(database), clock });
  await expire?.run(new AbortController().signal);
  // Half of the second hour is gone; what is left of its chunk is read all the same.
  const fresh = await aTelemetry({ database, dataKeys: keys.dataKeys, clock: systemClock });
  const page = await fresh.get(telemetryRaw, organisationId, {
    ...{ deviceId: device.deviceId, metric: 'pulse', limit: '10000' },
    ...{ from: at(base), to: at(base + 3 * HOUR) },
  });
  expect((page['items'] as { value: number }[]).map(({ value }) => value)).toEqual([
    ...Array.from({ length: 30 }, (_, index) => 90 + index),
    ...Array.from({ length: 60 }, (_, index) => (index === 7 ? number : 60 + index)),
  ]);
  const { rows } = await database.admin.query(
    "select count(*)::int as chunks from points p join series s on s.id = p.series_id where s.metric = 'pulse' and sealed is not null",
  );
  expect(rows).toEqual([{ chunks: 2 }]);
});
