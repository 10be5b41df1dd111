import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { Answer, Person, TestApp } from '../support/app.ts';
import { freshAddress } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aSoftwarePasskey, type PasskeyWays, type SoftwarePasskey } from '../support/passkey.ts';
import { aFactorTest, cookieOf, type FactorTest } from '../support/second-factors.ts';

// Passkeys (WebAuthn Level 3), made and used by an authenticator that is a program, so that it can also do what none should.

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

const aPasskey = () => aSoftwarePasskey(app.origin);
async function somebodyWithPasskey(passkey = aPasskey()): Promise<{ person: Person; passkey: SoftwarePasskey }> {
  const person = await test.person('user');
  const { answer } = await test.enrolPasskey({ token: person.accessToken }, passkey);
  expect(answer.status).toBe(201);
  return { person, passkey };
}
const passwordless = async () => (await test.post('/auth/passkey/begin', {})).json;
const alone = (challengeId: string, assertion: ReturnType<SoftwarePasskey['get']>): Promise<Answer> =>
  test.finish(challengeId, { method: 'passkey', assertion });
async function signInAlone(passkey: SoftwarePasskey, ways: PasskeyWays = {}): Promise<Answer> {
  const asked = await passwordless();
  return alone(asked.challengeId, passkey.get(asked.passkey, ways));
}
async function asSecondFactor(person: Person, passkey: SoftwarePasskey, ways: PasskeyWays = {}): Promise<Answer> {
  const asked = await test.begin(person);
  const assertion = passkey.get(asked.passkey ?? { challenge: '' }, ways);
  return test.finish(asked.challengeId, { method: 'passkey', assertion });
}

describe('setting up a passkey', () => {
  it('is asked for without attestation, for this site, and told to its owner', async () => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    const { json } = await test.post('/auth/factors/passkeys/begin', {}, as);
    expect(json.options).toMatchObject({
      rp: { id: new URL(app.origin).hostname },
      attestation: 'none',
      excludeCredentials: [],
    });
    // No personal value stands in the handle, which the authenticator may show to anybody.
    expect(Buffer.from(json.options.user.id, 'base64url').toString()).toBe(person.userId);
    const { passkey, answer } = await test.enrolPasskey(as);
    expect(answer.json).toMatchObject({ factor: { kind: 'passkey', label: 'Key ring' } });
    expect(answer.json.recoveryCodes).toHaveLength(10);
    expect((await test.meOf(as)).json).toMatchObject({ factor: 'passkey' });
    await test.mail.next(person.email, 'A second factor was added');
    // The next one is told which there are, so that the same authenticator is not asked twice.
    const next = await test.post('/auth/factors/passkeys/begin', {}, as);
    expect(next.json.options.excludeCredentials).toMatchObject([{ id: passkey.credentialId }]);
  });

  it('is possible several times, and each of them opens', async () => {
    const { person, passkey } = await somebodyWithPasskey();
    const second = aPasskey();
    const { answer } = await test.enrolPasskey({ token: person.accessToken }, second);
    expect(answer.json.recoveryCodes).toBe(null);
    for (const one of [passkey, second]) expect((await asSecondFactor(person, one)).status).toBe(200);
    expect((await test.begin(person)).passkey?.allowCredentials.map(({ id }) => id).sort()).toEqual(
      [passkey.credentialId, second.credentialId].sort(),
    );
  });

  it('of one that is registered already is a conflict, with whomever', async () => {
    const { person, passkey } = await somebodyWithPasskey();
    const again = await test.enrolPasskey({ token: person.accessToken }, passkey);
    expectProblem(again.answer, 409, 'conflict');
    const other = await test.person('user');
    expectProblem((await test.enrolPasskey({ token: other.accessToken }, passkey)).answer, 409, 'conflict');
  });

  it.each<[string, PasskeyWays]>([
    ['made for another origin', { origin: 'https://valtronics.example' }],
    ['made for another site', { rpId: 'valtronics.example' }],
    ['an answer to another challenge', { challenge: Buffer.alloc(32, 1).toString('base64url') }],
    ['no creation at all', { type: 'webauthn.get' }],
  ])('refuses what is %s', async (_what, ways) => {
    const person = await test.person('user');
    const as = { token: person.accessToken };
    const { json } = await test.post('/auth/factors/passkeys/begin', {}, as);
    const attestation = aPasskey().create(json.options, ways);
    const add = (more: object) =>
      test.post('/auth/factors/passkeys', { challengeId: json.challengeId, label: 'Key', ...more }, as);
    expectProblem(await add({ attestation }), 400, 'invalid_request');
    expect((await add({ attestation: aPasskey().create(json.options) })).status).toBe(201);
    expectProblem(await add({ attestation: aPasskey().create(json.options) }), 410, 'gone');
  });

  it('belongs to the session that began it', async () => {
    const [person, other] = [await test.person('user'), await test.person('user')];
    const { json } = await test.post('/auth/factors/passkeys/begin', {}, { token: person.accessToken });
    const body = { challengeId: json.challengeId, attestation: aPasskey().create(json.options), label: 'Key' };
    for (const token of [other.accessToken, (await test.signIn(person)).accessToken])
      expectProblem(await test.post('/auth/factors/passkeys', body, { token }), 410, 'gone');
  });
});

