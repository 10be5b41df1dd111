import {
  sketchRelativeError,
  telemetryHistory,
  telemetryLatest,
  telemetryMetrics,
  telemetryRaw,
  telemetrySparklines,
  telemetrySummary,
} from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import {
  aDevice,
  anOrganisation,
  aTelemetry,
  eventually,
  type TelemetryUnderTest,
  type TestDevice,
} from './telemetry.builders.ts';

type Row = Record<string, unknown>;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const now = Date.now();
/** A whole hour, some days ago. */
const base = now - (now % HOUR) - 3 * DAY;
const at = (ms: number) => new Date(ms).toISOString();

let telemetry: TelemetryUnderTest;
let organisationId: number;
let device: TestDevice;

beforeAll(async () => {
  telemetry = await aTelemetry({ tuning: { rollupGatherMs: 5 } });
  organisationId = await anOrganisation(telemetry.database);
  device = await aDevice(telemetry.database, organisationId);
  telemetry.start();
  // Three hours of a value every ten seconds: 0, 1, 2 …; and a switch, and a text.
  const points = Array.from({ length: 1080 }, (_, index) => ({
    metric: 'ramp',
    value: index,
    unit: 'V',
    timestamp: base + index * 10_000,
  }));
  await telemetry.submit(device, points);
  await telemetry.submit(device, [
    { metric: 'switch', value: true, timestamp: base },
    { metric: 'switch', value: false, timestamp: base + 1000 },
    { metric: 'mode', value: 'auto', timestamp: base },
    { metric: 'mode', value: 'manual', timestamp: base + DAY },
  ]);
  await eventually(async () => {
    const { rows } = await telemetry.database.admin.query('select 1 from telemetry_pending limit 1');
    return rows.length === 0;
  }, 'all rollups are applied');
});
afterAll(async () => {
  await telemetry.drain();
  await telemetry.database.drop();
});

const of = (metric: string, from: number, to: number, more: Record<string, string> = {}) => ({
  deviceId: device.deviceId,
  metric,
  from: at(from),
  to: at(to),
  ...more,
});
const items = (answer: Row) => answer['items'] as Row[];
const problemOf = async (work: Promise<unknown>): Promise<Problem> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Problem)) throw new Error(`no problem, but ${String(error)}`);
  return error;
};

describe('raw points', () => {
  it('come oldest first, from included, to not, page by page without loss or repetition', async () => {
    const seen: unknown[] = [];
    let cursor: string | null = null;
    do {
      const query = of('ramp', base + 10_000, base + HOUR, { limit: '100', ...(cursor ? { cursor } : {}) });
      const page = await telemetry.get(telemetryRaw, organisationId, query);
      expect(page['unit']).toBe('V');
      seen.push(...items(page).map(({ value }) => value));
      cursor = page['nextCursor'] as string | null;
    } while (cursor);
    expect(seen).toEqual(Array.from({ length: 359 }, (_, index) => index + 1));
  });

  it('page on through stretches without points, so a sparse year is read in bounded calls', async () => {
    await telemetry.submit(device, [
      { metric: 'sparse', value: 1, timestamp: now - 300 * DAY },
      { metric: 'sparse', value: 2, timestamp: now - DAY },
    ]);
    const values: unknown[] = [];
    let calls = 0;
    let cursor: string | null = null;
    do {
      const query = of('sparse', now - 301 * DAY, now, cursor ? { cursor } : {});
      const page = await telemetry.get(telemetryRaw, organisationId, query);
      values.push(...items(page).map(({ value }) => value));
      cursor = page['nextCursor'] as string | null;
      calls += 1;
    } while (cursor);
    expect(values).toEqual([1, 2]);
    expect(calls).toBeLessThanOrEqual(11);
  });

  it('are thinned for a chart, with their number before it', async () => {
    const answer = await telemetry.get(
      telemetryRaw,
      organisationId,
      of('ramp', base, base + 3 * HOUR, { maxPoints: '50' }),
    );
    expect(items(answer)).toHaveLength(50);
    expect(answer['downsampledFrom']).toBe(1080);
    expect(items(answer)[0]).toEqual({ timestamp: at(base), value: 0 });
    expect(items(answer).at(-1)).toEqual({ timestamp: at(base + 1079 * 10_000), value: 1079 });
  });

  it('of booleans and texts come back as what they were', async () => {
    expect(items(await telemetry.get(telemetryRaw, organisationId, of('switch', base, base + HOUR)))).toEqual([
      { timestamp: at(base), value: true },
      { timestamp: at(base + 1000), value: false },
    ]);
    const modes = await telemetry.get(telemetryRaw, organisationId, of('mode', base, now, { maxPoints: '10' }));
    expect(items(modes).map(({ value }) => value)).toEqual(['auto', 'manual']);
  });

  it('refuse a range that ends before it starts, or is longer than ten years, and a cursor of another range', async () => {
    for (const query of [
      of('ramp', base, base),
      of('ramp', base - 3661 * DAY, base),
      of('ramp', base, base + HOUR, { cursor: '12' }),
      of('ramp', base, base + HOUR, { cursor: 'x' }),
    ]) {
      expect((await problemOf(telemetry.get(telemetryRaw, organisationId, query))).code).toBe('invalid_request');
    }
  });
});

