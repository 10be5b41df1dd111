import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { Person, TestApp } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aFactorTest, cookieOf, type FactorTest, fromBase32, totpCode } from '../support/second-factors.ts';

// Codes of an authenticator (RFC 6238). Time moves by hand, from the beginning of a step.

const clock = manualClock(Math.ceil(Date.now() / 30_000) * 30_000);
let test: FactorTest;
let app: TestApp;

beforeAll(async () => {
  test = await aFactorTest(clock);
  app = test.app;
});
beforeEach(() => clock.advance(60_000));
afterAll(async () => {
  await app?.stop();
  test?.mail.close();
});

const totp = (code: string) => ({ method: 'totp', code }) as const;
const wrongOf = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0');
const refusalsOf = (person: Person) => test.eventsOf(person.userId, 'session.refused');
/** The authenticator's window shifts with every code that is used, so each test takes a step of its own. */
const nextStep = () => clock.advance(30_000);

describe('setting up an authenticator', () => {
  it('takes a code of the secret that was shown, and opens with it from then on', async () => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    const begun = await test.post('/auth/factors/totp/begin', {}, as);
    expect(begun.status).toBe(200);
    const uri = new URL(begun.json.uri);
    expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname)]).toEqual([
      'otpauth:',
      'totp',
      `/Valtronics:${person.email}`,
    ]);
    expect(uri.searchParams.get('secret')).toBe(begun.json.secret);
    expect(uri.searchParams.get('issuer')).toBe('Valtronics');
    expect(begun.json.secret).toMatch(/^[A-Z2-7]{32}$/);
    expect((await app.call('GET', '/api/v1/auth/factors', as)).json).toEqual({ items: [], recoveryCodesLeft: 0 });

    const authenticator = await test.enrolTotp(as);
    expect(authenticator.recoveryCodes).toHaveLength(10);
    const listed = await app.call('GET', '/api/v1/auth/factors', as);
    expect(listed.json).toMatchObject({
      items: [{ id: authenticator.factorId, kind: 'totp', label: 'Telephone' }],
      recoveryCodesLeft: 10,
    });
    expect(listed.text).not.toMatch(/secret/i);
    expect((await test.meOf(as)).json).toMatchObject({ factor: 'totp', pending: null });
    expect(await test.eventsOf(person.userId, 'factor.added')).toMatchObject([
      { actor_id: person.userId, resource_id: authenticator.factorId, details: { kind: 'totp' } },
    ]);
    await test.mail.next(person.email, 'A second factor was added');
  });

  it('refuses a wrong code, and goes on with the right one', async () => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    const { json } = await test.post('/auth/factors/totp/begin', {}, as);
    const other = await test.post('/auth/factors/totp/begin', {}, as);
    // A right code of another secret is a wrong one.
    const code = totpCode(fromBase32(json.secret), clock.now());
    const add = (challengeId: string, shown: string) =>
      test.post('/auth/factors/totp', { challengeId, code: shown, label: 'Telephone' }, as);
    expectProblem(await add(json.challengeId, wrongOf(code)), 400, 'invalid_request');
    expectProblem(await add(other.json.challengeId, code), 400, 'invalid_request');
    expect((await add(json.challengeId, code)).status).toBe(201);
    // What was confirmed is not confirmed again.
    expectProblem(await add(json.challengeId, code), 410, 'gone');
  });

  it('[ASVS 6.6.2] belongs to the session that began it: no other session, no other person, and five minutes', async () => {
    const [person, other] = [await test.person('user'), await test.person('user')];
    const { json } = await test.post('/auth/factors/totp/begin', {}, { token: person.accessToken });
    const secret = fromBase32(json.secret);
    const add = (token: string) =>
      test.post(
        '/auth/factors/totp',
        { challengeId: json.challengeId, code: totpCode(secret, clock.now()), label: 'Telephone' },
        { token },
      );
    expectProblem(await add(other.accessToken), 410, 'gone');
    expectProblem(await add((await test.signIn(person)).accessToken), 410, 'gone');
    // And nothing but what it was opened for.
    const proof = totp(totpCode(secret, clock.now()));
    expectProblem(await test.finish(json.challengeId, proof), 410, 'gone');
    expectProblem(await test.stepUp({ token: person.accessToken }, json.challengeId, proof), 410, 'gone');
    clock.advance(5 * 60_000);
    await app.freshProof(person);
    expectProblem(await add(person.accessToken), 410, 'gone');
  });

  it('[ASVS 7.4.3] ends the other sessions unless the person wants to keep them', async () => {
    const person = await test.person('user');
    const kept = await test.signIn(person);
    await test.enrolTotp({ token: person.accessToken }, { endOtherSessions: false });
    expect((await test.meOf({ token: kept.accessToken })).json).toMatchObject({ pending: 'verify_factor' });
    await test.enrolTotp({ token: person.accessToken }, { label: 'Tablet' });
    expect((await test.meOf({ token: kept.accessToken })).status).toBe(401);
    expect((await test.meOf({ token: person.accessToken })).status).toBe(200);
  });

  it('by two sessions at once is done by the first; the other has to prove it then', async () => {
    const person = await test.person('user');
    const sessions = [person.accessToken, (await test.signIn(person)).accessToken];
    const begun = await Promise.all(sessions.map((token) => test.post('/auth/factors/totp/begin', {}, { token })));
    const answers = await Promise.all(
      begun.map(({ json: { challengeId, secret } }, n) => {
        const code = totpCode(fromBase32(secret), clock.now());
        const body = { challengeId, code, label: `Telephone ${n}`, endOtherSessions: false };
        return test.post('/auth/factors/totp', body, { token: sessions[n] ?? '' });
      }),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 401]);
  });

  it('is at most ten factors', async () => {
    const person = await test.person('user');
    for (let n = 0; n < 10; n += 1) await test.enrolTotp({ token: person.accessToken });
    await expect(test.enrolTotp({ token: person.accessToken })).rejects.toThrow(/409|conflict/);
  });
});

