import { setTimeout } from 'node:timers/promises';
import { telemetryHistory, telemetryLatest, telemetryRaw } from '@valtronics/contract';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import type { PersonKeys } from '../../security/keys/person-values.ts';
import { aMeasuring, type Measuring, ofDevice, range, upTo } from './measured.builders.ts';
import { base, HOUR, items, MINUTE, type Row } from './recording.builders.ts';
import { aTelemetry, eventually, type TelemetryUnderTest, type TestDevice } from './telemetry.builders.ts';

// What is under keys that are away or was altered holds up nothing else, and is caught up with once the keys are back.

let m: Measuring;
beforeEach(async () => {
  m = await aMeasuring();
});
afterEach(() => m?.end());

/** The server started again, with other keys or the same: it has nothing in memory. */
async function startedAgain(before: TelemetryUnderTest, dataKeys: PersonKeys): Promise<TelemetryUnderTest> {
  await before.drain();
  const telemetry = await aTelemetry({
    database: m.database,
    dataKeys,
    clock: m.clock,
    tuning: { rollupGatherMs: 5 },
  });
  telemetry.start();
  return telemetry;
}

const keysWithoutStore = () => dataKeysOn(m.database, { rootKey: m.rootKey, clock: m.clock });
const send = (telemetry: TelemetryUnderTest, device: TestDevice, timestamp: number, value: number) =>
  telemetry.submit(device, [{ metric: 'pulse', value, timestamp }]);
const ask = (
  telemetry: TelemetryUnderTest,
  endpoint: Parameters<TelemetryUnderTest['get']>[0],
  { deviceId }: TestDevice,
  more: Record<string, string>,
) => telemetry.get(endpoint, m.organisationId, { deviceId, ...more });
const points = { metric: 'pulse', ...range, limit: '10000' };
const hours = { metric: 'pulse', ...range, interval: '1h' };
const hoursOf = async (device: TestDevice) =>
  (await m.query(`select count from rollups_1h where ${ofDevice} order by bucket`, [device.deviceId])).map(
    ({ count }) => Number(count),
  );
const later = () => m.query('select journal_id, retry_at from telemetry_pending where retry_at is not null');

it('while the key store is away everything of everybody else goes on; once it is back nothing is missing', async () => {
  const [device, plain] = [await m.device(), await m.device(false)];
  const ada = await m.person();
  await m.assign(device, ada, base);
  await m.settle();
  await m.submit(device, base, 30);
  await m.submit(plain, base, 30);

  const without = await startedAgain(m.telemetry, await keysWithoutStore());
  // Into the minute and hour that lie under her key, into an hour that does not, and of another device.
  await send(without, device, base + 1_000, 500);
  await send(without, device, base + HOUR, 501);
  await send(without, plain, base + 1_000, 502);
  await eventually(async () => (await hoursOf(plain))[0] === 31, 'the other device goes on');
  await eventually(async () => (await hoursOf(device)).length === 2, 'what can be added up is');
  expect(await hoursOf(device)).toEqual([30, 1]);
  expect(await later()).toHaveLength(1);
  for (const [endpoint, more] of [
    [telemetryRaw, points],
    [telemetryHistory, hours],
  ] as const)
    await expect(ask(without, endpoint, device, more)).rejects.toMatchObject({ code: 'unavailable' });
  expect(items((await ask(without, telemetryRaw, plain, points)) as Row)).toHaveLength(31);
  const latest = (await without.get(telemetryLatest, m.organisationId, {})) as Row;
  expect(
    items(latest)
      .map(({ deviceId, value }) => [deviceId, value])
      .sort(),
  ).toEqual(
    [
      [device.deviceId, 501],
      [plain.deviceId, 29],
    ].sort(),
  );

  // Without the store nothing can be done about it, and what is owed is not forgotten.
  m.clock.advance(60_000);
  const chunks = () =>
    m.query(`select sealed from points where ${ofDevice} and sealed is not null order by ts`, [device.deviceId]);
  const before = await chunks();
  await m.settle(undefined, await keysWithoutStore());
  expect(await chunks()).toEqual(before);
  expect(await m.pointOwners(device)).toEqual([ada, 'organisation', ada, 'organisation']);
  expect(await m.query('select subject_id, erased from measured_changes')).toEqual([
    { subject_id: ada, erased: false },
  ]);

  const back = await startedAgain(without, m.dataKeys);
  await m.query('update telemetry_pending set retry_at = now()');
  await eventually(async () => (await m.query('select 1 from telemetry_pending')).length === 0, 'all is applied');
  expect(await hoursOf(device)).toEqual([31, 1]);
  expect(items((await ask(back, telemetryRaw, device, points)) as Row).map(({ value }) => value)).toEqual([
    0,
    500,
    ...upTo(30, 1),
    501,
  ]);
  await m.settle();
  expect(await m.pointOwners(device)).toEqual([ada]);
  expect(await m.rollupOwners('rollups_1h', device)).toEqual([ada]);
  expect(await m.query('select 1 from measured_changes')).toEqual([]);
  await back.drain();
});

it('points that were committed and not applied when the key store went away wait for it alone', async () => {
  const [device, plain] = [await m.device(), await m.device(false)];
  await m.assign(device, await m.person(), base);
  await m.settle();
  await m.telemetry.drain();
  const idle = await aTelemetry({ database: m.database, dataKeys: m.dataKeys, clock: m.clock });
  await send(idle, device, base, 7);
  await send(idle, plain, base, 8);

  const without = await startedAgain(idle, await keysWithoutStore());
  await eventually(async () => (await hoursOf(plain)).length === 1, 'the other device goes on');
  expect(await hoursOf(device)).toEqual([]);
  const waiting = await later();
  expect(waiting).toHaveLength(1);
  // Looked at again after a while, and not each time that the journal is.
  m.clock.advance(2_000);
  await setTimeout(2_500);
  expect(await later()).toEqual(waiting);
  const back = await startedAgain(without, m.dataKeys);
  await m.query('update telemetry_pending set retry_at = now()');
  await eventually(async () => (await hoursOf(device))[0] === 1, 'the point is applied');
  expect(await m.query('select 1 from telemetry_pending')).toEqual([]);
  await back.drain();
});

