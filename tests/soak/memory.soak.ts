import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inChild } from '../../bench/support/child.ts';
import type { PacedLoad, PacedResult } from '../../bench/support/paced-load.ts';
import { peakOf } from '../../bench/support/peak.ts';
import { aServer } from '../../bench/support/server.ts';

const WARM_UP_MS = 120_000;
const WATCHED_MS = 600_000;
const SAMPLE_EVERY_MS = 5_000;

// The server and the load of the benchmarks, so that "half of the peak" is half of the peak that they print.
it('at half of its peak rate the server’s memory is flat within 10 % over 10 minutes', async () => {
  const server = await aServer({ http: 8700, mqtt: 8701 });
  try {
    const tokens = (await server.devices(20)).map(({ token }) => token);
    const pointsPerSecond = (await peakOf(server, tokens)) / 2;
    const load: PacedLoad = {
      httpPort: server.httpPort,
      tokens,
      pointsPerSecond,
      seconds: (WARM_UP_MS + WATCHED_MS) / 1000 + 10,
    };
    const samples: number[] = [];
    const watch = async () => {
      await sleep(WARM_UP_MS);
      for (const end = Date.now() + WATCHED_MS; Date.now() < end; await sleep(SAMPLE_EVERY_MS))
        samples.push(server.residentMegabytes());
    };
    const sent = inChild<PacedResult>(new URL('../../bench/support/paced-load.ts', import.meta.url), load);
    const [{ count, seconds, pushedBack }] = await Promise.all([sent, watch()]);

    // Garbage comes and goes by the second: the medians of the first and the last fifth tell whether it grows.
    const fifth = Math.floor(samples.length / 5);
    const [first, last] = [median(samples.slice(0, fifth)), median(samples.slice(-fifth))];
    process.stdout.write(
      `${Math.round(count / seconds)} points/s of ${Math.round(pointsPerSecond)} wanted, ${pushedBack} times told to come back; ${first.toFixed(0)} MB at first, ${last.toFixed(0)} MB at last\n`,
    );
    expect(count / seconds).toBeGreaterThan(pointsPerSecond * 0.9);
    expect(last).toBeLessThan(first * 1.1);
  } finally {
    await server.stop();
  }
});

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