describe('signing in with an authenticator', () => {
  it.each(['token', 'browser'] as const)(
    '[ASVS 6.3.3] the password alone opens nothing, the right code opens: %s',
    async (kind) => {
      const { person, authenticator } = await test.somebodyWithTotp('user');
      const asked = await test.begin(person, kind);
      expect(asked).toMatchObject({ methods: ['totp', 'recovery_code'], passkey: null });
      expect(new Date(asked.expiresAt).getTime()).toBe(clock.now() + 5 * 60_000);
      expect(Object.keys(asked).sort()).toEqual(['challengeId', 'expiresAt', 'methods', 'passkey']);
      // The challenge is no credential of any kind.
      expect((await test.meOf({ token: asked.challengeId })).status).toBe(401);
      expect((await test.meOf({ cookie: `__Host-valtronics=${asked.challengeId}` })).status).toBe(401);
      expect((await test.refresh(asked.challengeId)).status).toBe(401);
      const before = await test.openSessions(person.userId);

      const code = authenticator.code();
      expectProblem(await test.finish(asked.challengeId, totp(wrongOf(code)), kind), 401, 'invalid_factor');
      expect(await test.openSessions(person.userId)).toBe(before);
      const opened = await test.finish(asked.challengeId, totp(code), kind);
      expect(opened.status).toBe(200);
      const as = kind === 'token' ? { token: opened.json.accessToken } : { cookie: cookieOf(opened) };
      expect((await test.meOf(as)).json).toMatchObject({ id: person.userId, factor: 'totp', pending: null });
      expect(await test.openSessions(person.userId)).toBe(before + 1);
      const created = await test.eventsOf(person.userId, 'session.created');
      expect(created.at(-1)).toMatchObject({ details: { kind, factor: 'totp' } });
    },
  );

  it('[ASVS 6.3.5] a wrong code after the right password is recorded, and its owner told', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const { challengeId } = await test.begin(person);
    await test.finish(challengeId, totp(wrongOf(authenticator.code())));
    expect(await refusalsOf(person)).toMatchObject([{ outcome: 'failure', details: { factor: 'totp' } }]);
    const { text } = await test.mail.next(person.email, 'Somebody knows your password');
    expect(text).toContain('and then a wrong second factor');
  });

  it('the browser’s answer holds no token, and only our own pages may ask for it', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const { challengeId } = await test.begin(person, 'browser');
    const body = { challengeId, ...totp(authenticator.code()) };
    const headers = { origin: 'https://elsewhere.example' };
    expectProblem(await test.post('/auth/session/verify', body, { headers }), 403, 'origin_refused');
    const opened = await test.post('/auth/session/verify', body, { headers: { origin: app.origin } });
    expect(opened.status).toBe(200);
    expect(opened.text).not.toMatch(/vt[a-z]_/);
    expect(String(opened.headers['set-cookie'])).toMatch(/HttpOnly/i);
  });

  it('[ASVS 6.5.1] a code is good once: not again, not an older one, not the one it was set up with', async () => {
    const person = await test.person('user');
    const authenticator = await test.enrolTotp({ token: person.accessToken });
    const attempt = async (code: string) => {
      const { challengeId } = await test.begin(person);
      return test.finish(challengeId, totp(code));
    };
    const enrolled = authenticator.code();
    expectProblem(await attempt(enrolled), 401, 'invalid_factor');
    nextStep();
    const code = authenticator.code();
    expect((await attempt(code)).status).toBe(200);
    expectProblem(await attempt(code), 401, 'invalid_factor');
    // Still in the window of one step, and before one that was used.
    expectProblem(await attempt(enrolled), 401, 'invalid_factor');
    // What was used before is a refusal like any other.
    expect(await refusalsOf(person)).toHaveLength(3);
    nextStep();
    expect((await attempt(authenticator.code())).status).toBe(200);
  });

  it('a code used at sign-in is not good for a step-up, and one of a step-up not for a sign-in', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const code = authenticator.code();
    const { accessToken } = await test.signInWith(person, authenticator);
    const as = { token: accessToken };
    const again = await test.stepUpBegin(as);
    expectProblem(await test.stepUp(as, again.json.challengeId, totp(code)), 401, 'invalid_factor');
    nextStep();
    const fresh = authenticator.code();
    expect((await test.stepUp(as, again.json.challengeId, totp(fresh))).status).toBe(200);
    const { challengeId } = await test.begin(person);
    expectProblem(await test.finish(challengeId, totp(fresh)), 401, 'invalid_factor');
  });

  it('[ASVS 6.5.8] codes are measured by our clock, one step to either side and no more', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const attempt = async (steps: number) => {
      const { challengeId } = await test.begin(person);
      const headers = { date: new Date(clock.now() + steps * 30_000).toUTCString() };
      return (await test.finish(challengeId, totp(authenticator.code(steps)), 'token', { headers })).status;
    };
    clock.advance(10 * 60_000);
    expect(await attempt(-2)).toBe(401);
    expect(await attempt(2)).toBe(401);
    expect(await attempt(-1)).toBe(200);
    expect(await attempt(1)).toBe(200);
    // The one ahead used up those before it.
    expect(await attempt(0)).toBe(401);
  });

  it('[ASVS 6.5.1] 50 submissions of one code at once open exactly one session', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const before = await test.openSessions(person.userId);
    const challenges: string[] = [];
    for (let n = 0; n < 20; n += 1) challenges.push((await test.begin(person)).challengeId);
    const code = authenticator.code();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => test.finish(challenges[n % challenges.length] ?? '', totp(code))),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    for (const status of statuses) expect([200, 401, 410, 429]).toContain(status);
    expect(await test.openSessions(person.userId)).toBe(before + 1);
  });

  it('[ASVS 6.6.3] five wrong codes in an hour and no further one is looked at, from wherever it comes', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const { challengeId } = await test.begin(person);
    const wrong = wrongOf(authenticator.code());
    for (let n = 0; n < 5; n += 1) expect((await test.finish(challengeId, totp(wrong))).status).toBe(401);
    expectProblem(await test.finish(challengeId, totp(authenticator.code())), 429, 'too_many_requests');
    clock.advance(60 * 60_000);
    const later = await test.begin(person);
    expect((await test.finish(later.challengeId, totp(authenticator.code()))).status).toBe(200);
  });

  it.each(['', '12345', '1234567', '12 456', '１２３４５６', 'abcdef'])(
    'what cannot be a code is not looked at: %j',
    async (code) => {
      const { person } = await test.somebodyWithTotp('user');
      const { challengeId } = await test.begin(person);
      expect((await test.finish(challengeId, totp(code))).status).toBe(400);
    },
  );
});

