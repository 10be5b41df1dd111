import { type Endpoint, endpoints } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { CallOptions, Person, TestApp } from '../support/app.ts';
import { freshAddress } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aFactorTest, cookieOf, type FactorTest } from '../support/second-factors.ts';

// What is sensitive opens only to who has just proven who they are.

const clock = manualClock(Math.ceil(Date.now() / 30_000) * 30_000);
let test: FactorTest;
let app: TestApp;

beforeAll(async () => {
  test = await aFactorTest(clock, { VALTRONICS_ACCESS_TOKEN_MINUTES: '60' });
  app = test.app;
});
beforeEach(() => clock.advance(60_000));
afterAll(async () => {
  await app?.stop();
  test?.mail.close();
});

const totp = (code: string) => ({ method: 'totp', code }) as const;
const knownAgain = (person: Person) => ({ method: 'password', password: person.password });
/** Something that asks for a fresh proof and changes nothing that is looked at here. */
const sensitive = (as: CallOptions) => app.call('DELETE', '/api/v1/auth/sessions', { from: freshAddress(), ...as });
const pathOf = ({ root, path }: Endpoint) =>
  (root ? '' : '/api/v1') + path.replaceAll(/\{\w+\}/g, '00000000-0000-7000-8000-000000000000');

describe('what needs a fresh proof', () => {
  it('[ASVS 7.5.3] is open for five minutes after one and no longer, and says what is missing', async () => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    clock.advance(299_000);
    expect((await sensitive(as)).status).toBe(200);
    clock.advance(2_000);
    const refused = await sensitive(as);
    expectProblem(refused, 401, 'step_up_required');
    expect(refused.headers['www-authenticate']).toBe('Bearer error="insufficient_user_authentication", max_age="300"');
    // Not that they would have to sign in: everything else goes on.
    expect((await test.meOf(as)).status).toBe(200);
  });

  it('[ASVS 7.5.1] is every endpoint that says so: factors, people, roles, keys', async () => {
    const admin = await test.person('admin');
    clock.advance(301_000);
    const declared = Object.entries(endpoints).filter(([, { access }]) => 'stepUp' in access && access.stepUp);
    const names = declared.map(([name]) => name);
    for (const name of ['totpBegin', 'totpAdd', 'passkeyBegin', 'passkeyAdd', 'factorRemove', 'recoveryCodesRenew'])
      expect(names).toContain(name);
    for (const name of ['userInvite', 'userChange', 'userFactorsReset', 'userPasswordReset', 'userSessionsRevoke'])
      expect(names).toContain(name);
    const said: Record<string, string> = {};
    for (const [name, endpoint] of declared) {
      clock.advance(1_000);
      const { json, status } = await app.call(endpoint.method, pathOf(endpoint), {
        token: admin.accessToken,
        from: freshAddress(),
        ...(endpoint.body === undefined ? {} : { body: {} }),
      });
      said[name] = json?.code ?? String(status);
    }
    expect(Object.entries(said).filter(([, code]) => code !== 'step_up_required')).toEqual([]);
  });
});

