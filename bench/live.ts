import { inChild } from './support/child.ts';
import { atMost, type Outcome, percentile } from './support/outcome.ts';
import type { PacedLoad, PacedResult } from './support/paced-load.ts';
import type { BenchServer } from './support/server.ts';

/** Half of what HTTP batches reach, so that queues are not what is measured. */
export async function committedToSubscriber(server: BenchServer, peakPointsPerSecond: number): Promise<Outcome> {
  const devices = await server.devices(20);
  const load: PacedLoad = {
    httpPort: server.httpPort,
    devices,
    accessToken: server.accessToken,
    pointsPerSecond: Math.round(peakPointsPerSecond / 2),
    seconds: 8,
  };
  const result = await inChild<PacedResult>(new URL('./support/paced-load.ts', import.meta.url), load);
  const p99 = percentile(result.latenciesMs, 0.99);
  const detail = `${result.latenciesMs.length} batches at ${Math.round(result.pointsPerSecond).toLocaleString('en')} points/s, acknowledged → seen by the subscriber, p50 ${percentile(result.latenciesMs, 0.5).toFixed(1)} ms`;
  return atMost('live.committed_to_subscriber_p99', p99, 50, 'ms', detail);
}