it('a chunk and an hour that somebody altered fail whoever reads them, are not written over, and hold up nobody', async () => {
  const [device, plain] = [await m.device(), await m.device()];
  const ada = await m.person();
  await m.assign(device, ada, base);
  await m.settle();
  for (const one of [device, plain]) await m.submit(one, base, 30);
  for (const [table, time] of [
    ['points', 'ts'],
    ['rollups_1h', 'bucket'],
  ])
    await m.query(
      `update ${table} set sealed = set_byte(sealed, 90, get_byte(sealed, 90) # 1) where ${ofDevice} and ${time} >= $2 and sealed is not null`,
      [device.deviceId, new Date(base)],
    );
  const altered = await m.query(`select sealed from rollups_1h where ${ofDevice}`, [device.deviceId]);

  const again = await startedAgain(m.telemetry, m.dataKeys);
  await send(again, device, base + 1_000, 500);
  await send(again, device, base + HOUR, 501);
  await send(again, plain, base + 1_000, 502);
  await eventually(async () => (await hoursOf(plain))[0] === 31, 'the other device goes on');
  await eventually(async () => (await hoursOf(device)).length === 2, 'so does what comes after');
  expect(await m.query(`select sealed from rollups_1h where ${ofDevice} and count = 30`, [device.deviceId])).toEqual(
    altered,
  );
  for (const [endpoint, more] of [
    [telemetryRaw, points],
    [telemetryHistory, hours],
  ] as const)
    await expect(ask(again, endpoint, device, more)).rejects.toThrow('was altered');
  expect(items((await ask(again, telemetryRaw, plain, points)) as Row)).toHaveLength(31);
  expect(await later()).toEqual([]);

  // A change of whom the device measures goes past it, and does the others.
  const ben = await m.person();
  await m.assign(plain, ben, base);
  await m.query('update subject_assignments set during = tstzrange($1, null) where device_id = $2', [
    new Date(base + 10 * MINUTE),
    device.deviceId,
  ]);
  m.clock.advance(60_000);
  await m.settle();
  expect(await m.pointOwners(plain)).toEqual([ben]);
  expect(await m.query('select 1 from measured_changes')).toEqual([]);
  await again.drain();
});

it('one that cannot be sealed again keeps no other from it, however many there are; what is owed meanwhile stays on the list', async () => {
  const ada = await m.person();
  const devices: TestDevice[] = [];
  for (let count = 0; count < 22; count += 1) devices.push(await m.device());
  for (const device of devices) {
    await m.submit(device, base, 1);
    await m.assign(device, ada, base);
  }
  const [owed, last] = devices.slice(-2) as [TestDevice, TestDevice];
  const seriesOf = async ({ deviceId }: TestDevice) =>
    Number((await m.query('select id from series where device_id = $1', [deviceId]))[0].id);
  const [owedSeries, lastSeries] = [await seriesOf(owed), await seriesOf(last)];
  await m.settle(async (seriesId) => {
    if (seriesId === owedSeries)
      await m.query('update measured_changes set changed_at = clock_timestamp() where device_id = $1', [owed.deviceId]);
    else if (seriesId !== lastSeries) throw new Error('this one fails');
  });
  expect(await m.pointOwners(last)).toEqual([ada]);
  const left = await m.query('select device_id from measured_changes order by id');
  expect(left.map(({ device_id }) => device_id)).toEqual(devices.slice(0, -1).map(({ deviceId }) => deviceId));
  await m.settle();
  expect(await m.query('select 1 from measured_changes')).toEqual([]);
  for (const device of devices) expect(await m.pointOwners(device)).toEqual([ada]);
});

it('a point that was put beside those of a chunk keeps nothing of somebody erased from going', async () => {
  const device = await m.device();
  await m.submit(device, base, 30);
  await m.query(
    `insert into points (series_id, organisation_id, ts, chunk)
     select series_id, organisation_id, ts + interval '1 second', chunk from points where ${ofDevice} order by ts limit 1`,
    [device.deviceId],
  );
  const ada = await m.person();
  await m.assign(device, ada, base + 10 * MINUTE, base + 20 * MINUTE);
  await m.erase(ada);
  await m.settle();
  const left = await m.query(`select ts from points where ${ofDevice} order by ts`, [device.deviceId]);
  expect(left.map(({ ts }) => (ts.getTime() - base) / MINUTE)).toEqual([0, 1 / 60, ...upTo(10, 1), ...upTo(30, 20)]);
  await m.query(`delete from points where ${ofDevice} and ts = $2`, [device.deviceId, new Date(base + 1_000)]);
  expect(await m.values(device)).toEqual([...upTo(10), ...upTo(30, 20)]);
});

it('the hour that was mostly of somebody erased is added up from the minutes that stay, also where it is still on the list that it was theirs', async () => {
  const device = await m.device();
  const ada = await m.person();
  await m.assign(device, ada, base, base + 40 * MINUTE);
  await m.submit(device, base, 60);
  expect(await m.rollupOwners('rollups_1h', device)).toEqual([ada]);
  await m.erase(ada);
  await m.settle();
  expect(await m.counts(device, '1h')).toEqual([20]);
  expect(await m.values(device)).toEqual(upTo(60, 40));
});
