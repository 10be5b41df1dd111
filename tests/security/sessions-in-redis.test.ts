import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../server/src/security/crypto/tokens.ts';
import { anApp, type CallOptions, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aLiveClient } from '../support/live.ts';
import { aRedisServer, hasRedis, type TestRedis } from '../support/redis-server.ts';
import { type TwoServers, twoServers } from '../support/sessions-in-redis.ts';

// Two servers, one PostgreSQL, one Redis: sessions come out of Redis, and whatever ends or changes one counts at the next request on the
// other server. What becomes of them without Redis is in sessions-without-redis.test.ts.

const ROUNDS = 3;

/** Of a session; what else stands there says which Redis it is, and that something changed. */
const isEntry = (key: string): boolean => !/:(?:head|marker)$/.test(key);

describe.skipIf(!hasRedis)('sessions in Redis', () => {
  let redis: TestRedis;
  let servers: TwoServers;
  let a: TestApp;
  let b: TestApp;
  let admin: Person;
  beforeAll(async () => {
    redis = await aRedisServer();
    servers = await twoServers(redis);
    ({ a, b } = servers);
    admin = await a.aPerson('admin');
    await servers.arranged(a.freshProof(admin));
  });
  afterAll(async () => {
    await servers?.stop();
    await redis?.stop();
  });

  const tokenOf = ({ accessToken }: Person): CallOptions => ({ token: accessToken });
  const asAdmin = (method: string, path: string, body?: unknown) =>
    a.call(method, `/api/v1${path}`, {
      ...tokenOf(admin),
      from: freshAddress(),
      ...(body === undefined ? {} : { body }),
    });

  /** A browser's session, put where signing in puts it. */
  async function aBrowser({ userId }: Person): Promise<CallOptions> {
    const token = newOpaqueToken(tokenPrefixes.session);
    await a.database.admin.query(
      `insert into sessions (id, organisation_id, user_id, kind, token_hash, created_at, last_seen_at, verified_at, idle_expires_at, absolute_expires_at)
       select gen_random_uuid(), organisation_id, id, 'browser', $2, now(), now(), now(), now() + interval '1 hour', now() + interval '12 hours'
       from users where id = $1`,
      [userId, tokenHash(token)],
    );
    return { cookie: `__Host-valtronics=${token}`, headers: { origin: a.origin } };
  }
  async function warmEverywhere(...all: CallOptions[]): Promise<void> {
    for (const as of all) for (const server of [a, b]) await servers.warm(server, as);
  }

  describe('are served from there', () => {
    it('by every server of the installation, for cookies and tokens, without a look into the database', async () => {
      const person = await a.aPerson('user');
      const browser = await aBrowser(person);
      await servers.warm(a, tokenOf(person));
      await servers.warm(a, browser);
      const looksUp = 'execute on function find_session(bytea), find_session_by_id(uuid)';
      await a.database.admin.query(`revoke ${looksUp} from valtronics_server`);
      try {
        for (const as of [tokenOf(person), browser]) {
          const answer = await servers.me(b, as);
          expect([answer.status, answer.json?.id]).toEqual([200, person.userId]);
        }
        // What Redis does not hold is asked of the database, which was told to refuse.
        const stranger = { cookie: `__Host-valtronics=${newOpaqueToken(tokenPrefixes.session)}` };
        expect((await servers.me(b, stranger)).status).toBe(500);
      } finally {
        await a.database.admin.query(`grant ${looksUp} to valtronics_server`);
      }
    });

    it('and neither a credential nor a person can be read there', async () => {
      const person = await a.aPerson('user');
      const browser = await aBrowser(person);
      await warmEverywhere(tokenOf(person), browser);
      const keys = (await redis.command('KEYS', '*')) as string[];
      const values = await Promise.all(keys.map((key) => redis.command('GET', key)));
      const all = JSON.stringify([
        keys,
        values,
        values.map((value) => Buffer.from(String(value), 'base64').toString('latin1')),
      ]);
      const cookie = String(browser.cookie).replace('__Host-valtronics=', '');
      const { rows } = await a.database.admin.query<{ id: string }>('select id from sessions where user_id = $1', [
        person.userId,
      ]);
      expect(keys.length).toBeGreaterThan(2);
      expect(rows).toHaveLength(2);
      const secrets = [
        cookie,
        tokenHash(cookie).toString('hex'),
        tokenHash(cookie).toString('base64'),
        tokenHash(cookie).toString('base64url'),
      ];
      for (const text of [...secrets, person.accessToken, person.email, person.userId, ...rows.map(({ id }) => id)])
        expect(all).not.toContain(text);
      const lifetimes = await Promise.all(keys.filter(isEntry).map((key) => redis.command('PTTL', key)));
      for (const lifetime of lifetimes) expect(lifetime).toBeLessThanOrEqual(60_000);
      for (const lifetime of lifetimes) expect(lifetime).toBeGreaterThan(-1);
    });
  });

  describe('what ends or changes one counts at the next request on the other server', () => {
    it('signing out of a token', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const person = await a.aPerson('user');
        await warmEverywhere(tokenOf(person));
        const left = await a.call('POST', '/api/v1/auth/logout', {
          body: { refreshToken: person.refreshToken },
          from: freshAddress(),
        });
        const next = await servers.me(b, tokenOf(person));
        expect([left.status, next.status]).toEqual([204, 401]);
      }
    });

    it('signing out of a browser', async () => {
      const person = await a.aPerson('user');
      for (let round = 0; round < ROUNDS; round += 1) {
        const browser = await aBrowser(person);
        await warmEverywhere(browser);
        const left = await a.call('DELETE', '/api/v1/auth/session', { ...browser, from: freshAddress() });
        const next = await servers.me(b, browser);
        expect([left.status, next.status]).toEqual([204, 401]);
      }
    });

    it('ending one’s other sessions, and open connections with them within a second', async () => {
      const person = await a.aPerson('user');
      for (let round = 0; round < ROUNDS; round += 1) {
        const [other, browser] = [{ token: await servers.signIn(person) }, await aBrowser(person)];
        await warmEverywhere(other, browser, tokenOf(person));
        const live = await aLiveClient(b, other.token);
        live.say({ type: 'subscribe', id: 1, channel: 'devices' });
        expect(await live.next()).toMatchObject({ type: 'subscribed' });
        const since = Date.now();
        const ended = await a.call('DELETE', '/api/v1/auth/sessions', { ...tokenOf(person), from: freshAddress() });
        const [next, inBrowser, mine] = [
          await servers.me(b, other),
          await servers.me(b, browser),
          await servers.me(b, tokenOf(person)),
        ];
        expect([ended.json, next.status, inBrowser.status, mine.status]).toEqual([{ ended: 2 }, 401, 401, 200]);
        expect(await live.closed).toBe(4401);
        expect(Date.now() - since).toBeLessThan(1_000);
      }
    });

    it('an administrator ending all of a person, and resetting their factors', async () => {
      for (const path of ['sessions', 'factors']) {
        const person = await a.aPerson('user');
        const browser = await aBrowser(person);
        await warmEverywhere(tokenOf(person), browser);
        const ended = await asAdmin('DELETE', `/users/${person.userId}/${path}`);
        const [next, inBrowser] = [await servers.me(b, tokenOf(person)), await servers.me(b, browser)];
        expect([path, ended.status, next.status, inBrowser.status]).toEqual([path, 200, 401, 401]);
      }
    });

    it('disabling the account, for good', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const person = await a.aPerson('user');
        const browser = await aBrowser(person);
        await warmEverywhere(tokenOf(person), browser);
        const disabled = await asAdmin('PATCH', `/users/${person.userId}`, { status: 'disabled' });
        const [next, inBrowser] = [await servers.me(b, tokenOf(person)), await servers.me(b, browser)];
        expect([disabled.status, next.status, inBrowser.status]).toEqual([200, 401, 401]);
        expect((await asAdmin('PATCH', `/users/${person.userId}`, { status: 'active' })).status).toBe(200);
        expect((await servers.me(b, browser)).status).toBe(401);
      }
    });

    it('another role: a browser has its rights at once, and a token of the former one is refused', async () => {
      const person = await a.aPerson('user');
      const browser = await aBrowser(person);
      for (const role of ['analyst', 'operator', 'user', 'operator', 'user']) {
        const token = { token: await servers.signIn(person) };
        await warmEverywhere(browser, token);
        const changed = await asAdmin('PATCH', `/users/${person.userId}`, { role });
        const devices = await b.call('GET', '/api/v1/alert-rules', { ...browser, from: freshAddress() });
        const next = await servers.me(b, browser);
        expect([changed.status, next.json.role]).toEqual([200, role]);
        expect(devices.status).toBe(200);
        expect((await servers.me(b, token)).status).toBe(401);
      }
    });

    it('another content of a role of the organisation’s own', async () => {
      const role = await a.aRole('night-shift', ['device:read']);
      const person = await a.aPerson(role);
      const register = () =>
        b.call('POST', '/api/v1/devices', {
          ...tokenOf(person),
          body: { name: 'A device', type: 'temperature' },
          from: freshAddress(),
        });
      for (const permissions of [['device:read', 'device:write'], ['device:read'], ['device:read', 'device:write']]) {
        await warmEverywhere(tokenOf(person));
        const changed = await asAdmin('PATCH', '/roles/night-shift', { permissions });
        expect([changed.status, (await register()).status]).toEqual([200, permissions.length === 2 ? 201 : 403]);
      }
    });

    it('a password that must be changed, and having changed it', async () => {
      const person = await a.aPerson('user');
      const other = { token: await servers.signIn(person) };
      await warmEverywhere(tokenOf(person), other);
      expect((await asAdmin('PATCH', `/users/${person.userId}`, { mustChangePassword: true })).status).toBe(200);
      expect((await servers.me(b, tokenOf(person))).json.pending).toBe('change_password');
      await warmEverywhere(tokenOf(person), other);
      const body = { currentPassword: person.password, newPassword: 'nine grey herons above the lock' };
      const changed = await a.call('POST', '/api/v1/auth/password', { ...tokenOf(person), body, from: freshAddress() });
      const [mine, theirs] = [await servers.me(b, tokenOf(person)), await servers.me(b, other)];
      expect([changed.status, mine.json.pending, theirs.status]).toEqual([204, null, 401]);
    });

    it('a fresh proof, which replaces the cookie', async () => {
      const person = await a.aPerson('user');
      const browser = await aBrowser(person);
      await servers.arranged(
        a.database.admin.query(`update sessions set verified_at = now() - interval '1 hour' where user_id = $1`, [
          person.userId,
        ]),
      );
      await warmEverywhere(browser);
      const sensitive = (as: CallOptions) => b.call('DELETE', '/api/v1/auth/sessions', { ...as, from: freshAddress() });
      expect((await sensitive(browser)).json.code).toBe('step_up_required');
      const begun = await a.call('POST', '/api/v1/auth/step-up/begin', { ...browser, body: {}, from: freshAddress() });
      const proof = { challengeId: begun.json.challengeId, method: 'password', password: person.password };
      const proven = await a.call('POST', '/api/v1/auth/step-up', { ...browser, body: proof, from: freshAddress() });
      const cookie = /__Host-valtronics=vts_[\w-]+/.exec(String(proven.headers['set-cookie']))?.[0] ?? '';
      expect([proven.status, (await servers.me(b, browser)).status]).toEqual([200, 401]);
      expect((await sensitive({ ...browser, cookie })).status).toBe(200);
    });

    it('also when the server that changes it has no Redis, or another one', async () => {
      const [elsewhere, without] = [
        await anApp({ beside: a, env: { REDIS_URL: `redis://127.0.0.1:${redis.port}/1` } }),
        await anApp({ beside: a }),
      ];
      try {
        for (const server of [elsewhere, without, elsewhere, without]) {
          const person = await a.aPerson('user');
          await warmEverywhere(tokenOf(person));
          const body = { refreshToken: person.refreshToken };
          const left = await server.call('POST', '/api/v1/auth/logout', { body, from: freshAddress() });
          const next = [await servers.me(a, tokenOf(person)), await servers.me(b, tokenOf(person))];
          expect([left.status, ...next.map(({ status }) => status)]).toEqual([204, 401, 401]);
        }
      } finally {
        await elsewhere.stop();
        await without.stop();
      }
    });

    it('what is changed past every server, in the database itself, counts within a second', async () => {
      const person = await a.aPerson('user');
      await warmEverywhere(tokenOf(person));
      await servers.arranged(
        a.database.admin.query('update sessions set revoked_at = now() where user_id = $1', [person.userId]),
      );
      expect((await servers.me(b, tokenOf(person))).status).toBe(401);
    });
  });

  describe('whoever can write to Redis', () => {
    const entries = async () => ((await redis.command('KEYS', '*')) as string[]).filter(isEntry);
    /** The entry of a session and no other. Marker and head stay, so that both servers go on believing what stands there. */
    async function entriesOf(as: CallOptions): Promise<string[]> {
      for (const key of await entries()) await redis.command('DEL', key);
      for (const server of [a, b]) await servers.warm(server, as);
      const keys = await entries();
      expect(keys).toHaveLength(1);
      return keys;
    }

    it('cannot put one session in another’s place', async () => {
      const [one, other] = [await a.aPerson('user'), admin];
      const [theirKey = ''] = await entriesOf(tokenOf(other));
      const theirs = String(await redis.command('GET', theirKey));
      const [key = ''] = await entriesOf(tokenOf(one));
      await redis.command('SET', key, theirs, 'PX', '60000');
      const before = await servers.lookUps(b);
      const answer = await servers.me(b, tokenOf(one));
      const after = await servers.lookUps(b);
      expect([answer.status, answer.json.id, answer.json.role]).toEqual([200, one.userId, 'user']);
      expect([after.refused - before.refused, after.redis - before.redis, after.database - before.database]).toEqual([
        1, 0, 1,
      ]);
    });

    it.each([
      ['nothing', ''],
      ['no base64', '}{'],
      ['zeros', Buffer.alloc(300).toString('base64')],
      ['a record in clear', JSON.stringify({ session_id: 'x', role: 'admin' })],
      ['very much', 'A'.repeat(5_000_000)],
    ])('makes no session out of %s', async (_, text) => {
      const person = await a.aPerson('user');
      const [key = ''] = await entriesOf(tokenOf(person));
      await redis.command('SET', key, text, 'PX', '60000');
      const answer = await servers.me(b, tokenOf(person));
      expect([answer.status, answer.json.id]).toEqual([200, person.userId]);
    });

    it('cannot change a bit of one, nor what kind of thing it is', async () => {
      const person = await a.aPerson('user');
      const [key = ''] = await entriesOf(tokenOf(person));
      const good = Buffer.from(String(await redis.command('GET', key)), 'base64');
      for (const at of [0, 4, 20, 50, 70, 100, good.length - 1]) {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ 1;
        await redis.command('SET', key, bad.toString('base64'), 'PX', '60000');
        expect([at, await servers.sourceOf(b, tokenOf(person))]).toEqual([at, 'database']);
        // What the database said is put there by nobody who waits for it; the next one must not be overwritten by that.
        for (let look = 0; look < 25 && (await redis.command('GET', key)) === bad.toString('base64'); look += 1)
          await delay(20);
      }
      await redis.command('DEL', key);
      await redis.command('RPUSH', key, 'x');
      expect(await servers.sourceOf(b, tokenOf(person))).toBe('database');
      await redis.command('DEL', key);
    });

    it('cannot bring an ended session back with the entry it had', async () => {
      const person = await a.aPerson('user');
      const [key = ''] = await entriesOf(tokenOf(person));
      const kept = String(await redis.command('GET', key));
      const heads = ((await redis.command('KEYS', '*:head')) as string[])[0] ?? '';
      const head = String(await redis.command('GET', heads));
      await a.call('POST', '/api/v1/auth/logout', {
        body: { refreshToken: person.refreshToken },
        from: freshAddress(),
      });
      for (const withHead of [false, true, true, true]) {
        await redis.command('SET', key, kept, 'PX', '60000');
        if (withHead) await redis.command('SET', heads, head);
        expect((await servers.me(b, tokenOf(person))).status).toBe(401);
        await servers.arranged(Promise.resolve());
        expect((await servers.me(a, tokenOf(person))).status).toBe(401);
      }
    });
  });
});
