import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { aFolder } from '../support/database-faults.ts';
import { aDeviceOf } from '../support/kill-rounds.ts';
import { aRealServer } from '../support/real-server.ts';

const BATCH = 500;
const LANES = 4;
const PEAK_MS = 20_000;
const WARM_UP_MS = 120_000;
const WATCHED_MS = 600_000;
const SAMPLE_EVERY_MS = 5_000;

it('at half of its peak rate the server’s memory is flat within 10 % over 10 minutes', async () => {
  const server = await aRealServer(aFolder());
  try {
    await server.start();
    const token = await server.signIn();
    const device = await aDeviceOf(server, token, 'Sender');
    const base = Date.now() - 20 * 24 * 3_600_000;
    let next = 0;
    let accepted = 0;

    /** Sends until the time is over; with a pause, each lane keeps to its rhythm. */
    async function send(milliseconds: number, batchesPerSecond = Number.POSITIVE_INFINITY): Promise<void> {
      const begun = Date.now();
      await Promise.all(
        Array.from({ length: LANES }, async () => {
          for (let sent = 0; Date.now() - begun < milliseconds; sent += 1) {
            const due = begun + (sent * LANES * 1000) / batchesPerSecond;
            if (due > Date.now()) await sleep(due - Date.now());
            const points = Array.from({ length: BATCH }, () => ({
              metric: `m${next % 20}`,
              value: next % 1000,
              timestamp: base + 20 * next++,
            }));
            const answer = await server.call('POST', '/api/v1/telemetry', { token: device.token, body: { points } });
            if (answer.status === 200) accepted += answer.json.accepted;
            else expect(answer.status).toBe(503);
          }
        }),
      );
    }

    await send(PEAK_MS);
    const half = accepted / BATCH / (PEAK_MS / 1000) / 2;
    await send(WARM_UP_MS, half);
    const samples: number[] = [];
    const sampling = setInterval(() => samples.push(server.residentBytes()), SAMPLE_EVERY_MS);
    await send(WATCHED_MS, half);
    clearInterval(sampling);

    // Garbage comes and goes by the second: the medians of the first and the last fifth tell whether it grows.
    const fifth = Math.floor(samples.length / 5);
    const [first, last] = [median(samples.slice(0, fifth)), median(samples.slice(-fifth))];
    const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
    process.stdout.write(
      `${Math.round(half * BATCH)} points/s; ${megabytes(first)} at first, ${megabytes(last)} at last\n`,
    );
    expect(last).toBeLessThan(first * 1.1);
  } finally {
    await server.stop();
  }
});

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