describe('a second step under way', () => {
  it('is good once, and for five minutes', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const { challengeId } = await test.begin(person);
    expect((await test.finish(challengeId, totp(authenticator.code()))).status).toBe(200);
    nextStep();
    expectProblem(await test.finish(challengeId, totp(authenticator.code())), 410, 'gone');
    const slow = await test.begin(person);
    clock.advance(5 * 60_000 - 1_000);
    const late = await test.begin(person);
    clock.advance(1_000);
    expectProblem(await test.finish(slow.challengeId, totp(authenticator.code())), 410, 'gone');
    expect((await test.finish(late.challengeId, totp(authenticator.code()))).status).toBe(200);
  });

  it('becomes what it was begun as: a browser’s session or tokens', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const [token, browser] = [await test.begin(person, 'token'), await test.begin(person, 'browser')];
    const proof = totp(authenticator.code());
    expectProblem(await test.finish(token.challengeId, proof, 'browser'), 410, 'gone');
    expectProblem(await test.finish(browser.challengeId, proof, 'token'), 410, 'gone');
    // Nothing was used up by that.
    expect((await test.finish(browser.challengeId, proof, 'browser')).status).toBe(200);
  });

  it('is worth nothing with somebody else’s code', async () => {
    const [one, other] = [await test.somebodyWithTotp('user'), await test.somebodyWithTotp('user')];
    const { challengeId } = await test.begin(one.person);
    expectProblem(await test.finish(challengeId, totp(other.authenticator.code())), 401, 'invalid_factor');
  });

  it('ends when the password changes or the account is disabled in between', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const admin = await test.person('admin');
    const before = await test.begin(person);
    const newPassword = 'four green bottles on a wall';
    const changed = await test.post(
      '/auth/password',
      { currentPassword: person.password, newPassword },
      { token: person.accessToken },
    );
    expect(changed.status).toBe(204);
    expectProblem(await test.finish(before.challengeId, totp(authenticator.code())), 410, 'gone');

    const again = await test.begin({ ...person, password: newPassword });
    await app.freshProof(admin);
    const disabled = await app.call('PATCH', `/api/v1/users/${person.userId}`, {
      token: admin.accessToken,
      body: { status: 'disabled' },
    });
    expect(disabled.status).toBe(200);
    expectProblem(await test.finish(again.challengeId, totp(authenticator.code())), 410, 'gone');
    expect(await test.openSessions(person.userId)).toBe(0);
  });

  it.each(['', 'x', `vtx_${'A'.repeat(43)}`, 'vtw_AAAA'])('that is none is refused: %j', async (challengeId) => {
    const answer = await test.finish(challengeId, totp('123456'));
    expect([400, 410]).toContain(answer.status);
  });
});

