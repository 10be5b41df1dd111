import { setTimeout as delay } from 'node:timers/promises';
import type { AckTimes, PacedAcks } from './support/ack-times.ts';
import type { AuthenticatedLoad, AuthenticatedResult } from './support/authenticated-peer.ts';
import { inChild } from './support/child.ts';
import { inTurns } from './support/in-turns.ts';
import { signIns } from './support/login-load.ts';
import { atLeast, atMost, type Outcome, percentile, perSecond } from './support/outcome.ts';
import type { BenchServer } from './support/server.ts';

const RUN_MS = 60_000;
const AT_ONCE = 50;
const QUIET_MS = 4_000;
const EVERY_MS = 10;

/**
 * Batches at a moderate pace, on a clock of their own so that a slow answer delays no other, while nothing else goes on and while fifty
 * people sign in at the same moment. Quiet and storm take turns, so that whatever else the machine does meets both.
 */
export async function ingestBesideLogins(server: BenchServer): Promise<Outcome> {
  const devices = await server.devices(20);
  const untilMs = Date.now() + RUN_MS;
  const plan: PacedAcks = {
    httpPort: server.httpPort,
    tokens: devices.map(({ token }) => token),
    everyMs: EVERY_MS,
    pointsPerBatch: 20,
    untilMs,
  };
  const storms: { from: number; to: number }[] = [];
  const sending = inChild<AckTimes>(new URL('./support/ack-times.ts', import.meta.url), plan);
  await delay(QUIET_MS);
  while (Date.now() + QUIET_MS < untilMs) {
    const from = Date.now();
    await signIns(server, AT_ONCE);
    storms.push({ from, to: Date.now() });
    await delay(QUIET_MS);
  }
  const { acks } = await sending;
  // What is sent in the first second meets a server that has not seen its devices yet.
  const began = (acks[0]?.atMs ?? 0) + 1_000;
  const during = (at: number) => storms.some(({ from, to }) => at >= from && at < to);
  const counted = acks.filter(({ atMs }) => atMs > began);
  const beside = counted.filter(({ atMs }) => during(atMs)).map(({ tookMs }) => tookMs);
  const alone = counted.filter(({ atMs }) => !during(atMs)).map(({ tookMs }) => tookMs);
  const at = (times: readonly number[], share: number) => percentile(times, share).toFixed(1);
  const ratioAt = (share: number) => percentile(beside, share) / percentile(alone, share);
  const seconds = storms.reduce((sum, { from, to }) => sum + (to - from) / 1_000, 0);
  const detail = `${beside.length} batches beside ${storms.length} storms of ${AT_ONCE} (${seconds.toFixed(1)} s), ${alone.length} alone: median ${at(beside, 0.5)} to ${at(alone, 0.5)} ms (${ratioAt(0.5).toFixed(2)}), p99 ${at(beside, 0.99)} to ${at(alone, 0.99)} ms (${ratioAt(0.99).toFixed(2)})`;
  return atMost('logins.ingest_p99_beside_50_to_alone', Math.max(ratioAt(0.5), ratioAt(0.99)), 2, 'ratio', detail);
}

/** Ten people at once, again and again, against the ten hashes that cannot be avoided, in a process that does nothing else. */
export async function loginsToBareHashes(server: BenchServer): Promise<Outcome> {
  const result = await inTurns(
    7,
    async () => {
      const from = performance.now();
      await signIns(server, 10);
      await signIns(server, 10);
      return { count: 20, seconds: (performance.now() - from) / 1_000 };
    },
    async () => ({
      count: 20,
      seconds: await inChild<number>(new URL('./support/bare-argon2.ts', import.meta.url), { rounds: 2, atOnce: 10 }),
    }),
  );
  const detail = `${perSecond(result.ours)} sign-ins at 10 in parallel, against ${perSecond(result.theirs)} bare argon2id hashes (${result.ratios})`;
  return atLeast('logins.ten_in_parallel_to_bare_argon2id', result.ratio, 0.8, 'ratio', detail);
}

/** One route behind the same gate with the same handler, once for who signed in and once for anybody; by access token and by cookie. */
export async function authenticatedToOpen(): Promise<Outcome> {
  const load: AuthenticatedLoad = { rounds: 6, requests: 2_500, connections: 8 };
  const { byToken, byCookie, open, ratios } = await inChild<AuthenticatedResult>(
    new URL('./support/authenticated-peer.ts', import.meta.url),
    load,
  );
  const [token, cookie] = [percentile(ratios.token, 0.5), percentile(ratios.cookie, 0.5)];
  const detail = `${Math.round(byToken)}/s by token (${token.toFixed(2)}) and ${Math.round(byCookie)}/s by cookie (${cookie.toFixed(2)}), against ${Math.round(open)}/s of the same route open to all`;
  return atLeast('logins.authenticated_to_open_route', Math.min(token, cookie), 0.7, 'ratio', detail);
}
