import { randomUUID } from 'node:crypto';
import { type Endpoint, endpoints } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { CallOptions, Person, TestApp } from '../support/app.ts';
import { freshAddress } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aLiveClient } from '../support/live.ts';
import { aSoftwarePasskey } from '../support/passkey.ts';
import { aFactorTest, type FactorTest } from '../support/second-factors.ts';

// What has to be done before anything else, decided at every request: here with the roles that need a second factor by default, and
// analysts who need a passkey.

const clock = manualClock(Math.ceil(Date.now() / 30_000) * 30_000);
let test: FactorTest;
let app: TestApp;

beforeAll(async () => {
  test = await aFactorTest(clock, {
    VALTRONICS_MFA_REQUIRED_ROLES: 'admin,operator',
    VALTRONICS_PASSKEY_REQUIRED_ROLES: 'analyst',
  });
  app = test.app;
});
beforeEach(() => clock.advance(60_000));
afterAll(async () => {
  await app?.stop();
  test?.mail.close();
});

const totp = (code: string) => ({ method: 'totp', code }) as const;
const pendingOf = async (as: CallOptions) => (await test.meOf(as)).json?.pending;
const pathOf = ({ root, path }: Endpoint) => (root ? '' : '/api/v1') + path.replaceAll(/\{\w+\}/g, () => randomUUID());
const closedEndpoints = Object.entries(endpoints).filter(
  ([, { access }]) => access.kind === 'needs' || (access.kind === 'signedIn' && !access.evenPending),
);

/** What each closed endpoint says: the code of its problem, or its status. */
async function answersTo(as: CallOptions): Promise<Record<string, string | number>> {
  const said: Record<string, string | number> = {};
  for (const [name, endpoint] of closedEndpoints) {
    clock.advance(1_000);
    const answer = await app.call(endpoint.method, pathOf(endpoint), {
      from: freshAddress(),
      ...as,
      ...(endpoint.body === undefined ? {} : { body: {} }),
    });
    said[name] = answer.json?.code ?? answer.status;
  }
  return said;
}

async function liveAnswer(token: string): Promise<string> {
  const client = await aLiveClient(app, token);
  client.say({ type: 'subscribe', id: 1, channel: 'devices' });
  const answer = (await client.next()) as { type: string; problem?: { code: string } };
  client.socket.close();
  return answer.problem?.code ?? answer.type;
}

describe('a role that needs a second factor', () => {
  it('[ASVS 2.3.1, 6.3.3] has nothing open but the way to one, at every endpoint and on the WebSocket', async () => {
    const admin = await test.person('admin');
    const as = { token: admin.accessToken };
    expect(await pendingOf(as)).toBe('enrol_factor');
    const said = await answersTo(as);
    expect(closedEndpoints.length).toBeGreaterThan(60);
    const others = Object.entries(said).filter(([, code]) => code !== 'pending');
    expect(others).toEqual([]);
    expect(await liveAnswer(admin.accessToken)).toBe('pending');
    const listed = await app.call('GET', '/api/v1/users', { token: (await test.signIn(admin)).accessToken });
    expectProblem(listed, 403, 'pending');
    expect(listed.json.detail).toContain('second factor');
  });

  it('is open in the same session once there is one, browser and token', async () => {
    const operator = await test.person('operator');
    const as = { token: operator.accessToken };
    expect(await liveAnswer(operator.accessToken)).toBe('pending');
    await test.enrolTotp(as);
    expect((await test.meOf(as)).json).toMatchObject({ pending: null, factor: 'totp' });
    expect((await app.call('GET', '/api/v1/devices', as)).status).toBe(200);
    expect(await liveAnswer(operator.accessToken)).toBe('subscribed');

    const other = await test.person('operator');
    const browser = test.asBrowser(await test.browserOf(other));
    expect(await pendingOf(browser)).toBe('enrol_factor');
    await test.enrolTotp(browser);
    expect(await pendingOf(browser)).toBe(null);
    expect((await app.call('GET', '/api/v1/devices', browser)).status).toBe(200);
  });

  it('keeps its last factor, and may remove one of two', async () => {
    const operator = await test.person('operator');
    const as = { token: operator.accessToken };
    const first = await test.enrolTotp(as);
    const remove = (id: string) => app.call('DELETE', `/api/v1/auth/factors/${id}`, { ...as, from: freshAddress() });
    expectProblem(await remove(first.factorId), 409, 'conflict');
    const second = await test.enrolTotp(as);
    expect((await remove(first.factorId)).status).toBe(204);
    expectProblem(await remove(second.factorId), 409, 'conflict');
  });

  it('of the organisation’s own is asked as well, and keeps its last factor', async () => {
    const role = await app.aRole('night-watch', ['device:read']);
    await app.database.admin.query(`update custom_roles set requires_factor = true where name = $1`, [role]);
    const person = await test.person(role);
    const as = { token: person.accessToken };
    expect(await pendingOf(as)).toBe('enrol_factor');
    const { factorId } = await test.enrolTotp(as);
    expect(await pendingOf(as)).toBe(null);
    const removed = await app.call('DELETE', `/api/v1/auth/factors/${factorId}`, as);
    expectProblem(removed, 409, 'conflict');
  });

  it('[ASVS 8.3.2] is asked for at the next request of whoever is promoted to it', async () => {
    const { person: admin } = await test.somebodyWithTotp('admin');
    const person = await test.person('user');
    const cookie = await test.browserOf(person);
    const live = await aLiveClient(app, person.accessToken);
    live.say({ type: 'subscribe', id: 1, channel: 'devices' });
    expect(await live.next()).toMatchObject({ type: 'subscribed' });
    expect((await app.call('GET', '/api/v1/devices', { cookie })).status).toBe(200);
    const promoted = await app.call('PATCH', `/api/v1/users/${person.userId}`, {
      token: admin.accessToken,
      body: { role: 'operator' },
    });
    expect(promoted.status).toBe(200);
    const since = Date.now();
    expectProblem(await app.call('GET', '/api/v1/devices', { cookie }), 403, 'pending');
    expect(await pendingOf({ cookie })).toBe('enrol_factor');
    expect((await test.meOf({ token: person.accessToken })).status).toBe(401);
    expect(await live.closed).toBe(4401);
    expect(Date.now() - since).toBeLessThan(1_000);
  });

  it('roles without the need have nothing due', async () => {
    const person = await test.person('user');
    expect(await pendingOf({ token: person.accessToken })).toBe(null);
    const said = Object.values(await answersTo({ token: person.accessToken }));
    expect(said).not.toContain('pending');
  });
});