describe('history', () => {
  const buckets = (answer: Row) => answer['buckets'] as Row[];

  it('gives each interval the figures of its points', async () => {
    for (const [interval, minutes] of [
      ['1m', 1],
      ['5m', 5],
      ['15m', 15],
      ['1h', 60],
    ] as const) {
      const answer = await telemetry.get(
        telemetryHistory,
        organisationId,
        of('ramp', base, base + 3 * HOUR, { interval }),
      );
      expect(answer['interval']).toBe(interval);
      const size = minutes * 6;
      expect(buckets(answer)).toHaveLength(180 / minutes);
      for (const [place, bucket] of buckets(answer).entries()) {
        const first = place * size;
        const last = first + size - 1;
        expect(bucket).toMatchObject({
          timestamp: at(base + place * minutes * MINUTE),
          count: size,
          min: first,
          max: last,
          sum: ((first + last) * size) / 2,
          avg: (first + last) / 2,
        });
        const exact = first + Math.floor(0.95 * (size - 1));
        expect(Math.abs(Number(bucket['p95']) - exact)).toBeLessThanOrEqual(exact * sketchRelativeError + 1e-9);
      }
    }
  });

  it('joins hours to days, and fills in only the aggregation that was asked for', async () => {
    const query = of('ramp', base - DAY, base + DAY, { interval: '1d', aggregation: 'max' });
    const answer = await telemetry.get(telemetryHistory, organisationId, query);
    const counts = buckets(answer).map(({ count }) => Number(count));
    expect(counts.reduce((sum, count) => sum + count)).toBe(1080);
    expect(buckets(answer).at(-1)).toMatchObject({ max: 1079, avg: null, p50: null, sum: null });
  });

  it('`auto` takes the finest interval that fits, and single points where those are few', async () => {
    const auto = async (from: number, to: number, more: Record<string, string> = {}) =>
      (await telemetry.get(telemetryHistory, organisationId, of('ramp', from, to, more)))['interval'];
    expect(await auto(base, base + HOUR)).toBe('raw');
    expect(await auto(base, base + HOUR, { maxPoints: '100' })).toBe('1m');
    expect(await auto(base, base + 3 * HOUR)).toBe('1m');
    expect(await auto(base - DAY, base)).toBe('5m');
    expect(await auto(base - 30 * DAY, base)).toBe('1h');
    expect(await auto(base - 400 * DAY, base)).toBe('1d');
    expect(await auto(base - 365 * DAY, base, { maxPoints: '3' })).toBe('1d');
    const raw = await telemetry.get(telemetryHistory, organisationId, of('ramp', base, base + MINUTE));
    expect(raw).toMatchObject({ interval: 'raw', buckets: [] });
    expect(raw['points']).toHaveLength(6);
  });

  it('of texts are the texts, and of switches the share that was on', async () => {
    const modes = await telemetry.get(telemetryHistory, organisationId, of('mode', base, now));
    expect(modes).toMatchObject({ interval: 'raw', buckets: [] });
    expect(modes['points']).toHaveLength(2);
    const switched = await telemetry.get(
      telemetryHistory,
      organisationId,
      of('switch', base, base + HOUR, { interval: '1h' }),
    );
    expect(buckets(switched)[0]).toMatchObject({ count: 2, avg: 0.5 });
  });

  it('refuses more buckets than a chart could show', async () => {
    const query = of('ramp', base - 30 * DAY, base, { interval: '1m' });
    expect((await problemOf(telemetry.get(telemetryHistory, organisationId, query))).errors?.[0]?.path).toBe(
      'interval',
    );
  });
});

describe('summary', () => {
  it('is exact to the point where the range cuts minutes and hours', async () => {
    const from = base + 17 * MINUTE + 25_000;
    const to = base + 2 * HOUR + 43 * MINUTE + 5000;
    const first = Math.ceil((from - base) / 10_000);
    const last = Math.ceil((to - base) / 10_000) - 1;
    const count = last - first + 1;
    const answer = await telemetry.get(telemetrySummary, organisationId, of('ramp', from, to));
    expect(answer).toMatchObject({
      count,
      min: first,
      max: last,
      sum: ((first + last) * count) / 2,
      firstAt: at(base + first * 10_000),
      lastAt: at(base + last * 10_000),
      expectedIntervalSeconds: 10,
      gaps: [],
    });
    expect(answer['completeness']).toBeGreaterThan(0.995);
  });

  it('finds the gaps, at the ends too, and how complete the range is', async () => {
    const beats = Array.from({ length: 600 }, (_, second) => second).filter(
      (second) => second < 100 || (second >= 200 && second < 500),
    );
    await telemetry.submit(
      device,
      beats.map((second) => ({ metric: 'beats', value: 1, timestamp: base + second * 1000 })),
    );
    await eventually(async () => {
      const answer = await telemetry.get(telemetrySummary, organisationId, of('beats', base, base + 600_000));
      return answer['count'] === 400;
    }, 'the rollups have them');
    const answer = await telemetry.get(telemetrySummary, organisationId, of('beats', base, base + 600_000));
    expect(answer['expectedIntervalSeconds']).toBe(1);
    expect(answer['completeness']).toBeCloseTo(400 / 600, 3);
    expect(answer['gaps']).toEqual([
      { from: at(base + 99_000), to: at(base + 200_000) },
      { from: at(base + 499_000), to: at(base + 600_000) },
    ]);
    const coarse = await telemetry.get(
      telemetrySummary,
      organisationId,
      of('beats', base, base + 600_000, { expectedIntervalSeconds: '60' }),
    );
    expect(coarse).toMatchObject({ gaps: [], completeness: 1 });
  });

  it('of nothing says so, and of texts counts them', async () => {
    expect(await telemetry.get(telemetrySummary, organisationId, of('ramp', base - DAY, base - HOUR))).toMatchObject({
      count: 0,
      avg: null,
      firstAt: null,
      completeness: null,
    });
    expect(await telemetry.get(telemetrySummary, organisationId, of('mode', base, now))).toMatchObject({
      count: 2,
      min: null,
      p95: null,
    });
  });
});

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
    expect(items(first)).toMatchObject([{ metric: 'beats' }]);
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
