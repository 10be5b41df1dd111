import { telemetrySummary } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRecording, at, base, DAY, HOUR, MINUTE, now, type Recording } from './recording.builders.ts';
import { eventually, type TelemetryUnderTest, type TestDevice } from './telemetry.builders.ts';

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