describe('an account that has a factor', () => {
  /** A session of before the factor, which was kept. */
  async function withOldSession(role: Person['role'] = 'user') {
    const person = await test.person(role);
    const cookie = await test.browserOf(person);
    const authenticator = await test.enrolTotp({ token: person.accessToken }, { endOtherSessions: false });
    clock.advance(30_000);
    return { person, authenticator, old: test.asBrowser(cookie) };
  }

  it('[ASVS 6.3.4] is opened by nothing less, whatever its role asks for', async () => {
    const { old } = await withOldSession();
    expect(await pendingOf(old)).toBe('verify_factor');
    const said = Object.entries(await answersTo(old)).filter(([, code]) => code !== 'pending' && code !== 'forbidden');
    expect(said).toEqual([]);
  });

  it('[ASVS 7.5.1] enrols no further factor and changes no password before it is proven, however fresh the session', async () => {
    const { person, old } = await withOldSession();
    await app.freshProof(person);
    for (const path of ['/auth/factors/totp/begin', '/auth/factors/passkeys/begin'])
      expectProblem(await test.post(path, {}, old), 401, 'step_up_required');
    const body = { currentPassword: person.password, newPassword: 'seven silver trout in the stream' };
    expectProblem(await test.post('/auth/password', body, old), 403, 'pending');
    expect((await test.post('/auth/password', body, { token: person.accessToken })).status).toBe(204);
  });

  it('is opened by a step-up with it, and not by the password once more', async () => {
    const { person, authenticator, old } = await withOldSession();
    const begun = await test.stepUpBegin(old);
    expect(begun.json.methods).toEqual(['totp', 'recovery_code']);
    const again = { method: 'password', password: person.password };
    expectProblem(await test.stepUp(old, begun.json.challengeId, again), 401, 'invalid_factor');
    const proven = await test.stepUp(old, begun.json.challengeId, totp(authenticator.code()));
    expect(proven.status).toBe(200);
    const cookie = /__Host-valtronics=vts_[\w-]+/.exec(String(proven.headers['set-cookie']))?.[0] ?? '';
    expect((await test.meOf({ cookie })).json).toMatchObject({ pending: null, factor: 'totp' });
    expect((await app.call('GET', '/api/v1/devices', { cookie })).status).toBe(200);
  });

  it('closes the open connection of a session that was kept, within a second', async () => {
    const person = await test.person('user');
    const kept = await test.signIn(person);
    const live = await aLiveClient(app, kept.accessToken);
    live.say({ type: 'subscribe', id: 1, channel: 'devices' });
    expect(await live.next()).toMatchObject({ type: 'subscribed' });
    await test.enrolTotp({ token: person.accessToken }, { endOtherSessions: false });
    const since = Date.now();
    expect(await live.closed).toBe(4401);
    expect(Date.now() - since).toBeLessThan(1_000);
  });
});