describe('a fresh proof', () => {
  it('[ASVS 7.2.4] of a browser gives it a new token, and the old one is dead at once', async () => {
    const person = await test.person('user');
    const old = test.asBrowser(await test.browserOf(person));
    clock.advance(301_000);
    expectProblem(await sensitive(old), 401, 'step_up_required');
    const begun = await test.stepUpBegin(old);
    expect(begun.json).toMatchObject({ methods: ['password'], passkey: null });
    const proven = await test.stepUp(old, begun.json.challengeId, knownAgain(person));
    expect(proven.json).toEqual({ verifiedAt: clock.date().toISOString() });
    const renewed = test.asBrowser(cookieOf(proven));
    expect(renewed.cookie).not.toBe(old.cookie);
    expect((await test.meOf(old)).status).toBe(401);
    expect((await test.meOf(renewed)).json).toMatchObject({ id: person.userId, factor: 'password' });
    expect((await sensitive(renewed)).status).toBe(200);
    expect(await test.eventsOf(person.userId, 'session.proven')).toMatchObject([
      { actor_id: person.userId, details: { factor: 'password' } },
    ]);
    // A new token, and no new session.
    expect(await test.openSessions(person.userId)).toBe(1);
  });

  it('of a client with tokens leaves it the tokens it has', async () => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    clock.advance(301_000);
    const begun = await test.stepUpBegin(as);
    const proven = await test.stepUp(as, begun.json.challengeId, knownAgain(person));
    expect(proven.status).toBe(200);
    expect(proven.headers['set-cookie']).toBeUndefined();
    expect((await sensitive(as)).status).toBe(200);
    expect((await test.refresh(person.refreshToken)).status).toBe(200);
  });

  it('is not the password where the account has a factor, and is each of its factors', async () => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    const authenticator = await test.enrolTotp(as);
    const { passkey } = await test.enrolPasskey(as);
    const prove = async (make: (asked: { challengeId: string; passkey: { challenge: string } }) => object) => {
      clock.advance(301_000);
      expectProblem(await sensitive(as), 401, 'step_up_required');
      const { json } = await test.stepUpBegin(as);
      expect(json.methods).toEqual(['totp', 'passkey', 'recovery_code']);
      const { status } = await test.stepUp(as, json.challengeId, make(json));
      return [status, (await sensitive(as)).status];
    };
    expect(await prove(() => knownAgain(person))).toEqual([401, 401]);
    expect(await prove(() => totp(authenticator.code()))).toEqual([200, 200]);
    expect(await prove((asked) => ({ method: 'passkey', assertion: passkey.get(asked.passkey) }))).toEqual([200, 200]);
    const code = authenticator.recoveryCodes?.[0] ?? '';
    expect(await prove(() => ({ method: 'recovery_code', code }))).toEqual([200, 200]);
    expect(await prove(() => ({ method: 'recovery_code', code }))).toEqual([401, 401]);
    // A session keeps the strongest proof it has seen.
    expect((await test.meOf(as)).json).toMatchObject({ factor: 'passkey' });
  });

  it('that is wrong opens nothing, is recorded, and leaves the session as it was', async () => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    clock.advance(301_000);
    const { json } = await test.stepUpBegin(as);
    const wrong = { method: 'password', password: 'not my password at all' };
    expectProblem(await test.stepUp(as, json.challengeId, wrong), 401, 'invalid_factor');
    expectProblem(await sensitive(as), 401, 'step_up_required');
    expect((await test.meOf(as)).status).toBe(200);
    expect(await test.eventsOf(person.userId, 'session.refused')).toMatchObject([
      { outcome: 'failure', actor_id: person.userId, details: { factor: 'password' } },
    ]);
  });

  it('[ASVS 6.6.3] is guessed at five times an hour', async () => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    const { json } = await test.stepUpBegin(as);
    const wrong = { method: 'password', password: 'not my password at all' };
    for (let n = 0; n < 5; n += 1) expect((await test.stepUp(as, json.challengeId, wrong)).status).toBe(401);
    expectProblem(await test.stepUp(as, json.challengeId, knownAgain(person)), 429, 'too_many_requests');
  });

  it('[ASVS 6.6.2] belongs to the session that asked, once, for five minutes', async () => {
    const [person, other] = [await test.person('user'), await test.person('user')];
    const as = { token: person.accessToken };
    const second = { token: (await test.signIn(person)).accessToken };
    const { json } = await test.stepUpBegin(as);
    expectProblem(await test.stepUp(second, json.challengeId, knownAgain(person)), 410, 'gone');
    expectProblem(await test.stepUp({ token: other.accessToken }, json.challengeId, knownAgain(other)), 410, 'gone');
    expect((await test.stepUp(as, json.challengeId, knownAgain(person))).status).toBe(200);
    expectProblem(await test.stepUp(as, json.challengeId, knownAgain(person)), 410, 'gone');
    const late = await test.stepUpBegin(as);
    clock.advance(5 * 60_000);
    expectProblem(await test.stepUp(as, late.json.challengeId, knownAgain(person)), 410, 'gone');
  });

  it('by several at once with one challenge is one', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const as = { token: person.accessToken };
    const { json } = await test.stepUpBegin(as);
    const code = authenticator.code();
    const answers = await Promise.all(Array.from({ length: 20 }, () => test.stepUp(as, json.challengeId, totp(code))));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await test.eventsOf(person.userId, 'session.proven')).toHaveLength(1);
  });

  it('of a browser comes from our own pages', async () => {
    const person = await test.person('user');
    const cookie = await test.browserOf(person);
    const begun = await test.stepUpBegin(test.asBrowser(cookie));
    const away = { cookie, headers: { origin: 'https://elsewhere.example' } };
    expectProblem(await test.stepUp(away, begun.json.challengeId, knownAgain(person)), 403, 'origin_refused');
    expectProblem(await test.stepUp({ cookie }, begun.json.challengeId, knownAgain(person)), 403, 'origin_refused');
  });

  it('of a session that has ended meanwhile opens nothing', async () => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    const { json } = await test.stepUpBegin(as);
    await test.post('/auth/logout', { refreshToken: person.refreshToken });
    expect((await test.stepUp(as, json.challengeId, knownAgain(person))).status).toBe(401);
  });
});
