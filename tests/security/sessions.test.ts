import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aSignInTest, type SignInTest } from '../support/signing-in.ts';

// Staying signed in, and being thrown out. Time moves by hand.

const clock = manualClock(Date.now());
let test: SignInTest;
let app: TestApp;
let admin: Person;

beforeAll(async () => {
  test = await aSignInTest(clock);
  app = test.app;
  admin = await test.person('admin');
});
beforeEach(() => clock.advance(5_000));
afterAll(() => app?.stop());

describe('refresh tokens', () => {
  it('are good once; for 30 s the one before gives the same successor again', async () => {
    const first = await test.signIn(admin);
    const second = await test.refresh(first.refreshToken);
    expect(second.status).toBe(200);
    expect(second.json.refreshToken).not.toBe(first.refreshToken);
    clock.advance(30_000);
    const retry = await test.refresh(first.refreshToken);
    expect([retry.status, retry.json.refreshToken]).toEqual([200, second.json.refreshToken]);
    expect((await test.meOf({ token: retry.json.accessToken })).status).toBe(200);
    expect((await test.refresh(second.json.refreshToken)).status).toBe(200);
  });

  it('[ASVS 10.4.5] used again after that end their family, and no other session of the person', async () => {
    const someone = await test.person('user');
    const other = await test.signIn(someone);
    const browser = await test.browserOf(someone);
    const second = await test.refresh(someone.refreshToken);
    clock.advance(30_001);
    const reuse = await test.refresh(someone.refreshToken);
    expect([reuse.status, reuse.json.code]).toEqual([401, 'not_authenticated']);
    expect((await test.refresh(second.json.refreshToken)).status).toBe(401);
    expect((await test.meOf({ token: second.json.accessToken })).status).toBe(401);
    expect((await test.meOf({ token: other.accessToken })).status).toBe(200);
    expect((await test.meOf({ cookie: browser })).status).toBe(200);
    expect((await test.refresh(other.refreshToken)).status).toBe(200);

    expect(await test.eventsOf(someone.userId, 'session.reuse_detected')).toMatchObject([
      { outcome: 'success', details: { ended: true } },
    ]);
    // The log says renewed exactly as often as something was.
    expect(await test.eventsOf(someone.userId, 'session.refreshed')).toHaveLength(2);
  });

  it('two generations old are a copy at once, grace or not', async () => {
    const first = await test.signIn(admin);
    const second = await test.refresh(first.refreshToken);
    const third = await test.refresh(second.json.refreshToken);
    expect((await test.refresh(first.refreshToken)).status).toBe(401);
    expect((await test.refresh(third.json.refreshToken)).status).toBe(401);
  });

  it('asked for by 20 at once give one successor, which works', async () => {
    const someone = await test.person('user');
    const answers = await Promise.all(Array.from({ length: 20 }, () => test.refresh(someone.refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ json }) => json.refreshToken)).size).toBe(1);
    const generations = await app.database.admin.query(
      `select t.generation from refresh_tokens t join sessions s on s.id = t.session_id where s.user_id = $1 order by 1`,
      [someone.userId],
    );
    expect(generations.rows.map(({ generation }) => generation)).toEqual([1, 2]);
    expect((await test.refresh(answers[0]?.json.refreshToken)).status).toBe(200);
  });

  it('race with signing out without surviving it', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { refreshToken } = await test.signIn(admin);
      const [left, ...renewed] = await Promise.all([
        test.post('/auth/logout', { refreshToken }),
        ...Array.from({ length: 4 }, () => test.refresh(refreshToken)),
      ]);
      expect(left?.status).toBe(204);
      for (const { status, json } of renewed) {
        expect([200, 401]).toContain(status);
        if (status !== 200) continue;
        expect((await test.refresh(json.refreshToken)).status).toBe(401);
        expect((await test.meOf({ token: json.accessToken })).status).toBe(401);
      }
    }
  });

  it('of a session that was signed out cannot sign out again, and the log has one end', async () => {
    const someone = await test.person('user');
    const all = await Promise.all(
      Array.from({ length: 5 }, () => test.post('/auth/logout', { refreshToken: someone.refreshToken })),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([204, 401, 401, 401, 401]);
    expect((await test.post('/auth/logout', { refreshToken: someone.refreshToken })).status).toBe(401);
    expect(await test.eventsOf(someone.userId, 'session.ended')).toHaveLength(1);
  });

  it.each(['', 'x', `vtr_${'A'.repeat(43)}`, `vts_${'A'.repeat(43)}`, `vtr_${'A'.repeat(300)}`])(
    'that are none are refused: %j',
    async (text) => {
      expect([400, 401]).toContain((await test.post('/auth/refresh', { refreshToken: text })).status);
      expect([400, 401]).toContain((await test.post('/auth/logout', { refreshToken: text })).status);
    },
  );

  it('[ASVS 7.3.2, 10.4.8] live 30 days however often they are used', async () => {
    let { refreshToken, accessToken } = await test.signIn(admin);
    for (let day = 0; day < 29; day += 1) {
      clock.advance(86_400_000);
      const next = await test.refresh(refreshToken);
      expect([day, next.status]).toEqual([day, 200]);
      ({ refreshToken, accessToken } = next.json);
    }
    expect((await test.meOf({ token: accessToken })).status).toBe(200);
    clock.advance(86_400_000);
    expect((await test.refresh(refreshToken)).status).toBe(401);
    admin = { ...admin, ...(await test.signIn(admin)) };
  });
});

