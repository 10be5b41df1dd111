import { inChild } from './child.ts';
import type { HttpLoad, HttpLoadResult } from './http-load.ts';
import type { BenchServer } from './server.ts';

/** Batches as fast as they are taken, in points a second; the second of two rounds counts. */
export async function peakOf({ httpPort }: BenchServer, tokens: readonly string[]): Promise<number> {
  const requests = 600;
  let peak = 0;
  for (const round of [0, 1]) {
    const load: HttpLoad = {
      port: httpPort,
      path: '/api/v1/telemetry',
      tokens,
      metrics: ['temperature', 'humidity', 'pressure', 'battery'],
      pointsPerRequest: 500,
      requests,
      firstRequest: round * requests,
      connections: 64,
    };
    const { points, seconds } = await inChild<HttpLoadResult>(new URL('./http-load.ts', import.meta.url), load);
    peak = points / seconds;
  }
  return peak;
}
