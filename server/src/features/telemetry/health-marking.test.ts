import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { dataKeysOf } from '../../../../tests/support/data-keys.ts';
import { systemClock } from '../../lib/clock.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { createHealthJobs } from './health.jobs.ts';
import { createHealthValues, type HealthValues } from './health-values.ts';
import { createMeasuredPersons } from './measured-persons.ts';
import { eventually } from './telemetry.builders.ts';

let app: TestApp;
let operator: Person;

beforeAll(async () => {
  app = await anApp();
  operator = await app.aPerson('operator');
});
afterAll(() => app?.stop());

const start = Date.now() - 3 * 3_600_000;
const at = (index: number) => new Date(start + index * 1000).toISOString();
const query = async (text: string, values: unknown[] = []) => (await app.database.admin.query(text, values)).rows;

async function send(device: { token: string }, points: object[]) {
  const sent = await app.call('POST', '/api/v1/telemetry', { token: device.token, body: { points } });
  expect(sent.json).toMatchObject({ accepted: points.length, rejected: [] });
}

const mark = (as: Person, body: object) =>
  app.call('POST', '/api/v1/telemetry/health', { token: as.accessToken, body });
const read = (as: Person, path: string, deviceId: string, more = '') =>
  app.call('GET', `/api/v1/telemetry${path}?deviceId=${deviceId}${more}`, { token: as.accessToken });
const whole = `&metric=pulse&from=${at(-10)}&to=${at(100_000)}`;

const clearOf = async (deviceId: string) => {
  const [points] = await query(
    `select count(*)::int as count from points p join series s on s.id = p.series_id
     where s.device_id = $1 and s.metric = 'pulse' and (p.num is not null or p.txt is not null)`,
    [deviceId],
  );
  const [rollups] = await query(
    `select count(*)::int as count from (table rollups_1m union all table rollups_1h) r join series s on s.id = r.series_id
     where s.device_id = $1 and s.metric = 'pulse' and r.sealed is null`,
    [deviceId],
  );
  const [latest] = await query(
    `select count(l.num)::int as count from series_latest l join series s on s.id = l.series_id
     where s.device_id = $1 and s.metric = 'pulse'`,
    [deviceId],
  );
  return points.count + rollups.count + latest.count;
};

/** The job as another server would have it, at some other time. */
async function sealingJob(
  laterMs: number,
  {
    meddling = (health) => health,
    ...failing
  }: { meddling?: (health: HealthValues) => HealthValues; system?: Transactions['system'] } = {},
) {
  const clock = { now: () => Date.now() + laterMs, date: () => new Date(Date.now() + laterMs) };
  const transactions = { ...createTransactions(app.database), ...failing };
  const persons = createMeasuredPersons({ transactions, clock: systemClock });
  const health = createHealthValues({ dataKeys: await dataKeysOf(app), persons, clock: systemClock });
  const [job] = createHealthJobs({
    transactions,
    health: meddling(health),
    persons,
    clock,
  });
  if (!job) throw new Error('there is no job');
  return job;
}
const never = new AbortController().signal;