describe('a passkey as second factor', () => {
  it('opens, whether or not it checked the person beyond their presence', async () => {
    const { person, passkey } = await somebodyWithPasskey();
    for (const userVerified of [true, false]) {
      const opened = await asSecondFactor(person, passkey, { userVerified });
      expect((await test.meOf({ token: opened.json.accessToken })).json).toMatchObject({ factor: 'passkey' });
    }
  });

  it.each<[string, PasskeyWays]>([
    ['for another origin', { origin: 'https://localhost.example' }],
    ['for plain http', { origin: 'http://localhost' }],
    ['for another site', { rpId: 'example.org' }],
    ['of another challenge', { challenge: Buffer.alloc(32, 7).toString('base64url') }],
    ['that is a creation', { type: 'webauthn.create' }],
  ])('does not open with a signature %s, which is recorded', async (_what, ways) => {
    const { person, passkey } = await somebodyWithPasskey();
    expectProblem(await asSecondFactor(person, passkey, ways), 401, 'invalid_factor');
    expect(await test.eventsOf(person.userId, 'session.refused')).toMatchObject([{ details: { factor: 'passkey' } }]);
    expect((await asSecondFactor(person, passkey)).status).toBe(200);
  });

  it('does not open with the signature of another key, nor with somebody else’s passkey', async () => {
    const [one, other] = [await somebodyWithPasskey(), await somebodyWithPasskey()];
    const forged = await asSecondFactor(one.person, one.passkey, { signWith: other.passkey.privateKey });
    expectProblem(forged, 401, 'invalid_factor');
    expectProblem(await asSecondFactor(one.person, other.passkey), 401, 'invalid_factor');
    const opened = await asSecondFactor(one.person, one.passkey);
    expect((await test.meOf({ token: opened.json.accessToken })).json).toMatchObject({ id: one.person.userId });
  });

  it('does not open with what was signed for a challenge before', async () => {
    const { person, passkey } = await somebodyWithPasskey();
    const first = await test.begin(person);
    const assertion = passkey.get(first.passkey ?? { challenge: '' });
    const second = await test.begin(person);
    const proof = { method: 'passkey', assertion } as const;
    expectProblem(await test.finish(second.challengeId, proof), 401, 'invalid_factor');
    expect((await test.finish(first.challengeId, proof)).status).toBe(200);
    expectProblem(await test.finish(first.challengeId, proof), 410, 'gone');
  });

  it('whose counter falls or stays is refused as a copy; one that rises is good', async () => {
    const { person, passkey } = await somebodyWithPasskey();
    expect((await asSecondFactor(person, passkey, { counter: 10 })).status).toBe(200);
    for (const counter of [10, 9, 0]) {
      expectProblem(await asSecondFactor(person, passkey, { counter }), 401, 'invalid_factor');
    }
    expect(await test.eventsOf(person.userId, 'session.refused')).toHaveLength(3);
    expect((await asSecondFactor(person, passkey, { counter: 11 })).status).toBe(200);
    expect((await asSecondFactor(person, passkey, { counter: 4_294_967_295 })).status).toBe(200);
  });

  it('that always reports zero is good: it is synchronised', async () => {
    const { person, passkey } = await somebodyWithPasskey(aSoftwarePasskey(app.origin, { counts: false }));
    for (let n = 0; n < 2; n += 1) expect((await asSecondFactor(person, passkey)).status).toBe(200);
  });

  it('by 20 at once with one signature is one session, counter or none', async () => {
    for (const counts of [true, false]) {
      const { person, passkey } = await somebodyWithPasskey(aSoftwarePasskey(app.origin, { counts }));
      const before = await test.openSessions(person.userId);
      const asked = await test.begin(person);
      const assertion = passkey.get(asked.passkey ?? { challenge: '' });
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => test.finish(asked.challengeId, { method: 'passkey', assertion })),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(await test.openSessions(person.userId)).toBe(before + 1);
    }
  });
});

