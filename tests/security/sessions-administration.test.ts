import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { CallOptions, Person, TestApp } from '../support/app.ts';
import { freshAddress } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aLiveClient } from '../support/live.ts';
import { aFactorTest, type FactorTest } from '../support/second-factors.ts';

// Which sessions there are, and ending them: one's own, and those of others.

const clock = manualClock(Math.ceil(Date.now() / 30_000) * 30_000);
let test: FactorTest;
let app: TestApp;
let admin: Person;

beforeAll(async () => {
  test = await aFactorTest(clock, { VALTRONICS_ACCESS_TOKEN_MINUTES: '60' });
  app = test.app;
  admin = await test.person('admin');
});
beforeEach(async () => {
  clock.advance(10_000);
  await app.freshProof(admin);
});
afterAll(async () => {
  await app?.stop();
  test?.mail.close();
});

const ask = (as: CallOptions, method: string, path: string) =>
  app.call(method, `/api/v1${path}`, { from: freshAddress(), ...as });
async function aSubscriber(token: string) {
  const client = await aLiveClient(app, token);
  client.say({ type: 'subscribe', id: 1, channel: 'devices' });
  expect(await client.next()).toMatchObject({ type: 'subscribed' });
  return client;
}

describe('my sessions', () => {
  it('[ASVS 7.5.2] are listed with what they were proven with, and ended one by one or all others', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const second = await test.signInWith(person, authenticator);
    const cookie = await test.browserOf(person);
    const as = { token: person.accessToken };
    const listed = await ask(as, 'GET', '/auth/sessions');
    expect(listed.json.items).toHaveLength(3);
    const [mine] = listed.json.items.filter(({ current }: { current: boolean }) => current);
    expect(mine).toMatchObject({ kind: 'token', factor: 'totp', address: expect.stringMatching(/^127\./) });
    expect(listed.json.items.map(({ factor, kind }: Record<string, string>) => `${kind} ${factor}`).sort()).toEqual([
      'browser password',
      'token totp',
      'token totp',
    ]);
    expect(listed.text).not.toMatch(/vt[a-z]_|hash/);
    const other = listed.json.items.find(({ kind }: { kind: string }) => kind === 'browser');
    const live = await aSubscriber(second.accessToken);

    expect((await ask(as, 'DELETE', `/auth/sessions/${other.id}`)).status).toBe(204);
    expect((await test.meOf({ cookie })).status).toBe(401);
    expectProblem(await ask(as, 'DELETE', `/auth/sessions/${other.id}`), 404, 'not_found');
    expect((await test.meOf({ token: second.accessToken })).status).toBe(200);
    const since = Date.now();
    expect((await ask(as, 'DELETE', '/auth/sessions')).json).toEqual({ ended: 1 });
    expect(await live.closed).toBe(4401);
    expect(Date.now() - since).toBeLessThan(1_000);
    expect((await test.meOf({ token: second.accessToken })).status).toBe(401);
    expect((await test.refresh(second.refreshToken)).status).toBe(401);
    expect((await ask(as, 'GET', '/auth/sessions')).json.items).toHaveLength(1);
    expect(await test.eventsOf(person.userId, 'session.revoked')).toHaveLength(2);
  });

  it('are ended after a fresh proof only, and nobody ends somebody else’s by its id', async () => {
    const [person, other] = [await test.person('user'), await test.person('user')];
    const theirs = (await ask({ token: other.accessToken }, 'GET', '/auth/sessions')).json.items[0].id;
    const as = { token: person.accessToken };
    expectProblem(await ask(as, 'DELETE', `/auth/sessions/${theirs}`), 404, 'not_found');
    expect((await test.meOf({ token: other.accessToken })).status).toBe(200);
    clock.advance(301_000);
    for (const path of ['/auth/sessions', `/auth/sessions/${theirs}`])
      expectProblem(await ask(as, 'DELETE', path), 401, 'step_up_required');
  });

  it('[ASVS 7.4.1] that ended or ran out are good for nothing and not listed', async () => {
    const person = await test.person('user');
    const cookie = await test.browserOf(person);
    const out = await test.post('/auth/logout', { refreshToken: person.refreshToken });
    expect(out.status).toBe(204);
    expect((await test.meOf({ token: person.accessToken })).status).toBe(401);
    expect((await test.refresh(person.refreshToken)).status).toBe(401);
    const signedOut = await ask(test.asBrowser(cookie), 'DELETE', '/auth/session');
    expect(signedOut.status).toBe(204);
    expect((await test.meOf({ cookie })).status).toBe(401);
    const again = await test.browserOf(person);
    clock.advance(60 * 60_000);
    expect((await test.meOf({ cookie: again })).status).toBe(401);
    admin = { ...admin, ...(await test.refresh(admin.refreshToken)).json };
    const listed = await ask({ token: admin.accessToken }, 'GET', `/users/${person.userId}/sessions`);
    expect(listed.json.items).toEqual([]);
  });
});

