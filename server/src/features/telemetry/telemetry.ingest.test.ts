import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommittedFlush } from './committed.ts';
import {
  aDevice,
  anOrganisation,
  aTelemetry,
  eventually,
  type TelemetryUnderTest,
  type TestDevice,
} from './telemetry.builders.ts';

const DAY = 86_400_000;
const at = (ms: number) => new Date(ms).toISOString();

let telemetry: TelemetryUnderTest;
let organisationId: number;
let device: TestDevice;
const flushes: CommittedFlush[] = [];

beforeAll(async () => {
  telemetry = await aTelemetry();
  organisationId = await anOrganisation(telemetry.database);
  device = await aDevice(telemetry.database, organisationId);
  telemetry.onCommitted((flush) => flushes.push(flush));
});
afterAll(async () => {
  await telemetry.drain();
  await telemetry.database.drop();
});

async function stored(metric: string, of: TestDevice = device) {
  const { rows } = await telemetry.database.admin.query<{ micros: string; num: number | null; txt: string | null }>(
    `select (extract(epoch from p.ts) * 1000000)::bigint as micros, p.num, p.txt from points p join series s on s.id = p.series_id
     where s.device_id = $1 and s.metric = $2 order by p.ts`,
    [of.deviceId, metric],
  );
  return rows.map(({ micros, num, txt }) => ({ micros: Number(micros), value: txt ?? num }));
}

