import {
  telemetryHistory,
  telemetryLatest,
  telemetryMetrics,
  telemetryRaw,
  telemetrySparklines,
  telemetrySummary,
} from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import { aRecording, at, base, HOUR, items, now, problemOf, type Recording, type Row } from './recording.builders.ts';
import {
  aDevice,
  anOrganisation,
  aTelemetry,
  eventually,
  type TelemetryUnderTest,
  type TestDevice,
} from './telemetry.builders.ts';

let recording: Recording;
let telemetry: TelemetryUnderTest;
let organisationId: number;
let device: TestDevice;

beforeAll(async () => {
  recording = await aRecording();
  ({ telemetry, organisationId, device } = recording);
});
afterAll(() => recording.end());

describe('lists', () => {
  it('the newest value of every metric, paged by device, each once', async () => {
    const fleet = await anOrganisation(telemetry.database);
    const devices: TestDevice[] = [];
    while (devices.length < 12) devices.push(await aDevice(telemetry.database, fleet));
    for (const each of devices) {
      await telemetry.submit(each, [
        { metric: 'a', value: 1, timestamp: now - 2000 },
        { metric: 'a', value: 2, timestamp: now - 1000 },
        { metric: 'a', value: 3, timestamp: now - 5000 },
        { metric: 'b', value: 'on', timestamp: now },
      ]);
    }
    const all = async (more: Record<string, string>) => {
      const rows: Row[] = [];
      let cursor: string | null = null;
      do {
        const page = await telemetry.get(telemetryLatest, fleet, {
          limit: '5',
          ...more,
          ...(cursor ? { cursor } : {}),
        });
        rows.push(...items(page));
        cursor = page['nextCursor'] as string | null;
      } while (cursor);
      return rows;
    };
    await eventually(async () => (await all({})).length === 24, 'all are there');
    const latest = await all({});
    expect(new Set(latest.map(({ deviceId, metric }) => `${deviceId}/${metric}`)).size).toBe(24);
    expect(latest.filter(({ metric }) => metric === 'a').every(({ value }) => value === 2)).toBe(true);
    expect(await all({ metric: 'b' })).toHaveLength(12);
    expect(await all({ deviceId: devices[3]?.deviceId ?? '' })).toHaveLength(2);
  });

  it('metrics with their type, unit, first and last time, also before the first value is known', async () => {
    const answer = await telemetry.get(telemetryMetrics, organisationId, { deviceId: device.deviceId });
    const ramp = items(answer).find(({ metric }) => metric === 'ramp');
    expect(ramp).toEqual({
      deviceId: device.deviceId,
      metric: 'ramp',
      unit: 'V',
      valueType: 'number',
      health: false,
      sealing: null,
      firstAt: at(base),
      lastAt: at(base + 1079 * 10_000),
    });
    const page = await telemetry.get(telemetryMetrics, organisationId, { limit: '2' });
    const rest = await telemetry.get(telemetryMetrics, organisationId, { cursor: String(page['nextCursor']) });
    expect(items(page).length + items(rest).length).toBe(
      items(await telemetry.get(telemetryMetrics, organisationId, {})).length,
    );
  });

  it('curves of the last hours: one metric of each device that is ours, the mean of each step, null where nothing was', async () => {
    const clock = manualClock(base + 3 * HOUR - 1);
    const then = await aTelemetry({ database: telemetry.database, clock });
    const foreign = await aDevice(telemetry.database, await anOrganisation(telemetry.database));
    await telemetry.submit(foreign, [{ metric: 'ramp', value: 1, timestamp: base }]);
    const query = { deviceIds: `${device.deviceId},${foreign.deviceId}`, metric: 'ramp' };
    const coarse = await then.get(telemetrySparklines, organisationId, { ...query, hours: '6' });
    expect(items(coarse)).toHaveLength(1);
    expect(items(coarse)[0]).toMatchObject({ stepSeconds: 3600, from: at(base - 3 * HOUR), unit: 'V' });
    expect(items(coarse)[0]?.['values']).toEqual([null, null, null, 179.5, 539.5, 899.5]);
    const fine = await then.get(telemetrySparklines, organisationId, { ...query, hours: '1' });
    expect(items(fine)[0]?.['values']).toEqual(Array.from({ length: 12 }, (_, step) => 720 + step * 30 + 14.5));
    const first = await then.get(telemetrySparklines, organisationId, { deviceIds: device.deviceId });
    expect(items(first)).toMatchObject([{ metric: 'ramp' }]);
    await then.drain();
  });
});

describe('isolation', () => {
  it('another organisation’s device, a missing one and a missing metric are the same “not found”', async () => {
    const strangers = await anOrganisation(telemetry.database);
    const missing = '018f0000-0000-7000-8000-000000000002';
    const range = { from: at(base), to: at(base + HOUR) };
    const problems = [];
    for (const endpoint of [telemetryRaw, telemetryHistory, telemetrySummary]) {
      problems.push(
        await problemOf(telemetry.get(endpoint, strangers, { ...range, deviceId: device.deviceId, metric: 'ramp' })),
      );
      problems.push(
        await problemOf(telemetry.get(endpoint, strangers, { ...range, deviceId: missing, metric: 'ramp' })),
      );
      problems.push(
        await problemOf(
          telemetry.get(endpoint, organisationId, { ...range, deviceId: device.deviceId, metric: 'none' }),
        ),
      );
    }
    for (const endpoint of [telemetryLatest, telemetryMetrics]) {
      problems.push(await problemOf(telemetry.get(endpoint, strangers, { deviceId: device.deviceId })));
      problems.push(await problemOf(telemetry.get(endpoint, strangers, { deviceId: missing })));
    }
    const said = problems.map(({ code, detail, errors }) => JSON.stringify({ code, detail, errors }));
    expect(new Set(said)).toEqual(new Set(['{"code":"not_found"}']));
    expect(items(await telemetry.get(telemetryLatest, strangers, {}))).toEqual([]);
  });

  it('a chart of a day looks only at the partitions of that day', async () => {
    const plan = await telemetry.transactions.read(organisationId, async (reader) => {
      const { sql } = await import('kysely');
      const { rows } = await sql<{ 'QUERY PLAN': string }>`
        explain select ts from points where series_id = 1 and ts >= ${at(base)}::timestamptz and ts < ${at(base + HOUR)}::timestamptz
        order by ts limit 10`.execute(reader.db);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    });
    expect(plan.match(/points_\d{8}/g)?.length).toBeGreaterThan(0);
    expect(new Set(plan.match(/points_\d{8}(?!_)/g)).size).toBe(1);
    expect(plan).toContain('Index');
  });
});
