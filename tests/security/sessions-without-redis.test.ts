import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { loadConfig } from '../../server/src/platform/config/config.ts';
import { secret } from '../../server/src/platform/config/secret.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import { createRedis } from '../../server/src/platform/redis/redis.ts';
import { findSessionById } from '../../server/src/security/access/session.repository.ts';
import { createSessionCache } from '../../server/src/security/access/session-cache.ts';
import { openSession } from '../../server/src/security/access/session-look-up.ts';
import { openSessionNews } from '../../server/src/security/access/session-news.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../../server/src/security/crypto/root-key.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../server/src/security/crypto/tokens.ts';
import { type CallOptions, freshAddress, type Person } from '../support/app.ts';
import { dataKeysOf } from '../support/data-keys.ts';
import { aRedisServer, hasRedis } from '../support/redis-server.ts';
import { type TwoServers, twoServers } from '../support/sessions-in-redis.ts';

// Redis away, frozen, full, emptied or back from the past: no session ends by it, no request fails, and what was ended stays ended.

// Each test starts two servers and a Redis.
describe.skipIf(!hasRedis)('losing Redis', { timeout: 180_000 }, () => {
  const cleanUps: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  async function aHouse(options: Parameters<typeof twoServers>[1] = {}) {
    const redis = await aRedisServer();
    cleanUps.push(redis.stop);
    const servers = await twoServers(redis, options);
    cleanUps.push(servers.stop);
    return { redis, servers, ...servers };
  }
  const tokenOf = ({ accessToken }: Pick<Person, 'accessToken'>): CallOptions => ({ token: accessToken });
  const leave = ({ a }: TwoServers, { refreshToken }: Person) =>
    a.call('POST', '/api/v1/auth/logout', { body: { refreshToken }, from: freshAddress() });
  async function warmBoth(servers: TwoServers, ...people: Person[]): Promise<void> {
    for (const person of people)
      for (const server of [servers.a, servers.b]) await servers.warm(server, tokenOf(person));
  }
  const linesOf = (lines: readonly string[], server: 'a' | 'b') =>
    lines
      .filter((line) => line.startsWith(server) && line.includes('Redis'))
      .map((line) => JSON.parse(line.slice(2)).msg);
  async function connectedAgain(servers: TwoServers): Promise<void> {
    for (const server of [servers.a, servers.b])
      while ((await servers.lookUps(server)).connected !== 1) await delay(50);
  }

  it('by kill -9 ends no session; signing in and ending go on, and Redis serves again when it is back', async () => {
    const { redis, servers, a, b, lines } = await aHouse();
    const [stays, leaves] = [await a.aPerson('user'), await a.aPerson('user')];
    await warmBoth(servers, stays, leaves);
    await redis.kill();
    for (const server of [a, b]) expect(await servers.sourceOf(server, tokenOf(stays))).toBe('database');
    const left = await leave(servers, leaves);
    expect([left.status, (await servers.me(b, tokenOf(leaves))).status]).toEqual([204, 401]);
    expect((await servers.me(b, { token: await servers.signIn(stays) })).status).toBe(200);
    expect((await b.call('GET', '/health/ready')).status).toBe(200);
    await redis.start();
    await connectedAgain(servers);
    await warmBoth(servers, stays);
    expect((await servers.me(b, tokenOf(leaves))).status).toBe(401);
    // One line at each change, however many requests and attempts lie between.
    for (const server of ['a', 'b'] as const)
      expect(linesOf(lines, server)).toEqual([
        'Redis is connected',
        'Redis is away: the database answers in its place',
        'Redis is connected',
      ]);
  });

  it('that was not there when the servers started is no fault', async () => {
    const redis = await aRedisServer();
    cleanUps.push(redis.stop);
    await redis.kill();
    const servers = await twoServers(redis);
    cleanUps.push(servers.stop);
    const person = await servers.a.aPerson('user');
    expect(await servers.sourceOf(servers.b, tokenOf(person))).toBe('database');
    await redis.start();
    await connectedAgain(servers);
    await warmBoth(servers, person);
  });

  it('and having it back with what it held before: what ended meanwhile stays ended', async () => {
    const { redis, servers, a, b } = await aHouse();
    const people = await Promise.all(Array.from({ length: 4 }, () => a.aPerson('user')));
    const [goes = people[0], wentBefore = people[0], stays = people[0]] = people as Person[];
    if (!goes || !wentBefore || !stays) throw new Error('nobody');
    await warmBoth(servers, ...people);
    const held = ((await redis.command('KEYS', '*')) as string[]).length;
    await redis.save();
    // Ended while Redis is there and after it was saved: the head that was taken away comes back with the rest.
    expect((await leave(servers, wentBefore)).status).toBe(204);
    await redis.kill();
    expect((await leave(servers, goes)).status).toBe(204);
    await redis.start();
    expect(((await redis.command('KEYS', '*')) as string[]).length).toBe(held);
    const until = Date.now() + 8_000;
    let served = 0;
    while (Date.now() < until) {
      for (const server of [a, b]) {
        for (const gone of [goes, wentBefore]) expect((await servers.me(server, tokenOf(gone))).status).toBe(401);
        if ((await servers.sourceOf(server, tokenOf(stays))) === 'redis') served += 1;
      }
      if (served > 20) break;
    }
    // Redis was believed again meanwhile, and still held the entries of those who had gone.
    expect(served).toBeGreaterThan(20);
    expect(((await redis.command('KEYS', '*')) as string[]).length).toBeGreaterThanOrEqual(held);
  });

  it('that stands still: every request is answered, what ends stays ended, also once it goes on', async () => {
    const { redis, servers, a, b } = await aHouse();
    const [stays, leaves] = [await a.aPerson('user'), await a.aPerson('user')];
    await warmBoth(servers, stays, leaves);
    redis.pause();
    try {
      const together = await Promise.all(
        Array.from({ length: 20 }, () => servers.me(b, { ...tokenOf(stays), timeoutMs: 5_000 })),
      );
      expect(together.map(({ status }) => status)).toEqual(Array(20).fill(200));
      for (let turn = 0; turn < 5; turn += 1) {
        const answer = await servers.me(a, { ...tokenOf(stays), timeoutMs: 5_000 });
        expect(answer.status).toBe(200);
      }
      const left = await leave(servers, leaves);
      expect([left.status, (await servers.me(b, tokenOf(leaves))).status]).toEqual([204, 401]);
      // Nobody asks it any more, a server at rest neither.
      for (const server of [a, b]) while ((await servers.lookUps(server)).connected !== 0) await delay(50);
    } finally {
      redis.resume();
    }
    await connectedAgain(servers);
    await warmBoth(servers, stays);
    for (const server of [a, b]) expect((await servers.me(server, tokenOf(leaves))).status).toBe(401);
  });

  it('for one server only: what it ends counts at the next request on the other, which still has it', async () => {
    const redis = await aRedisServer();
    cleanUps.push(redis.stop);
    for (const name of ['anna', 'bert'])
      await redis.command('ACL', 'SETUSER', name, 'on', '>a-pass-word', '~*', '+@all');
    const urlOf = (name: string) => redis.url.replace('redis://', `redis://${name}:a-pass-word@`);
    const servers = await twoServers({ url: urlOf('anna') }, { urlOfB: urlOf('bert') });
    cleanUps.push(servers.stop);
    const people = await Promise.all(Array.from({ length: 3 }, () => servers.a.aPerson('user')));
    await warmBoth(servers, ...people);
    await redis.command('ACL', 'SETUSER', 'anna', 'off');
    await redis.command('CLIENT', 'KILL', 'USER', 'anna');
    // On a connection that is open already, so that nothing lies between the end of the session and the next request with it.
    const next = (person: Person) => servers.b.call('GET', '/api/v1/auth/me', tokenOf(person));
    for (const person of people) {
      await servers.warm(servers.b, tokenOf(person));
      expect((await next(person)).status).toBe(200);
      const left = await leave(servers, person);
      expect([left.status, (await next(person)).status]).toEqual([204, 401]);
    }
    expect((await servers.lookUps(servers.b)).connected).toBe(1);
  });

  it('’s content by FLUSHALL, again and again, is noticed by nobody', async () => {
    const { redis, servers, a, b } = await aHouse();
    const [stays, leaves] = [await a.aPerson('user'), await a.aPerson('user')];
    await warmBoth(servers, stays, leaves);
    for (let turn = 0; turn < 10; turn += 1) {
      await redis.command('FLUSHALL');
      for (const server of [a, b]) expect((await servers.me(server, tokenOf(stays))).status).toBe(200);
    }
    expect((await leave(servers, leaves)).status).toBe(204);
    await redis.command('FLUSHALL');
    expect((await servers.me(b, tokenOf(leaves))).status).toBe(401);
    await warmBoth(servers, stays);
  });

  it('’s memory: full and refusing writes, requests are answered and what ends has ended', async () => {
    const { redis, servers, a, b, lines } = await aHouse();
    const [before, leaves] = [await a.aPerson('user'), await a.aPerson('user')];
    await warmBoth(servers, before, leaves);
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const after = await a.aPerson('user');
    for (const server of [a, b]) expect(await servers.sourceOf(server, tokenOf(after))).toBe('database');
    const left = await leave(servers, leaves);
    expect([left.status, (await servers.me(b, tokenOf(leaves))).status]).toEqual([204, 401]);
    for (let turn = 0; turn < 20; turn += 1) expect((await servers.me(b, tokenOf(before))).status).toBe(200);
    // Said once, not at every entry that found no room.
    expect(linesOf(lines, 'b').filter((line) => line.includes('refuses'))).toHaveLength(1);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await warmBoth(servers, after);
  });

  it('or not, a browser’s session ends an hour after its last use and twelve after sign-in, to the second', async () => {
    const clock = manualClock(Date.now());
    const { servers, a, b } = await aHouse({ clock });
    const person = await a.aPerson('user');
    async function aBrowser(): Promise<CallOptions> {
      const token = newOpaqueToken(tokenPrefixes.session);
      const at = (minutes: number) => new Date(clock.now() + minutes * 60_000);
      await a.database.admin.query(
        `insert into sessions (id, organisation_id, user_id, kind, token_hash, created_at, last_seen_at, verified_at, idle_expires_at, absolute_expires_at)
         select gen_random_uuid(), organisation_id, id, 'browser', $2, $3, $3, $3, $4, $5 from users where id = $1`,
        [person.userId, tokenHash(token), at(0), at(60), at(720)],
      );
      return { cookie: `__Host-valtronics=${token}` };
    }
    const statusOf = async (server: typeof a, as: CallOptions) => (await servers.me(server, as)).status;

    const idle = await aBrowser();
    await servers.warm(a, idle);
    // Used through Redis until a moment before it would be written down again.
    clock.advance(59_000);
    expect(await servers.sourceOf(b, idle)).toBe('redis');
    clock.advance(60 * 60_000 - 59_000 - 1);
    expect(await statusOf(b, idle)).toBe(200);
    await servers.warm(a, idle);
    clock.advance(60 * 60_000 - 1);
    expect(await statusOf(a, idle)).toBe(200);
    await servers.warm(b, idle);
    clock.advance(60 * 60_000);
    for (const server of [a, b]) expect(await statusOf(server, idle)).toBe(401);

    const busy = await aBrowser();
    const end = clock.now() + 12 * 3_600_000;
    while (clock.now() < end - 50 * 60_000) {
      clock.advance(49 * 60_000);
      await servers.warm(a, busy);
      expect(await statusOf(b, busy)).toBe(200);
    }
    clock.set(end - 1_000);
    await servers.warm(a, busy);
    expect(await servers.sourceOf(b, busy)).toBe('redis');
    clock.set(end - 1);
    expect(await statusOf(b, busy)).toBe(200);
    clock.set(end);
    for (const server of [a, b]) expect(await statusOf(server, busy)).toBe(401);
  });

  it('does not matter to a reader that was overtaken: what it read before the change and stores after it is not believed', async () => {
    const { redis, servers, a, b } = await aHouse();
    const person = await a.aPerson('user');
    await warmBoth(servers, person);
    const config = loadConfig({ VALTRONICS_DATA_DIR: a.dataDir });
    const client = createRedis({
      redisUrl: secret(redis.url),
      log: createLogger({ level: 'error', clock: { now: Date.now, date: () => new Date() } }),
    });
    const transactions = createTransactions(a.database);
    const place =
      (await a.database.admin.query<{ place: string }>('select place from session_caches')).rows[0]?.place ?? '';
    const [address = ''] = place.split(':');
    const news = openSessionNews({ redis: client, address, transactions });
    cleanUps.push(async () => client.close(), news.stop);
    const refused: string[] = [];
    const cache = createSessionCache({
      redis: client,
      keyRing: createKeyRing(openRootKey(config)),
      news,
      refused: () => refused.push('refused'),
    });
    const { rows } = await a.database.admin.query<{ id: string }>('select id from sessions where user_id = $1', [
      person.userId,
    ]);
    const id = rows[0]?.id ?? '';
    const name = { id };
    const keys = await dataKeysOf(a);
    const readNow = async () => {
      const row = await openSession(keys, await transactions.lookUp((reader) => findSessionById(reader, id)));
      if (row === undefined) throw new Error('no session');
      return row;
    };
    // As any other server it believes what is stored once it has news of its own.
    while ((await cache.find(name)) === undefined) {
      cache.keep(name, await readNow(), 60_000);
      await delay(20);
    }

    const read = await readNow();
    expect((await leave(servers, person)).status).toBe(204);
    // Overwritten at once and for as long as anybody could wait: the session is over on every server.
    for (let turn = 0; turn < 10; turn += 1) {
      cache.keep(name, read, 60_000);
      await delay(60);
      for (const server of [a, b]) expect((await servers.me(server, tokenOf(person))).status).toBe(401);
      expect(await cache.find(name)).toBeUndefined();
    }
    // It was believed that there is an entry, and that it is ours: only that it is current was not.
    expect(news.belief()).toBeDefined();
    expect(await redis.command('DBSIZE')).toBeGreaterThan(1);
    expect(refused).toEqual([]);
  });
});
