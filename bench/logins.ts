import { setTimeout as delay } from 'node:timers/promises';
import type { AckTimes, PacedAcks } from './support/ack-times.ts';
import type { AuthenticatedLoad, AuthenticatedResult } from './support/authenticated-peer.ts';
import { inChild } from './support/child.ts';
import { inTurns } from './support/in-turns.ts';
import { signIns } from './support/login-load.ts';
import { atLeast, atMost, type Outcome, percentile, perSecond } from './support/outcome.ts';
import type { BenchServer } from './support/server.ts';

const CYCLES = 6;
const AT_ONCE = 50;
const EVERY_MS = 10;
const SETTLE_MS = 3_000;

/**
 * Batches at a moderate pace, on a clock of their own so that a slow answer delays no other, while fifty people sign in at the same moment
 * and for as long afterwards while nobody does. The two take turns, so that whatever else the machine does meets both; the ratio is the
 * median of the turns'.
 */
export async function ingestBesideLogins(server: BenchServer): Promise<Outcome> {
  const devices = await server.devices(20);
  await server.people(AT_ONCE);
  const done = Promise.withResolvers<void>();
  const plan: PacedAcks = {
    httpPort: server.httpPort,
    tokens: devices.map(({ token }) => token),
    everyMs: EVERY_MS,
    pointsPerBatch: 20,
  };
  const sending = inChild<AckTimes>(new URL('./support/ack-times.ts', import.meta.url), plan, done.promise);
  const [{ acks }, turns] = await Promise.all([sending, inStorms(server).finally(done.resolve)]);
  const between = (from: number, to: number) =>
    acks.filter(({ atMs }) => atMs >= from && atMs < to).map(({ tookMs }) => tookMs);
  const pairs = turns.map(({ from, calm, to }) => ({ beside: between(from, calm), alone: between(calm, to) }));
  const ratiosAt = (share: number) =>
    pairs.map((pair) => percentile(pair.beside, share) / percentile(pair.alone, share));
  const [middle, worst] = [ratiosAt(0.5), ratiosAt(0.99)];
  const all = (of: 'beside' | 'alone', share: number) =>
    percentile(
      pairs.flatMap((pair) => pair[of]),
      share,
    ).toFixed(1);
  const spread = (ratios: readonly number[]) =>
    `${percentile(ratios, 0.5).toFixed(2)}, ${percentile(ratios, 0).toFixed(2)}–${percentile(ratios, 1).toFixed(2)}`;
  const detail = `${CYCLES} times ${AT_ONCE} sign-ins, ${acks.length} batches: median ${all('beside', 0.5)} to ${all('alone', 0.5)} ms (${spread(middle)}), p99 ${all('beside', 0.99)} to ${all('alone', 0.99)} ms (${spread(worst)})`;
  const ratio = Math.max(percentile(middle, 0.5), percentile(worst, 0.5));
  return atMost('logins.ingest_beside_50_to_alone', ratio, 2, 'ratio', detail);
}

async function inStorms(server: BenchServer): Promise<{ from: number; calm: number; to: number }[]> {
  // The first batches meet a server that has not seen its devices yet.
  await delay(SETTLE_MS);
  const turns: { from: number; calm: number; to: number }[] = [];
  for (let cycle = 0; cycle < CYCLES; cycle += 1) {
    const from = Date.now();
    await signIns(server, AT_ONCE);
    const calm = Date.now();
    await delay(calm - from);
    turns.push({ from, calm, to: Date.now() });
  }
  return turns;
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