describe('the sessions of others', () => {
  it('[ASVS 7.4.5] are listed and ended by an administrator, open connections within a second', async () => {
    const person = await test.person('user');
    const cookie = await test.browserOf(person);
    const live = await aSubscriber(person.accessToken);
    const path = `/users/${person.userId}/sessions`;
    const listed = await ask({ token: admin.accessToken }, 'GET', path);
    expect(listed.json.items).toHaveLength(2);
    expect(listed.json.items.some(({ current }: { current: boolean }) => current)).toBe(false);
    const since = Date.now();
    expect((await ask({ token: admin.accessToken }, 'DELETE', path)).json).toEqual({ ended: 2 });
    expect(await live.closed).toBe(4401);
    expect(Date.now() - since).toBeLessThan(1_000);
    for (const as of [{ cookie }, { token: person.accessToken }]) expect((await test.meOf(as)).status).toBe(401);
    expect(await test.eventsOf(admin.userId, 'session.revoked')).toMatchObject([{ resource_id: person.userId }]);
  });

  it('[ASVS 7.4.2] all end when the account is disabled, open connections within a second', async () => {
    const person = await test.person('user');
    const cookie = await test.browserOf(person);
    const live = await aSubscriber(person.accessToken);
    const since = Date.now();
    const path = `/api/v1/users/${person.userId}`;
    expect((await app.call('PATCH', path, { token: admin.accessToken, body: { status: 'disabled' } })).status).toBe(
      200,
    );
    expect(await live.closed).toBe(4401);
    expect(Date.now() - since).toBeLessThan(1_000);
    for (const as of [{ cookie }, { token: person.accessToken }]) expect((await test.meOf(as)).status).toBe(401);
    expect((await test.refresh(person.refreshToken)).status).toBe(401);
    expect(await test.openSessions(person.userId)).toBe(0);
  });

  it('are no matter of anybody without the permission, nor of another organisation', async () => {
    const [person, other] = [await test.person('user'), await test.person('operator')];
    const stranger = await app.aPerson('admin', await app.anotherOrganisation());
    const path = `/users/${person.userId}/sessions`;
    for (const method of ['GET', 'DELETE']) {
      expectProblem(await ask({ token: other.accessToken }, method, path), 403, 'forbidden');
      expectProblem(await ask({ token: stranger.accessToken }, method, path), 404, 'not_found');
    }
    expect((await test.meOf({ token: person.accessToken })).status).toBe(200);
  });
});

describe('a sign-in from a client that is new', () => {
  it('[ASVS 6.3.5] is told to the owner; the very first and a known one are not', async () => {
    const person = await test.person('user');
    const signIn = (userAgent: string) =>
      test.post(
        '/auth/login',
        { email: person.email, password: person.password },
        { headers: { 'user-agent': userAgent } },
      );
    const news = () => test.mail.to(person.email).filter(({ subject }) => subject.includes('A new device signed in'));
    expect((await signIn('Lantern/1.0')).status).toBe(200);
    const { text } = await test.mail.next(person.email, 'A new device signed in');
    expect(text).toContain('Lantern/1.0');
    expect((await signIn('Lantern/1.0')).status).toBe(200);
    expect((await signIn('Kettle/2.0')).status).toBe(200);
    await test.mail.next(person.email, 'A new device signed in', 1);
    // One for each of the two that were new: none for the first of all, none for the one that was known.
    expect(news()).toHaveLength(2);
  });
});
