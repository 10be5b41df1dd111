import { inChild } from './support/child.ts';
import type { LiveProbe, LiveProbeResult } from './support/live-probe.ts';
import { atMost, type Outcome, percentile, perSecond } from './support/outcome.ts';
import type { PacedLoad, PacedResult } from './support/paced-load.ts';
import { peakOf } from './support/peak.ts';
import type { BenchServer } from './support/server.ts';

const LOAD_SECONDS = 10;
const PROBE_EVERY_MS = 10;

/** A point to its subscriber while others send half of what this machine, as fast as it happens to be now, could take. */
export async function committedToSubscriber(server: BenchServer): Promise<Outcome> {
  const [watched, ...others] = await server.devices(21);
  if (!watched) throw new Error('no device');
  const tokens = others.map(({ token }) => token);
  const peak = await peakOf(server, tokens);
  const load: PacedLoad = { httpPort: server.httpPort, tokens, pointsPerSecond: peak / 2, seconds: LOAD_SECONDS };
  const probe: LiveProbe = {
    httpPort: server.httpPort,
    device: watched,
    accessToken: server.accessToken,
    everyMs: PROBE_EVERY_MS,
    // Its last point comes before the load's, and its first a while after: both processes need a moment to begin.
    points: ((LOAD_SECONDS - 3) * 1000) / PROBE_EVERY_MS,
  };
  const [paced, seen] = await Promise.all([
    inChild<PacedResult>(new URL('./support/paced-load.ts', import.meta.url), load),
    inChild<LiveProbeResult>(new URL('./support/live-probe.ts', import.meta.url), probe),
  ]);
  const text = (times: readonly number[], share: number) => percentile(times, share).toFixed(1);
  const { afterAnswerMs, afterSendingMs } = seen;
  const detail = `${afterAnswerMs.length} points beside ${perSecond(paced)} others, half of the peak; after the answer p50 ${text(afterAnswerMs, 0.5)} p99 ${text(afterAnswerMs, 0.99)} ms, after sending p50 ${text(afterSendingMs, 0.5)} p99 ${text(afterSendingMs, 0.99)} ms`;
  return atMost('live.committed_to_subscriber_p99', percentile(afterAnswerMs, 0.99), 50, 'ms', detail);
}
