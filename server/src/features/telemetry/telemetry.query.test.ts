import { sketchRelativeError, telemetryHistory, telemetryRaw } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  aRecording,
  at,
  base,
  DAY,
  HOUR,
  items,
  MINUTE,
  now,
  problemOf,
  type Recording,
  type Row,
} from './recording.builders.ts';
import type { TelemetryUnderTest, TestDevice } from './telemetry.builders.ts';

let recording: Recording;
let telemetry: TelemetryUnderTest;
let organisationId: number;
let device: TestDevice;

beforeAll(async () => {
  recording = await aRecording();
  ({ telemetry, organisationId, device } = recording);
});
afterAll(() => recording.end());

const of: Recording['of'] = (...query) => recording.of(...query);

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