describe('a role that needs a passkey', () => {
  it('[ASVS 6.3.3] takes no authenticator for it, and offers none beside one', async () => {
    const analyst = await test.person('analyst');
    const as = { token: analyst.accessToken };
    expect(await pendingOf(as)).toBe('enrol_passkey');
    const authenticator = await test.enrolTotp(as);
    expect(await pendingOf(as)).toBe('enrol_passkey');
    expectProblem(await app.call('GET', '/api/v1/devices', as), 403, 'pending');
    expect(await liveAnswer(analyst.accessToken)).toBe('pending');
    clock.advance(30_000);
    // What there is so far is asked for at sign-in: a thief with the password is not to make the passkey.
    const asked = await test.begin(analyst);
    expect(asked.methods).toEqual(['totp', 'recovery_code']);
    const { passkey, answer } = await test.enrolPasskey(as);
    expect(answer.status).toBe(201);
    expect(await pendingOf(as)).toBe(null);
    expect((await app.call('GET', '/api/v1/devices', as)).status).toBe(200);

    const next = await test.begin(analyst);
    expect(next.methods).toEqual(['passkey']);
    expectProblem(await test.finish(next.challengeId, totp(authenticator.code())), 401, 'invalid_factor');
    const code = authenticator.recoveryCodes?.[0] ?? '';
    expectProblem(await test.finish(next.challengeId, { method: 'recovery_code', code }), 401, 'invalid_factor');
    // Begun when there was only the authenticator, it is answered by what is asked for now.
    expectProblem(await test.finish(asked.challengeId, totp(authenticator.code())), 401, 'invalid_factor');
    const asserted = passkey.get(next.passkey ?? { challenge: '' });
    const opened = await test.finish(next.challengeId, { method: 'passkey', assertion: asserted });
    expect(opened.status).toBe(200);
    expect(await pendingOf({ token: opened.json.accessToken })).toBe(null);
    const begun = await test.stepUpBegin({ token: opened.json.accessToken });
    expect(begun.json.methods).toEqual(['passkey']);
  });

  it('whose passkey was not proven in this session has to prove it', async () => {
    const analyst = await test.person('analyst');
    const authenticator = await test.enrolTotp({ token: analyst.accessToken });
    clock.advance(30_000);
    const kept = { token: (await test.signInWith(analyst, authenticator)).accessToken };
    const passkey = aSoftwarePasskey(app.origin);
    await test.enrolPasskey({ token: analyst.accessToken }, passkey, { endOtherSessions: false });
    expect((await test.meOf(kept)).json).toMatchObject({ pending: 'verify_factor', factor: 'totp' });
    const begun = await test.stepUpBegin(kept);
    expect(begun.json.methods).toEqual(['passkey']);
    const assertion = passkey.get(begun.json.passkey);
    expect((await test.stepUp(kept, begun.json.challengeId, { method: 'passkey', assertion })).status).toBe(200);
    expect((await test.meOf(kept)).json).toMatchObject({ pending: null, factor: 'passkey' });
  });
});

describe('a password that must be changed', () => {
  it('comes before everything else, until it is, and is said at the next request', async () => {
    const { person: admin } = await test.somebodyWithTotp('admin');
    const person = await test.person('user');
    const as = { token: person.accessToken };
    const live = await aLiveClient(app, person.accessToken);
    live.say({ type: 'subscribe', id: 1, channel: 'devices' });
    expect(await live.next()).toMatchObject({ type: 'subscribed' });
    const set = await app.call('PATCH', `/api/v1/users/${person.userId}`, {
      token: admin.accessToken,
      body: { mustChangePassword: true },
    });
    expect(set.json).toMatchObject({ mustChangePassword: true });
    expect(await pendingOf(as)).toBe('change_password');
    expectProblem(await app.call('GET', '/api/v1/devices', as), 403, 'pending');
    expect(await live.closed).toBe(4401);
    // Signing in anew is no way around it.
    const again = await test.signIn(person);
    expect(await pendingOf({ token: again.accessToken })).toBe('change_password');
    const change = (newPassword: string) =>
      test.post('/auth/password', { currentPassword: person.password, newPassword }, as);
    expect((await change(person.password)).status).toBe(400);
    expect((await change('six brown horses by the gate')).status).toBe(204);
    expect(await pendingOf(as)).toBe(null);
    expect((await app.call('GET', '/api/v1/devices', as)).status).toBe(200);
    const shown = await app.call('GET', `/api/v1/users/${person.userId}`, { token: admin.accessToken });
    expect(shown.json).toMatchObject({ mustChangePassword: false });
  });
});
