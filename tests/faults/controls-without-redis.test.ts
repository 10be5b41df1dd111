import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { until } from '../support/database-faults.ts';
import { aRedisServer, hasRedis, type TestRedis } from '../support/redis-server.ts';
import { type TwoServers, twoServers } from '../support/sessions-in-redis.ts';

// Redis is killed, or stands still, under two servers that use it. Nothing that keeps anybody out is in it, so every decision of one server
// holds on the other as before, within a second. Sessions, which are looked up there, are in tests/security/sessions-without-redis.test.ts.

const ATTACK = '/api/v1/devices?search=1%27%20union%20select%20password%20from%20users--';
const HOLDS_WITHIN_MS = 1_000;
const CONCLUDED_WITHIN_MS = 10_000;

describe.skipIf(!hasRedis)('two servers whose Redis', { timeout: 180_000 }, () => {
  let redis: TestRedis;
  let servers: TwoServers;
  let a: TestApp;
  let b: TestApp;
  let admin: Person;
  beforeEach(async () => {
    redis = await aRedisServer();
    servers = await twoServers(redis, { webFolder: import.meta.dirname });
    ({ a, b } = servers);
    admin = await a.aPerson('admin');
    await servers.arranged(a.freshProof(admin));
    // It was in use until now.
    for (const server of [a, b]) await servers.warm(server, { token: admin.accessToken });
  });
  afterEach(async () => {
    redis?.resume();
    await servers?.stop();
    await redis?.stop();
  });

  const openTo = async (server: TestApp, from: string): Promise<string> =>
    (await server.call('GET', '/api/v1/openapi.json', { from })).json?.code ?? 'open';
  const decide = (value: string): Promise<Answer> =>
    a.call('POST', '/api/v1/blocks', {
      token: admin.accessToken,
      body: { scope: 'ip', value, kind: 'ban', seconds: 3_600, reason: 'seen in a test' },
    });
  const guess = (server: TestApp, from: string, n: number) =>
    server.call('POST', '/api/v1/auth/login', {
      body: { email: `${n}@nobody.example`, password: 'a wrong one' },
      from,
    });

  it.each([
    ['was killed', (killed: TestRedis) => killed.kill()],
    ['stands still', async (frozen: TestRedis) => frozen.pause()],
  ])('%s agree on bans, lifts, guesses, detections and limits as ever', async (_, takeAway) => {
    await takeAway(redis);
    for (const server of [a, b]) await until(async () => (await servers.lookUps(server)).connected === 0);

    // A ban of one is in force on the other, and so is its end.
    const [banned, attacker, guesser, stranger] = Array.from({ length: 4 }, freshAddress) as [
      string,
      string,
      string,
      string,
    ];
    const made = await decide(banned);
    expect([made.status, await openTo(a, banned)]).toEqual([201, 'banned']);
    await until(async () => (await openTo(b, banned)) === 'banned', HOLDS_WITHIN_MS);
    const lifted = await a.call('POST', `/api/v1/blocks/${made.json.id}/lift`, { token: admin.accessToken, body: {} });
    expect(lifted.status).toBe(200);
    await until(async () => (await openTo(b, banned)) === 'open', HOLDS_WITHIN_MS);

    // Guesses at both are counted together: the fifth blocks, on both.
    for (const [n, server] of [a, b, a, b].entries()) expect((await guess(server, guesser, n)).status).toBe(401);
    expect(await openTo(b, guesser)).toBe('open');
    expect((await guess(a, guesser, 4)).status).toBe(401);
    for (const server of [a, b])
      await until(async () => (await openTo(server, guesser)) === 'address_blocked', HOLDS_WITHIN_MS);

    // What both doors saw of one attacker is counted together: neither saw three.
    for (const server of [a, b]) expect((await server.call('GET', ATTACK, { from: attacker })).status).toBe(403);
    await delay(1_200);
    expect(await openTo(b, attacker)).toBe('open');
    expect((await b.call('GET', ATTACK, { from: attacker })).status).toBe(403);
    for (const server of [a, b])
      await until(async () => (await openTo(server, attacker)) === 'banned', CONCLUDED_WITHIN_MS);
    const raised = await a.call('GET', `/api/v1/detections?subject=${attacker}`, { token: admin.accessToken });
    expect(raised.json.items).toMatchObject([{ scenario: 'injection-probing', count: 3 }]);

    // Limits are each server's own, with Redis and without.
    for (const server of [a, b]) {
      // One line of requests at a time, on one connection: a hundred handshakes would take longer than a limit lasts.
      const asked: string[] = [];
      while (asked.length < 100 && !asked.includes('too_many_requests')) asked.push(await openTo(server, stranger));
      expect(asked.filter((code) => code === 'open').length).toBeGreaterThanOrEqual(20);
      expect(asked).toContain('too_many_requests');
    }
  });
});