describe('submit', () => {
  it('stores numbers, booleans and texts with the device’s own time to the microsecond, before it answers', async () => {
    const receipt = await telemetry.submit(device, [
      { metric: 'temperature', value: 21.5, unit: '°C', timestamp: '2026-11-01T10:00:00.123456Z' },
      { metric: 'open', value: true, timestamp: '2026-11-01T10:00:00Z' },
      { metric: 'state', value: 'grün', timestamp: '2026-11-01T12:00:00+02:00' },
    ]);
    expect(receipt).toEqual({ accepted: 3, duplicates: 0, rejected: [] });
    const base = Date.UTC(2026, 10, 1, 10) * 1000;
    expect(await stored('temperature')).toEqual([{ micros: base + 123_456, value: 21.5 }]);
    expect(await stored('open')).toEqual([{ micros: base, value: 1 }]);
    expect(await stored('state')).toEqual([{ micros: base, value: 'grün' }]);
  });

  it('takes an identical point for a duplicate and another value at the same time for a conflict, in one message or two', async () => {
    const time = at(Date.now() - 1000);
    const first = await telemetry.submit(device, [
      { metric: 'twice', value: 1, timestamp: time },
      { metric: 'twice', value: 1, timestamp: time },
      { metric: 'twice', value: 2, timestamp: time },
    ]);
    expect(first).toMatchObject({ accepted: 1, duplicates: 1, rejected: [{ index: 2, code: 'conflict' }] });
    const again = await telemetry.submit(device, [
      { metric: 'twice', value: 2, timestamp: time },
      { metric: 'twice', value: 1, timestamp: time },
      { metric: 'twice', value: 3, timestamp: at(Date.now()) },
    ]);
    expect(again).toMatchObject({ accepted: 1, duplicates: 1, rejected: [{ index: 0, code: 'conflict' }] });
    expect(await stored('twice')).toHaveLength(2);
  });

  it('lists each bad point with its index and reason, and stores the rest', async () => {
    const receipt = await telemetry.submit(device, [
      { metric: 'mixed', value: 1, timestamp: at(Date.now()) },
      { metric: 'mixed', value: Number.NaN },
      { metric: 'mixed', value: 1, extra: true },
      { metric: 'mixed', value: 'now a text' },
      { metric: 'mixed', value: 2, timestamp: at(Date.now() + DAY + 60_000) },
      { metric: 'mixed', value: 2, timestamp: at(Date.now() - 366 * DAY) },
      { metric: 'mixed', value: 2, deviceId: '018f0000-0000-7000-8000-000000000000' },
      'not a point',
      { metric: 'mixed', value: 9, timestamp: Date.now() - 5000 },
    ]);
    expect(receipt.accepted).toBe(2);
    expect(receipt.rejected.map(({ index, code }) => [index, code])).toEqual([
      [1, 'invalid_point'],
      [2, 'invalid_point'],
      [3, 'type_mismatch'],
      [4, 'too_far_ahead'],
      [5, 'past_retention'],
      [6, 'unknown_device'],
      [7, 'invalid_point'],
    ]);
    expect((await stored('mixed')).map(({ value }) => value)).toEqual([9, 1]);
  });

  it('accepts points of any age within the retention, each in the partition of its day', async () => {
    const days = [0, 1, 2, 30, 100, 364];
    const receipt = await telemetry.submit(
      device,
      days.map((age) => ({ metric: 'late', value: age, timestamp: at(Date.now() - age * DAY) })),
    );
    expect(receipt.accepted).toBe(days.length);
    expect((await stored('late')).map(({ value }) => value)).toEqual([...days].reverse());
  });

  it('gives points without a time one of its own, never the same twice, whoever sends at once', async () => {
    const point = { metric: 'untimed', value: 5 };
    const receipts = await Promise.all(
      Array.from({ length: 20 }, () => telemetry.submit(device, [point, point, point, point, point])),
    );
    expect(receipts.every(({ accepted }) => accepted === 5)).toBe(true);
    const rows = await stored('untimed');
    expect(rows).toHaveLength(100);
    expect(new Set(rows.map(({ micros }) => micros)).size).toBe(100);
  });

  it('moves a time it gave when a device’s own is already there, instead of refusing either', async () => {
    const now = Date.now();
    await telemetry.submit(device, [{ metric: 'moved', value: 0, timestamp: now - 1000 }]);
    // Every millisecond of the next half second is taken, so the given times meet them.
    const taken = Array.from({ length: 500 }, (_, ms) => ({ metric: 'moved', value: ms, timestamp: Date.now() + ms }));
    await telemetry.submit(device, taken);
    const receipts = [];
    for (let round = 0; round < 10; round += 1)
      receipts.push(await telemetry.submit(device, [{ metric: 'moved', value: -1 }]));
    expect(receipts.every(({ accepted }) => accepted === 1)).toBe(true);
    expect((await stored('moved')).filter(({ value }) => value === -1)).toHaveLength(10);
  });

  it('with two transactions under way, one that meets what is stored is sorted out and the one behind it stands', async () => {
    const { database } = telemetry;
    const busy = await aTelemetry({ database, tuning: { maxFlushPoints: 4000 } });
    const own = await aDevice(database, organisationId);
    const now = Date.now();
    const points = (from: number) =>
      Array.from({ length: 4000 }, (_, n) => ({ metric: 'busy', value: n, timestamp: now - 100_000 + from + n }));
    await busy.submit(own, [{ metric: 'busy', value: -1, timestamp: now - 100_000 + 17 }]);
    const before = busy.figures();
    // Each is a transaction's worth, so the second is sent behind the first.
    const receipts = await Promise.all([busy.submit(own, points(0)), busy.submit(own, points(50_000))]);
    expect(receipts[0]).toMatchObject({ accepted: 3999, rejected: [{ index: 17, code: 'conflict' }] });
    expect(receipts[1]).toEqual({ accepted: 4000, duplicates: 0, rejected: [] });
    expect(busy.figures().collisions - before.collisions).toBe(1);
    expect(busy.figures().flushes - before.flushes).toBe(2);
    await busy.drain();
  });

  it('recognises a redelivered point without a time by its id: the same is a duplicate, another value a conflict', async () => {
    const point = { metric: 'named', value: 7, id: 'message-1' };
    expect(await telemetry.submit(device, [point])).toMatchObject({ accepted: 1 });
    expect(await telemetry.submit(device, [point, { metric: 'named', value: 8, id: 'message-2' }])).toMatchObject({
      accepted: 1,
      duplicates: 1,
    });
    expect(await telemetry.submit(device, [{ ...point, value: 9 }])).toMatchObject({
      rejected: [{ code: 'conflict' }],
    });
    expect((await stored('named')).map(({ value }) => value)).toEqual([7, 8]);
  });

  it('lets a person write for the devices of their organisation only, and says the same of foreign and missing ones', async () => {
    const foreign = await aDevice(telemetry.database, await anOrganisation(telemetry.database));
    await telemetry.submit(foreign, [{ metric: 'own', value: 1 }]);
    const person = { kind: 'member', organisationId, sight: { sees: () => true } } as const;
    const missing = '018f0000-0000-7000-8000-000000000001';
    const receipt = await telemetry.submit(person, [
      { deviceId: device.deviceId, metric: 'by-person', value: 1 },
      { deviceId: device.deviceId.toUpperCase(), metric: 'by-person', value: 2 },
      { deviceId: foreign.deviceId, metric: 'own', value: 3 },
      { deviceId: missing, metric: 'own', value: 3 },
      { metric: 'own', value: 3 },
    ]);
    expect(receipt.accepted).toBe(2);
    const [ofForeign, ofMissing, without] = receipt.rejected;
    expect({ ...ofForeign, index: 0 }).toEqual({ ...ofMissing, index: 0 });
    expect(ofForeign?.code).toBe('unknown_device');
    expect(without?.code).toBe('invalid_point');
    expect(await stored('own', foreign)).toHaveLength(1);
  });

  it('stops a device at 500 metrics, also when they come at once', async () => {
    const many = await aDevice(telemetry.database, organisationId);
    const points = Array.from({ length: 510 }, (_, index) => ({ metric: `m${index}`, value: index }));
    const receipt = await telemetry.submit(many, points);
    expect(receipt.accepted).toBe(500);
    expect(receipt.rejected.every(({ code }) => code === 'too_many_series')).toBe(true);
    expect(await telemetry.submit(many, [{ metric: 'one-more', value: 1 }])).toMatchObject({
      rejected: [{ code: 'too_many_series' }],
    });
  });

  it('marks the series of a health device, and fills in a unit that comes later', async () => {
    const patient = await aDevice(telemetry.database, organisationId, true);
    await telemetry.submit(patient, [{ metric: 'pulse', value: 60 }]);
    await telemetry.submit(patient, [{ metric: 'pulse', value: 61, unit: 'bpm' }]);
    const series = () =>
      telemetry.database.admin.query('select unit, health from series where device_id = $1', [patient.deviceId]);
    await eventually(async () => (await series()).rows[0]?.unit === 'bpm', 'the unit is stored');
    expect((await series()).rows).toEqual([{ unit: 'bpm', health: true }]);
  });

  it('merges what waits into few transactions, each with one journal row and its points in order of their keys', async () => {
    flushes.length = 0;
    const base = Date.now() - 60_000;
    const messages = Array.from({ length: 200 }, (_, index) => [
      { metric: `merged${index % 7}`, value: index, timestamp: base - index * 10 },
    ]);
    await telemetry.submit(
      device,
      Array.from({ length: 7 }, (_, index) => ({ metric: `merged${index}`, value: 0 })),
    );
    flushes.length = 0;
    await Promise.all(messages.map((message) => telemetry.submit(device, message)));
    expect(flushes.length).toBeLessThan(10);
    const points = flushes.flatMap((flush) => flush.points);
    expect(points).toHaveLength(200);
    for (const flush of flushes) {
      const keys = flush.points.map(({ series, atMicros }) => series.id * 1e7 + (atMicros / 1000 - base + 10_000));
      expect(keys).toEqual([...keys].sort((a, b) => a - b));
      const journal = await telemetry.database.admin.query('select points from telemetry_journal where id = $1', [
        flush.journalId,
      ]);
      expect(journal.rows).toEqual([{ points: flush.points.length }]);
    }
  });
});