describe('browser sessions', () => {
  it('[ASVS 7.3.1] end an hour after their last use', async () => {
    const cookie = await test.browserOf(admin);
    for (let use = 0; use < 3; use += 1) {
      clock.advance(59 * 60_000);
      expect((await test.meOf({ cookie })).status).toBe(200);
    }
    clock.advance(60 * 60_000 + 1_000);
    expect((await test.meOf({ cookie })).status).toBe(401);
  });

  it('[ASVS 7.3.2] end 12 hours after sign-in, however much they are used', async () => {
    const cookie = await test.browserOf(admin);
    for (let use = 0; use < 14; use += 1) {
      clock.advance(51 * 60_000);
      expect([use, (await test.meOf({ cookie })).status]).toEqual([use, 200]);
    }
    clock.advance(7 * 60_000);
    expect((await test.meOf({ cookie })).status).toBe(401);
    admin = { ...admin, ...(await test.refresh(admin.refreshToken)).json };
  });

  it('[ASVS 7.2.1, 7.4.1] that were signed out are refused at the next request, and the browser forgets the cookie', async () => {
    const cookie = await test.browserOf(admin);
    const headers = { origin: app.origin };
    const left = await app.call('DELETE', '/api/v1/auth/session', { cookie, headers, from: freshAddress() });
    expect(left.status).toBe(204);
    expect(left.headers['set-cookie']).toEqual([
      '__Host-valtronics=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict',
    ]);
    expect((await test.meOf({ cookie })).status).toBe(401);
    expect((await app.call('DELETE', '/api/v1/auth/session', { cookie, headers, from: freshAddress() })).status).toBe(
      401,
    );
  });

  it('[ASVS 10.4.9] can be ended from another one of the same person, never by somebody else', async () => {
    const someone = await test.person('user');
    const stranger = await test.person('user');
    const cookie = await test.browserOf(someone);
    const list = await app.call('GET', '/api/v1/auth/sessions', { cookie, from: freshAddress() });
    const current = list.json.items.find((session: { current: boolean }) => session.current);
    expect(current).toMatchObject({ kind: 'browser' });
    expect(list.json.items).toHaveLength(2);
    const end = (token: string) =>
      app.call('DELETE', `/api/v1/auth/sessions/${current.id}`, { token, from: freshAddress() });
    await app.freshProof(admin);
    expect((await end(stranger.accessToken)).status).toBe(404);
    expect((await end(admin.accessToken)).status).toBe(404);
    expect((await test.meOf({ cookie })).status).toBe(200);
    expect((await end(someone.accessToken)).status).toBe(204);
    expect((await test.meOf({ cookie })).status).toBe(401);
    expect((await end(someone.accessToken)).status).toBe(404);
    expect(await test.eventsOf(someone.userId, 'session.revoked')).toMatchObject([
      { actor_id: someone.userId, resource_id: current.id },
    ]);
  });
});
