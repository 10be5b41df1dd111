import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { Person, TestApp } from '../support/app.ts';
import { freshAddress } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { type Authenticator, aFactorTest, type FactorTest } from '../support/second-factors.ts';

// Codes on paper for the day the authenticator is lost.

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

const recovery = (code: string) => ({ method: 'recovery_code', code }) as const;
const codesOf = ({ recoveryCodes }: Authenticator): readonly string[] => recoveryCodes ?? [];
const factorsOf = async (token: string) =>
  (await app.call('GET', '/api/v1/auth/factors', { token, from: freshAddress() })).json;
async function attempt(person: Person, code: string) {
  const { challengeId } = await test.begin(person);
  return test.finish(challengeId, recovery(code));
}

describe('recovery codes', () => {
  it('come with the first factor, ten of them, and are shown once', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const codes = codesOf(authenticator);
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}$/);
    expect((await test.enrolTotp({ token: person.accessToken })).recoveryCodes).toBe(null);
    const shown = await factorsOf(person.accessToken);
    expect(shown.recoveryCodesLeft).toBe(10);
    expect(Object.keys(shown)).toEqual(['items', 'recoveryCodesLeft']);
  });

  it('[ASVS 6.5.2] of 125 bits are kept as hashes only', async () => {
    const { authenticator } = await test.somebodyWithTotp('user');
    const { rows } = await app.database.admin.query<{ text: string }>('select c::text as text from recovery_codes c');
    const dump = rows.map(({ text }) => text).join('\n');
    for (const code of codesOf(authenticator))
      for (const spelling of [code, code.replaceAll('-', ''), Buffer.from(code).toString('hex')])
        expect(dump.includes(spelling)).toBe(false);
  });

  it('[ASVS 6.5.1] sign in once each, as they are printed or typed', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const [first = '', second = ''] = codesOf(authenticator);
    const opened = await attempt(person, first);
    expect((await test.meOf({ token: opened.json.accessToken })).json).toMatchObject({
      factor: 'recovery_code',
      pending: null,
    });
    expectProblem(await attempt(person, first), 401, 'invalid_factor');
    expect((await attempt(person, second.toLowerCase().replaceAll('-', ''))).status).toBe(200);
    expect((await factorsOf(person.accessToken)).recoveryCodesLeft).toBe(8);
  });

  it('[ASVS 6.3.7] tell their owner that one was used, and how many are left', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    expect((await attempt(person, codesOf(authenticator)[0] ?? '')).status).toBe(200);
    const { text } = await test.mail.next(person.email, 'A recovery code was used');
    expect(text).toContain('You have 9 left.');
  });

  it('that are none are refused, recorded, told to the owner, and five in an hour are all', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const invented = 'ABCDE-FGHJK-MNPQR-STVWX-YZ012';
    expectProblem(await attempt(person, invented), 401, 'invalid_factor');
    const refusals = () => test.eventsOf(person.userId, 'session.refused');
    expect(await refusals()).toMatchObject([{ outcome: 'failure', details: { factor: 'recovery_code' } }]);
    await test.mail.next(person.email, 'Somebody knows your password');
    const used = codesOf(authenticator)[0] ?? '';
    expect((await attempt(person, used)).status).toBe(200);
    for (let n = 0; n < 4; n += 1) expectProblem(await attempt(person, n % 2 ? used : invented), 401, 'invalid_factor');
    expect(await refusals()).toHaveLength(5);
    expectProblem(await attempt(person, codesOf(authenticator)[1] ?? ''), 429, 'too_many_requests');
  });

  it('of somebody else are none', async () => {
    const [one, other] = [await test.somebodyWithTotp('user'), await test.somebodyWithTotp('user')];
    expectProblem(await attempt(one.person, codesOf(other.authenticator)[0] ?? ''), 401, 'invalid_factor');
    expect((await factorsOf(other.person.accessToken)).recoveryCodesLeft).toBe(10);
  });

  it('[ASVS 6.5.1] 50 submissions of one at once open exactly one session', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const before = await test.openSessions(person.userId);
    const challenges: string[] = [];
    for (let n = 0; n < 10; n += 1) challenges.push((await test.begin(person)).challengeId);
    const code = recovery(codesOf(authenticator)[0] ?? '');
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => test.finish(challenges[n % challenges.length] ?? '', code)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await test.openSessions(person.userId)).toBe(before + 1);
    expect((await factorsOf(person.accessToken)).recoveryCodesLeft).toBe(9);
  });

  it('that are renewed end the older ones, and their owner is told', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const as = { token: person.accessToken };
    const { json } = await test.post('/auth/factors/recovery-codes', {}, as);
    expect(json.recoveryCodes).toHaveLength(10);
    await test.mail.next(person.email, 'You have new recovery codes');
    for (const code of codesOf(authenticator).slice(0, 2))
      expectProblem(await attempt(person, code), 401, 'invalid_factor');
    expect((await attempt(person, json.recoveryCodes[0])).status).toBe(200);
    expect(await test.eventsOf(person.userId, 'factor.recovery_codes_renewed')).toHaveLength(1);
    clock.advance(301_000);
    const late = await test.post(
      '/auth/factors/recovery-codes',
      {},
      { token: (await test.refresh(person.refreshToken)).json.accessToken },
    );
    expectProblem(late, 401, 'step_up_required');
  });

  it('are not offered when none is left, and come anew with the next factor', async () => {
    const { person } = await test.somebodyWithTotp('user');
    await app.database.admin.query('update recovery_codes set used_at = $2 where user_id = $1', [
      person.userId,
      clock.date(),
    ]);
    expect((await test.begin(person)).methods).toEqual(['totp']);
    await app.freshProof(person);
    expect((await test.enrolTotp({ token: person.accessToken })).recoveryCodes).toHaveLength(10);
  });

  it('go with the last factor, and stand in for nothing without one', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const as = { token: person.accessToken };
    expect((await app.call('DELETE', `/api/v1/auth/factors/${authenticator.factorId}`, as)).status).toBe(204);
    expect(await factorsOf(person.accessToken)).toEqual({ items: [], recoveryCodesLeft: 0 });
    const rows = await app.database.admin.query('select 1 from recovery_codes where user_id = $1', [person.userId]);
    expect(rows.rows).toEqual([]);
    expectProblem(await test.post('/auth/factors/recovery-codes', {}, as), 409, 'conflict');
    expect((await test.post('/auth/login', { email: person.email, password: person.password })).json.mfa).toBe(
      undefined,
    );
  });
});
