import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import { aDevice, anOrganisation, aTelemetry, eventually, type TelemetryUnderTest } from './telemetry.builders.ts';

const DAY = 86_400_000;
const start = Date.now();
const clock = manualClock(start);
let telemetry: TelemetryUnderTest;

beforeAll(async () => {
  telemetry = await aTelemetry({ clock, tuning: { rollupGatherMs: 5 } });
  telemetry.start();
});
afterAll(async () => {
  clock.set(Date.now());
  await telemetry.drain();
  await telemetry.database.drop();
});

const admin = () => telemetry.database.admin;
async function run(name: string): Promise<void> {
  await telemetry.jobs.find((job) => job.name === name)?.run(new AbortController().signal);
}
async function count(table: string, organisationId: number): Promise<number> {
  const { rows } = await admin().query(`select count(*)::int as n from ${table} where organisation_id = $1`, [
    organisationId,
  ]);
  return rows[0].n;
}
async function applied(): Promise<void> {
  await eventually(
    async () => (await admin().query('select 1 from telemetry_pending limit 1')).rows.length === 0,
    'applied',
  );
}

describe('retention', () => {
  it('[ASVS 14.2.7] removes what each organisation no longer keeps, to the hour of its own limit, and records it', async () => {
    const short = await anOrganisation(telemetry.database, 10);
    const long = await anOrganisation(telemetry.database, 40);
    const ages = [1, 5, 9, 9.9];
    for (const organisationId of [short, long]) {
      const device = await aDevice(telemetry.database, organisationId);
      await telemetry.submit(
        device,
        ages.map((age) => ({ metric: 'm', value: age, timestamp: start - age * DAY })),
      );
    }
    await applied();
    await run('telemetry retention');
    expect(await count('points', short)).toBe(4);
    clock.advance(4 * DAY);
    await run('telemetry retention');
    expect(await count('points', short)).toBe(2);
    expect(await count('points', long)).toBe(4);
    expect(await count('rollups_1m', short)).toBe(2);
    expect(await count('rollups_1h', short)).toBe(2);
    expect(await count('rollups_1m', long)).toBe(4);
    const events = await admin().query(
      "select organisation_id, event from audit_events where event = 'telemetry.expired'",
    );
    expect(events.rows).toEqual([{ organisation_id: short, event: 'telemetry.expired' }]);
    // A second run finds nothing and says nothing.
    await run('telemetry retention');
    expect((await admin().query("select 1 from audit_events where event = 'telemetry.expired'")).rows).toHaveLength(1);
  });

  it('drops whole days nobody keeps, and the ingest makes such a day again when it is needed', async () => {
    await admin().query('update organisations set retention_days = 10');
    clock.set(start + 11 * DAY);
    const before = await admin().query(
      "select count(*)::int as n from pg_inherits where inhparent = 'points'::regclass",
    );
    await run('telemetry retention');
    const after = await admin().query(
      "select count(*)::int as n from pg_inherits where inhparent = 'points'::regclass",
    );
    expect(after.rows[0].n).toBeLessThan(before.rows[0].n);
    clock.set(start);
    const device = await aDevice(telemetry.database, await anOrganisation(telemetry.database, 40));
    const receipt = await telemetry.submit(device, [{ metric: 'm', value: 1, timestamp: start - 5 * DAY }]);
    expect(receipt).toMatchObject({ accepted: 1 });
  });

  it('forgets point ids after a week', async () => {
    const organisationId = await anOrganisation(telemetry.database);
    const device = await aDevice(telemetry.database, organisationId);
    await telemetry.submit(device, [{ metric: 'm', value: 1, id: 'x' }]);
    clock.set(start + 6 * DAY);
    await run('telemetry point ids');
    expect(await count('point_ids', organisationId)).toBe(1);
    clock.set(start + 8 * DAY);
    await run('telemetry point ids');
    expect(await count('point_ids', organisationId)).toBe(0);
    clock.set(start);
  });

  it('removes points and rollups of deleted devices, once nobody can still be writing them', async () => {
    const organisationId = await anOrganisation(telemetry.database);
    const device = await aDevice(telemetry.database, organisationId);
    await telemetry.submit(device, [{ metric: 'm', value: 1 }]);
    await applied();
    await admin().query('delete from devices where id = $1', [device.deviceId]);
    telemetry.invalidateDevice(device.deviceId);
    expect(await telemetry.submit(device, [{ metric: 'm', value: 2 }])).toMatchObject({
      rejected: [{ code: 'unknown_device' }],
    });
    await run('telemetry of deleted devices');
    expect(await count('points', organisationId)).toBe(1);
    await admin().query("update series_purges set requested_at = requested_at - interval '20 minutes'");
    await run('telemetry of deleted devices');
    for (const table of ['points', 'rollups_1m', 'rollups_1h', 'series_purges']) {
      expect(await count(table, organisationId)).toBe(0);
    }
  });
});