describe('marking a metric', () => {
  it('seals what is there, keeps all of it readable, and does not touch the others', async () => {
    const device = await app.aDevice(operator, { name: 'Marked later' });
    const points = Array.from({ length: 2500 }, (_, index) => ({
      metric: 'pulse',
      value: 60 + (index % 40),
      timestamp: at(index),
    }));
    await send(device, points);
    await send(device, [{ metric: 'battery', value: 90, timestamp: at(0) }]);
    await eventually(async () => (await query('select 1 from telemetry_pending limit 1')).length === 0, 'rollups');
    const analyst = await app.aPerson('analyst');
    const answers = async () => [
      (await read(analyst, '/history', device.id, `${whole}&interval=1m`)).json,
      (await read(analyst, '/history', device.id, `${whole}&interval=1h`)).json,
      (await read(analyst, '', device.id, `${whole}&limit=5000`)).json,
      (await read(analyst, '/latest', device.id)).json,
    ];
    const before = await answers();
    expect(before[2].items).toHaveLength(2500);
    expect(await clearOf(device.id)).toBeGreaterThan(2500);

    expect((await mark(operator, { deviceId: device.id, metric: 'pulse' })).json).toEqual({ marked: 1 });
    // From the commit on, whatever else is still to be done.
    await send(device, [{ metric: 'pulse', value: 99, timestamp: at(2500) }]);
    const [newest] = await query(
      `select num, sealed is not null as sealed from points p join series s on s.id = p.series_id
       where s.device_id = $1 and s.metric = 'pulse' order by ts desc limit 1`,
      [device.id],
    );
    expect(newest).toEqual({ num: null, sealed: true });
    const listed = (await read(analyst, '/metrics', device.id)).json.items;
    expect(
      listed.map(({ metric, health, sealing }: Record<string, unknown>) => [metric, health, sealing !== null]),
    ).toEqual([
      ['battery', false, false],
      ['pulse', true, true],
    ]);

    await (await sealingJob(0)).run(never);
    expect(await clearOf(device.id)).toBe(0);
    await eventually(async () => (await query('select 1 from telemetry_pending limit 1')).length === 0, 'rollups');
    const after = await answers();
    expect(after[2].items.slice(0, 2500)).toEqual(before[2].items);
    expect(after[0].buckets[0]).toEqual(before[0].buckets[0]);
    expect(after[3].items).toMatchObject([{ metric: 'battery' }, { metric: 'pulse', value: 99 }]);
    const [chunks] = await query('select count(*)::int as count from points where sealed is not null');
    expect(chunks.count).toBeLessThan(10);
    // It is not over before every server knows.
    expect((await read(analyst, '/metrics', device.id)).json.items[1].sealing).toEqual({ sealedPoints: 2500 });
    await (await sealingJob(8 * 60_000)).run(never);
    expect((await read(analyst, '/metrics', device.id)).json.items[1].sealing).toBeNull();
    const told = await query(
      "select event, details from audit_events where event like 'telemetry.%health%' and resource_id = $1 order by id",
      [device.id],
    );
    expect(told).toMatchObject([
      { event: 'telemetry.marked_health', details: { scope: 'metric', metric: 'pulse', marked: 1 } },
      { event: 'telemetry.health_sealed', details: { metric: 'pulse', points: 2500 } },
    ]);
  });

  it('goes on after it was interrupted, and seals what a server wrote that had not heard of it', async () => {
    const device = await app.aDevice(operator, { name: 'Interrupted' });
    await send(
      device,
      Array.from({ length: 4000 }, (_, index) => ({ metric: 'pulse', value: index, timestamp: at(index) })),
    );
    await send(
      device,
      Array.from({ length: 4000 }, (_, index) => ({ metric: 'pulse', value: index, timestamp: at(4000 + index) })),
    );
    await mark(operator, { deviceId: device.id, metric: 'pulse' });
    const stopping = new AbortController();
    const interrupted = (await sealingJob(0)).run(stopping.signal);
    setTimeout(() => stopping.abort(), 30);
    await interrupted;
    const [series] = await query("select id, organisation_id from series where device_id = $1 and metric = 'pulse'", [
      device.id,
    ]);
    const day = at(9000).slice(0, 10).replaceAll('-', '');
    await query(`insert into points_${day} (series_id, organisation_id, ts, num) values ($1, $2, $3, 77.25)`, [
      series.id,
      series.organisation_id,
      at(9000),
    ]);
    await (await sealingJob(8 * 60_000)).run(never);
    expect(await clearOf(device.id)).toBe(0);
    const page = await read(operator, '', device.id, `${whole}&limit=10000`);
    expect(page.json.items.map(({ value }: { value: number }) => value)).toEqual([
      ...Array.from({ length: 4000 }, (_, index) => index),
      ...Array.from({ length: 4000 }, (_, index) => index),
      77.25,
    ]);
  });

  it('is not over while something was left: because it changed under the work, or because that it is over is not on record', async () => {
    const device = await app.aDevice(operator, { name: 'Changed meanwhile' });
    await send(
      device,
      Array.from({ length: 1500 }, (_, index) => ({ metric: 'pulse', value: index, timestamp: at(index) })),
    );
    await eventually(async () => (await query('select 1 from telemetry_pending limit 1')).length === 0, 'rollups');
    await mark(operator, { deviceId: device.id, metric: 'pulse' });
    const [series] = await query("select id from series where device_id = $1 and metric = 'pulse'", [device.id]);
    const sealings = () =>
      query('select sealed_points::int as points from series_sealings where series_id = $1', [series.id]);
    const told = () =>
      query("select details from audit_events where event = 'telemetry.health_sealed' and resource_id = $1", [
        device.id,
      ]);
    // While the first chunk is computed one of its points goes, as by retention; while the first rollup is, one is added to.
    const [first, rollup] = [Symbol('point'), Symbol('rollup')];
    const left = new Set([first, rollup]);
    const meddling = (health: HealthValues): HealthValues => ({
      ...health,
      async seal(...given) {
        if (left.delete(first)) await query('delete from points where series_id = $1 and ts = $2', [series.id, at(3)]);
        return health.seal(...given);
      },
      async sealRollup(...given) {
        if (left.delete(rollup))
          await query('update rollups_1m set count = count + 1 where series_id = $1', [series.id]);
        return health.sealRollup(...given);
      },
    });
    await (await sealingJob(8 * 60_000, { meddling })).run(never);
    expect(left.size).toBe(0);
    expect(await clearOf(device.id)).toBeGreaterThan(900);
    expect(await sealings()).toEqual([{ points: 500 }]);
    expect(await told()).toEqual([]);

    const system = () => Promise.reject(new Error('the disk is full'));
    await expect((await sealingJob(8 * 60_000, { system })).run(never)).rejects.toThrow('the disk is full');
    expect(await clearOf(device.id)).toBe(0);
    expect(await sealings()).toEqual([{ points: 1499 }]);
    await (await sealingJob(8 * 60_000)).run(never);
    expect(await sealings()).toEqual([]);
    expect(await told()).toEqual([{ details: { metric: 'pulse', points: 1499 } }]);
  });

  it('of a device marks what it will have as well; again is no fault and no work', async () => {
    const device = await app.aDevice(operator, { name: 'Whole device' });
    await send(device, [{ metric: 'a', value: 1 }]);
    expect((await mark(operator, { deviceId: device.id })).json).toEqual({ marked: 1 });
    await send(device, [{ metric: 'pulse', value: 2 }]);
    expect(await query('select metric, health from series where device_id = $1 order by 1', [device.id])).toEqual([
      { metric: 'a', health: true },
      { metric: 'pulse', health: true },
    ]);
    expect(await clearOf(device.id)).toBe(0);
    expect((await mark(operator, { deviceId: device.id })).json).toEqual({ marked: 0 });
    expect((await mark(operator, { deviceId: device.id, metric: 'a' })).json).toEqual({ marked: 0 });
  });

  it('is for who may change devices, of what is there', async () => {
    const device = await app.aDevice(operator, { name: 'Somebody' });
    const [analyst, other] = [
      await app.aPerson('analyst'),
      await app.aPerson('admin', await app.anotherOrganisation()),
    ];
    expect((await mark(analyst, { deviceId: device.id })).status).toBe(403);
    expect((await mark(other, { deviceId: device.id })).status).toBe(404);
    expect((await mark(operator, { deviceId: device.id, metric: 'nothing' })).status).toBe(404);
    expect(await query('select health from devices where id = $1', [device.id])).toEqual([{ health: false }]);
  });
});

describe('who reads it', () => {
  it('is recorded, once a minute and device; who is shown nothing is not', async () => {
    const device = await app.aDevice(operator, { name: 'Watched' });
    await send(device, [{ metric: 'pulse', value: 60, timestamp: at(0) }]);
    await mark(operator, { deviceId: device.id, metric: 'pulse' });
    const [analyst, user] = [await app.aPerson('analyst'), await app.aPerson('user')];
    for (let turn = 0; turn < 2; turn += 1)
      expect((await read(analyst, '', device.id, whole)).json.items).toMatchObject([{ value: 60 }]);
    const refused = await read(user, '', device.id, whole);
    expect([refused.status, refused.json.code]).toEqual([403, 'health_withheld']);
    expect((await read(user, '/latest', device.id)).json.items).toEqual([]);
    const readers = await query(
      "select actor_id from audit_events where event = 'telemetry.read' and resource_id = $1",
      [device.id],
    );
    expect(readers).toEqual([{ actor_id: analyst.userId }]);
  });
});
