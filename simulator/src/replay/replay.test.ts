import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LinkRefused } from '../connect/link.ts';
import { aTlsBroker } from '../support/tls-broker.ts';
import type { ReplayProgress } from './progress.ts';
import { type ReplayOptions, replay } from './replay.ts';

const deviceId = '019ab000-0000-7000-8000-000000000001';
const start = Date.UTC(2026, 10, 25, 8);
const sample = join(import.meta.dirname, '../../samples/freezer-door.csv');
const nobody = { isTTY: false, write: () => true };

let folder = '';
let broker: Awaited<ReturnType<typeof aTlsBroker>>;
let holding = false;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valtronics-replay-'));
  holding = false;
  broker = await aTlsBroker({
    password: 'secret',
    hold: (topic) => (holding && topic.endsWith('/telemetry') ? new Promise(() => undefined) : Promise.resolve()),
  });
});
afterEach(async () => {
  await broker.close();
  await rm(folder, { recursive: true });
});

async function aFile(lines: readonly string[]): Promise<string> {
  const file = join(folder, 'recording.csv');
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

const play = (file: string, options: Partial<ReplayOptions> = {}) =>
  replay({
    file,
    target: { mqttUrl: broker.url, ca: broker.ca },
    deviceId,
    deviceToken: 'secret',
    speed: 'max',
    terminal: nobody,
    ...options,
  });

const seconds = (count: number) =>
  Array.from({ length: count }, (_, index) => `${new Date(start + index * 1000).toISOString()},${index}`);

describe('a replay', () => {
  test('of the sample sends every line, and it shows a freezer that passes −15 °C for minutes and recovers', async () => {
    const summary = await play(sample);
    expect(summary).toMatchObject({ badLines: 0, rejected: 0, dropped: 0, devices: 1 });
    expect(summary.sent).toBe(summary.lines - 1);
    expect(summary.acknowledged).toBe(summary.sent);
    const temperatures = broker.telemetry().filter(({ metric }) => metric === 'freezer_temperature');
    const warm = temperatures.filter(({ value }) => Number(value) > -15);
    expect(warm.length * 10).toBeGreaterThan(240);
    expect(Number(temperatures[0]?.value)).toBeLessThan(-17);
    expect(Number(temperatures.at(-1)?.value)).toBeLessThan(-16);
  });

  test('keeps the recorded times, and names the metric of a file without one as told', async () => {
    await play(await aFile(['timestamp,value', ...seconds(2500)]), { metric: 'flow', unit: 'l/min' });
    const points = broker.telemetry();
    expect(points).toHaveLength(2500);
    expect(points[1]).toEqual({ metric: 'flow', value: 1, unit: 'l/min', timestamp: start + 1000 });
  });

  test('or moves them all by one span, so that the last is now', async () => {
    const before = Date.now();
    await play(await aFile(seconds(100)), { timestamps: 'end-now' });
    const times = broker.telemetry().map(({ timestamp }) => timestamp);
    expect(times.at(-1)).toBeGreaterThanOrEqual(before);
    expect(times.at(-1)).toBeLessThanOrEqual(Date.now());
    expect(times.every((time, index) => index === 0 || time - (times[index - 1] ?? 0) === 1000)).toBe(true);
  });

  test('at a speed takes the recorded span divided by it, point by point', async () => {
    const began = Date.now();
    const summary = await play(await aFile(seconds(21)), { speed: 20 });
    expect(Date.now() - began).toBeGreaterThanOrEqual(990);
    expect(summary.seconds).toBeLessThan(3);
    expect(broker.published.filter(({ topic }) => topic.endsWith('/telemetry')).length).toBeGreaterThan(15);
  });

  test('skips bad lines, tells them by number and counts them', async () => {
    const told: number[] = [];
    const file = await aFile([
      'timestamp,value',
      ...seconds(3),
      'yesterday,4',
      `${start + 9000},`,
      `${start + 10_000},5`,
    ]);
    const summary = await play(file, { onBadLine: ({ line }) => told.push(line) });
    expect(summary).toMatchObject({ sent: 4, acknowledged: 4, badLines: 2 });
    expect(told).toEqual([5, 6]);
    expect(summary.firstBadLines.map(({ line }) => line)).toEqual([5, 6]);
  });

  test('gives each line to the device it names, and asks for each name once', async () => {
    const asked: string[] = [];
    const file = await aFile([
      'timestamp,metric,value,device',
      ...Array.from(
        { length: 30 },
        (_, index) => `${start + index},t,${index},${['north', 'south', 'nowhere'][index % 3]}`,
      ),
      `${start},t,1,`,
    ]);
    const summary = await play(file, {
      resolveDevice: async (name) => {
        asked.push(name);
        return name === 'nowhere' ? null : { deviceId: `${name}-id`, token: 'secret' };
      },
    });
    expect(asked).toEqual(['north', 'south', 'nowhere']);
    expect(summary).toMatchObject({ sent: 21, acknowledged: 21, badLines: 10, devices: 3 });
    const topics = new Set(broker.published.map(({ topic }) => topic).filter((topic) => topic.endsWith('/telemetry')));
    expect([...topics].toSorted()).toEqual(
      [deviceId, 'north-id', 'south-id'].map((id) => `valtronics/devices/${id}/telemetry`),
    );
  });

  test('never reads faster than the server takes it, survives a lost connection and misses nothing', async () => {
    holding = true;
    const progress: ReplayProgress[] = [];
    const playing = play(await aFile(seconds(60_000)), { onProgress: (each) => progress.push(each) });
    await expect.poll(() => progress.at(-1)?.points ?? 0, { timeout: 10_000 }).toBeGreaterThan(15_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    // What waits in the queue and the message being filled, of 60,000 in the file.
    expect(progress.at(-1)?.points).toBeLessThanOrEqual(22_000);
    expect(progress.at(-1)?.acknowledged).toBe(0);
    holding = false;
    broker.cut();
    const summary = await playing;
    expect(summary).toMatchObject({ sent: 60_000, acknowledged: 60_000, dropped: 0 });
    expect(new Set(broker.telemetry().map(({ value }) => value)).size).toBe(60_000);
    expect(progress.at(-1)).toMatchObject({ share: 1, acknowledged: 60_000 });
  });

  test('can be stopped while it waits, and says what was not acknowledged', async () => {
    holding = true;
    const stop = new AbortController();
    const playing = play(await aFile(seconds(100)), { signal: stop.signal });
    await expect.poll(() => broker.telemetry().length, { timeout: 10_000 }).toBe(100);
    stop.abort();
    expect(await playing).toMatchObject({ sent: 100, acknowledged: 0, dropped: 100 });
  });

  test('of a device the server refuses fails with the reason', async () => {
    await expect(play(sample, { deviceToken: 'wrong' })).rejects.toThrow(LinkRefused);
  });

  test('of a missing file or with a speed of 0 fails at once', async () => {
    await expect(play(join(folder, 'none.csv'))).rejects.toThrow('ENOENT');
    await expect(play(sample, { speed: 0 })).rejects.toThrow(RangeError);
  });
});
