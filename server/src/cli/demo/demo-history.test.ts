import { demoFleet, type SimulatedPoint } from '@valtronics/simulator';
import { expect, test } from 'vitest';
import type { App } from '../../app.ts';
import { Problem } from '../../lib/problem.ts';
import type { RegisteredDevice } from '../register-fleet.ts';
import { fillHistory, HISTORY_MS } from './demo-history.ts';

const untilMs = Date.UTC(2026, 10, 25, 8);
const HOUR = 3_600_000;

/** Takes points like the ingest does and remembers the order they came in; answers a little later, as a commit would. */
function aTelemetry(reject?: { code: 'conflict' | 'past_retention' }) {
  const taken: { deviceId: string; points: readonly SimulatedPoint[] }[] = [];
  let inFlight = 0;
  let most = 0;
  const telemetry = {
    async submit(sender: { deviceId: string }, points: readonly SimulatedPoint[]) {
      taken.push({ deviceId: sender.deviceId, points });
      inFlight += points.length;
      most = Math.max(most, inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= points.length;
      const rejected = reject ? [{ index: 0, detail: 'no', ...reject }] : [];
      return { accepted: points.length - rejected.length, duplicates: 0, rejected };
    },
    figures: () => ({ backlog: { rollups: 0, rules: 0 } }),
  } as unknown as App['telemetry'];
  return { telemetry, taken, most: () => most };
}

const members = (): RegisteredDevice[] =>
  demoFleet()
    .filter(({ name }) => ['Plasma freezer', 'Sample freezer (weak radio)', 'Patient monitor 3-01'].includes(name))
    .map((device) => ({ device, deviceId: device.serial, token: '' }));

function fill(telemetry: App['telemetry'], since: ReadonlyMap<string, number>, signal = new AbortController().signal) {
  return fillHistory({
    telemetry,
    organisationId: 1,
    members: members(),
    since,
    untilMs,
    signal,
    onProgress: () => undefined,
  });
}

const since = (ms: number) => new Map(members().map(({ deviceId }) => [deviceId, ms]));

test('once the newest point of a metric is in, everything else of it is older: late, so no rule ever speaks of it', async () => {
  const { telemetry, taken } = aTelemetry();
  await fill(telemetry, since(untilMs - HISTORY_MS));
  const newest = new Map<string, number>();
  for (const { deviceId, points } of taken) {
    for (const { metric, timestamp } of points) {
      const key = `${deviceId} ${metric}`;
      const first = newest.get(key);
      if (first === undefined) newest.set(key, timestamp);
      else expect(timestamp).toBeLessThan(first);
    }
  }
  expect(newest.size).toBe(3 + 3 + 7);
});

test('every point of the day is handed in once, in pieces the ingest takes', async () => {
  const { telemetry, taken, most } = aTelemetry();
  const stored = await fill(telemetry, since(untilMs - HISTORY_MS));
  const times = taken.flatMap(({ deviceId, points }) =>
    points.map(({ metric, timestamp }) => `${deviceId} ${metric} ${timestamp}`),
  );
  expect(new Set(times).size).toBe(times.length);
  expect(stored).toBe(times.length);
  expect(stored).toBeGreaterThan(70_000);
  const earliest = Math.min(...taken.flatMap(({ points }) => points.map(({ timestamp }) => timestamp)));
  expect(earliest - (untilMs - HISTORY_MS)).toBeLessThan(10_000);
  expect(Math.max(...taken.map(({ points }) => points.length))).toBeLessThanOrEqual(5_000);
  expect(most()).toBeLessThan(50_000);
});

test('only what is missing is handed in, device by device', async () => {
  const { telemetry, taken } = aTelemetry();
  const [freezer, weak, bed] = members().map(({ deviceId }) => deviceId);
  await fill(
    telemetry,
    new Map([
      [freezer ?? '', untilMs - HOUR / 2],
      [weak ?? '', untilMs],
      [bed ?? '', untilMs - 3 * HOUR],
    ]),
  );
  const earliest = new Map<string, number>();
  for (const { deviceId, points } of taken)
    for (const { timestamp } of points)
      earliest.set(deviceId, Math.min(earliest.get(deviceId) ?? Number.POSITIVE_INFINITY, timestamp));
  expect([...earliest.keys()].sort()).toEqual([freezer, bed].sort());
  expect(earliest.get(freezer ?? '')).toBeGreaterThanOrEqual(untilMs - HOUR / 2);
  expect(earliest.get(bed ?? '')).toBeGreaterThanOrEqual(untilMs - 3 * HOUR);
  expect(earliest.get(bed ?? '')).toBeLessThan(untilMs - 3 * HOUR + 10_000);
});

test('a value that is stored otherwise stays; any other refusal ends the start', async () => {
  await expect(fill(aTelemetry({ code: 'conflict' }).telemetry, since(untilMs - HOUR))).resolves.toBeGreaterThan(0);
  await expect(fill(aTelemetry({ code: 'past_retention' }).telemetry, since(untilMs - HOUR))).rejects.toThrow(
    'past_retention',
  );
});

test('an ingest that pushes back is asked again, and nothing is lost over it', async () => {
  const { telemetry, taken } = aTelemetry();
  const calm = telemetry.submit;
  let refusals = 0;
  const busy = {
    ...telemetry,
    submit: async (...given: Parameters<typeof calm>) => {
      if (refusals < 3) {
        refusals += 1;
        throw new Problem('overloaded', { retryAfterSeconds: 0.01 });
      }
      return calm(...given);
    },
  };
  const stored = await fill(busy, since(untilMs - HOUR));
  expect(refusals).toBe(3);
  expect(stored).toBe(taken.reduce((sum, { points }) => sum + points.length, 0));
});

test('Ctrl-C ends it', async () => {
  const stopping = new AbortController();
  const { telemetry, taken } = aTelemetry();
  const filling = fill(telemetry, since(untilMs - HISTORY_MS), stopping.signal);
  stopping.abort();
  await expect(filling).rejects.toThrow();
  expect(taken.length).toBeLessThan(30);
});