describe('a passkey alone', () => {
  it('signs in, browser and token, when it has checked the person', async () => {
    const { person, passkey } = await somebodyWithPasskey();
    const tokens = await signInAlone(passkey);
    expect((await test.meOf({ token: tokens.json.accessToken })).json).toMatchObject({
      id: person.userId,
      factor: 'passkey',
      pending: null,
    });
    const asked = await passwordless();
    const assertion = passkey.get(asked.passkey);
    const opened = await test.finish(asked.challengeId, { method: 'passkey', assertion }, 'browser');
    expect((await test.meOf({ cookie: cookieOf(opened) })).json).toMatchObject({ id: person.userId });
  });

  it('is asked for in a way that names nobody, requires the check, and costs no row', async () => {
    const before = await app.database.admin.query('select 1 from challenges');
    const asked = await passwordless();
    expect(asked.passkey).toMatchObject({ allowCredentials: [], userVerification: 'required' });
    expect((await app.database.admin.query('select 1 from challenges')).rows).toHaveLength(before.rows.length);
  });

  it('[ASVS 6.7.2] is asked with 256 bits that never come twice', async () => {
    const seen = new Set<string>();
    for (let n = 0; n < 200; n += 1) {
      const { passkey, challengeId } = await passwordless();
      expect(Buffer.from(passkey.challenge, 'base64url')).toHaveLength(32);
      seen.add(passkey.challenge).add(challengeId);
    }
    expect(seen.size).toBe(400);
  });

  it.each<[string, PasskeyWays]>([
    ['did not check the person', { userVerified: false }],
    ['signed for another origin', { origin: 'https://localhost:1' }],
    ['signed for another site', { rpId: 'example.org' }],
    ['signed another challenge', { challenge: Buffer.alloc(32, 3).toString('base64url') }],
    ['reports a counter that did not rise', { counter: 1 }],
  ])('does not sign in when it %s', async (_what, ways) => {
    const { person, passkey } = await somebodyWithPasskey();
    const before = await test.openSessions(person.userId);
    expectProblem(await signInAlone(passkey, ways), 401, 'invalid_factor');
    expect(await test.openSessions(person.userId)).toBe(before);
    expect(await test.eventsOf(person.userId, 'session.refused')).toMatchObject([{ details: { factor: 'passkey' } }]);
    expect((await signInAlone(passkey, { counter: 50 })).status).toBe(200);
  });

  it('that nobody registered is told nothing more than a wrong one', async () => {
    const { passkey, person } = await somebodyWithPasskey();
    const stranger = await signInAlone(aPasskey());
    const wrong = await signInAlone(passkey, { signWith: aPasskey().privateKey });
    expectProblem(stranger, 401, 'invalid_factor');
    const shown = ({ status, text }: Answer) => `${status} ${text.replace(/"requestId":"[^"]+"/, '')}`;
    expect(shown(stranger)).toBe(shown(wrong));
    const admin = await test.person('admin');
    const path = `/api/v1/users/${person.userId}`;
    await app.call('PATCH', path, { token: admin.accessToken, body: { status: 'disabled' } });
    expect(shown(await signInAlone(passkey))).toBe(shown(wrong));
  });

  it.each([true, false])('is good once for one signature, counter or none: %s', async (counts) => {
    const { person, passkey } = await somebodyWithPasskey(aSoftwarePasskey(app.origin, { counts }));
    const asked = await passwordless();
    const assertion = passkey.get(asked.passkey);
    expect((await alone(asked.challengeId, assertion)).status).toBe(200);
    expect((await alone(asked.challengeId, assertion)).status).toBe(401);
    const before = await test.openSessions(person.userId);
    const next = await passwordless();
    const proof = passkey.get(next.passkey);
    const answers = await Promise.all(Array.from({ length: 50 }, () => alone(next.challengeId, proof)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await test.openSessions(person.userId)).toBe(before + 1);
  });

  it('answers our own question, unaltered, within five minutes', async () => {
    const { passkey } = await somebodyWithPasskey();
    const asked = await passwordless();
    const { challengeId } = asked;
    for (const at of [4, 10, Math.floor(challengeId.length / 2), challengeId.length - 2]) {
      const altered = challengeId.slice(0, at) + (challengeId[at] === 'A' ? 'B' : 'A') + challengeId.slice(at + 1);
      expectProblem(await alone(altered, passkey.get(asked.passkey)), 410, 'gone');
    }
    for (const text of [`${challengeId}AAAA`, challengeId.slice(0, -4), `${challengeId}=`])
      expect([400, 410]).toContain((await alone(text, passkey.get(asked.passkey))).status);
    // Not with a code, whosever it may be.
    expectProblem(await test.finish(challengeId, { method: 'totp', code: '123456' }), 410, 'gone');
    clock.advance(5 * 60_000);
    expectProblem(await alone(challengeId, passkey.get(asked.passkey)), 410, 'gone');
  });

  it('[ASVS 6.5.6] that was removed signs nobody in', async () => {
    const { person, passkey } = await somebodyWithPasskey();
    const as = { token: person.accessToken, from: freshAddress() };
    const { json } = await app.call('GET', '/api/v1/auth/factors', as);
    expect((await app.call('DELETE', `/api/v1/auth/factors/${json.items[0].id}`, as)).status).toBe(204);
    expectProblem(await signInAlone(passkey), 401, 'invalid_factor');
  });
});

describe('[ASVS 6.7.1] the public key of a passkey', () => {
  const rowOf = async (person: Person) =>
    (
      await app.database.admin.query<{ id: string; key: Buffer; credential: Buffer }>(
        'select id, public_key_sealed as key, credential_id as credential from factors where user_id = $1',
        [person.userId],
      )
    ).rows[0];
  const set = (id: string | undefined, column: string, value: unknown) =>
    app.database.admin.query(`update factors set ${column} = $2 where id = $1`, [id, value]);

  it('is kept so that whoever can write rows cannot put in their own', async () => {
    const [victim, thief] = [await somebodyWithPasskey(), await somebodyWithPasskey()];
    const [row, own] = [await rowOf(victim.person), await rowOf(thief.person)];
    await set(row?.id, 'public_key_sealed', own?.key);
    expect((await asSecondFactor(victim.person, victim.passkey)).status).toBe(500);
    // The thief's own passkey under the victim's name: the key is good, and was made for somebody else.
    const asked = await test.begin(victim.person);
    const assertion = thief.passkey.get({ challenge: asked.passkey?.challenge ?? '' });
    const shown = {
      ...assertion,
      id: row?.credential.toString('base64url'),
      rawId: row?.credential.toString('base64url'),
    };
    expect((await test.finish(asked.challengeId, { method: 'passkey', assertion: shown as never })).status).toBe(500);
    await set(row?.id, 'public_key_sealed', row?.key);
    expect((await asSecondFactor(victim.person, victim.passkey)).status).toBe(200);
  });

  it('opens nobody else’s account when the row is given to them', async () => {
    const [victim, thief] = [await somebodyWithPasskey(), await somebodyWithPasskey()];
    await set((await rowOf(thief.person))?.id, 'user_id', victim.person.userId);
    expect((await asSecondFactor(victim.person, thief.passkey)).status).toBe(500);
    expect((await signInAlone(thief.passkey)).status).toBe(500);
    expect((await asSecondFactor(victim.person, victim.passkey)).status).toBe(200);
  });
});