describe('removing an authenticator', () => {
  it('[ASVS 6.5.6, 6.3.7] ends its use at once, and its owner is told', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const as = { token: person.accessToken };
    const { challengeId } = await test.begin(person);
    const removed = await app.call('DELETE', `/api/v1/auth/factors/${authenticator.factorId}`, as);
    expect(removed.status).toBe(204);
    expectProblem(await test.finish(challengeId, totp(authenticator.code())), 401, 'invalid_factor');
    await test.mail.next(person.email, 'A second factor was removed');
    const { status } = await test.post('/auth/login', { email: person.email, password: person.password });
    expect(status).toBe(200);
    expect(await test.eventsOf(person.userId, 'factor.removed')).toHaveLength(1);
  });

  it('of somebody else is not possible', async () => {
    const [one, other] = [await test.somebodyWithTotp('user'), await test.somebodyWithTotp('user')];
    const path = `/api/v1/auth/factors/${one.authenticator.factorId}`;
    expect((await app.call('DELETE', path, { token: other.person.accessToken })).status).toBe(404);
  });
});

// Last, when all of the above is stored.
describe('what is stored', () => {
  it('holds no authenticator’s secret, recovery code or challenge in clear', async () => {
    const tables = ['factors', 'challenges', 'recovery_codes', 'sessions', 'account_mails', 'audit_events'];
    const person = await test.person('user');
    const { json } = await test.post('/auth/factors/totp/begin', {}, { token: person.accessToken });
    const { authenticator } = await test.somebodyWithTotp('user');
    const raw = [authenticator.secret, fromBase32(json.secret)];
    const clear = [...test.secrets, json.secret, json.challengeId].filter((text) => !text.includes(' '));
    for (const table of tables) {
      const { rows } = await app.database.admin.query<{ text: string }>(`select t::text as text from ${table} t`);
      expect(table === 'account_mails' || rows.length > 0).toBe(true);
      const dump = rows.map(({ text }) => text).join('\n');
      for (const text of clear) expect(dump.includes(text)).toBe(false);
      for (const text of clear) expect(dump.includes(Buffer.from(text).toString('hex'))).toBe(false);
      for (const secret of raw) expect(dump.includes(secret.toString('hex'))).toBe(false);
    }
  });
});
