import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { createDpopProofs } from '../../server/src/security/access/dpop.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aDpopClient, type DpopClient } from '../support/dpop-client.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { howLiveCloses } from '../support/live.ts';
import { aSignInTest, type SignInTest } from '../support/signing-in.ts';

// Tokens that are bound to a key (RFC 9449), through the real door. Time moves by hand.

const clock = manualClock(Date.now());
let test: SignInTest;
let app: TestApp;
let person: Person;
let client: DpopClient;
let thief: DpopClient;
let bound: { accessToken: string; refreshToken: string };

const ME = '/api/v1/auth/me';
const LOGIN = '/api/v1/auth/login';
const REFRESH = '/api/v1/auth/refresh';
const urlOf = (path: string): string => `${app.origin}${path}`;

beforeAll(async () => {
  test = await aSignInTest(clock);
  app = test.app;
  person = await test.person('user');
  client = await aDpopClient(() => clock.now());
  thief = await aDpopClient(() => clock.now());
});
beforeEach(async () => {
  clock.advance(5_000);
  bound = (await login()).json;
});
afterAll(() => app?.stop());

async function login(proof?: string): Promise<Answer> {
  const dpop = proof ?? (await client.proof({ method: 'POST', url: urlOf(LOGIN) }));
  return test.post('/auth/login', { email: person.email, password: person.password }, { headers: { dpop } });
}

async function refresh(refreshToken: string, by?: DpopClient): Promise<Answer> {
  const headers = by ? { dpop: await by.proof({ method: 'POST', url: urlOf(REFRESH) }) } : {};
  return test.post('/auth/refresh', { refreshToken }, { headers: headers as Record<string, string> });
}

/** Asks who is signed in, showing a token as told. */
const me = (scheme: string, token: string, proof?: string, query = ''): Promise<Answer> =>
  app.call('GET', `${ME}${query}`, {
    from: freshAddress(),
    headers: { authorization: `${scheme} ${token}`, ...(proof === undefined ? {} : { dpop: proof }) },
  });
const proofFor = (token: string, by = client): Promise<string> => by.proof({ method: 'GET', url: urlOf(ME), token });

function expectRefusal(answer: Answer, error: string): void {
  expectProblem(answer, 401, 'not_authenticated');
  expect(answer.headers['www-authenticate']).toMatch(
    new RegExp(`^DPoP error="${error}", error_description="[^"]+", algs="ES256 EdDSA"$`),
  );
}

describe('a token that is bound to a key', () => {
  it('[ASVS 10.3.5] is good with a proof of that key for this request', async () => {
    expect(bound).toMatchObject({ tokenType: 'DPoP' });
    const claims = JSON.parse(Buffer.from(bound.accessToken.split('.')[1] ?? '', 'base64url').toString());
    expect(claims.cnf).toEqual({ jkt: client.thumbprint });
    const answer = await me('DPoP', bound.accessToken, await proofFor(bound.accessToken));
    expect([answer.status, answer.json.email]).toEqual([200, person.email]);
    // Schemes are case-insensitive (RFC 9110, 11.1), and a query is not part of what is proven.
    expect((await me('dpop', bound.accessToken, await proofFor(bound.accessToken), '?a=b')).status).toBe(200);
  });

  it('[ASVS 10.3.5] stolen without the key is worth nothing: as a bearer token, without a proof, or with a proof of the thief’s', async () => {
    const { accessToken } = bound;
    expectRefusal(await me('Bearer', accessToken), 'invalid_token');
    expectRefusal(await me('Bearer', accessToken, await proofFor(accessToken)), 'invalid_token');
    expectRefusal(await me('DPoP', accessToken), 'invalid_dpop_proof');
    expectRefusal(await me('DPoP', accessToken, await proofFor(accessToken, thief)), 'invalid_token');
  });

  it('[ASVS 10.3.5] is not good with a proof that was overheard', async () => {
    const { accessToken } = bound;
    const proof = await proofFor(accessToken);
    expect((await me('DPoP', accessToken, proof)).status).toBe(200);
    expectRefusal(await me('DPoP', accessToken, proof), 'invalid_dpop_proof');
    // Nor for another token of the same client, method or address.
    const other = (await login()).json.accessToken;
    expectRefusal(await me('DPoP', other, await proofFor(accessToken)), 'invalid_dpop_proof');
    const forPost = await client.proof({ method: 'POST', url: urlOf(ME), token: accessToken });
    expectRefusal(await me('DPoP', accessToken, forPost), 'invalid_dpop_proof');
    const elsewhere = await client.proof({ method: 'GET', url: urlOf('/api/v1/users'), token: accessToken });
    expectRefusal(await me('DPoP', accessToken, elsewhere), 'invalid_dpop_proof');
  });

  it('[ASVS 10.3.5] takes a proof once, of 50 at once', async () => {
    const proof = await proofFor(bound.accessToken);
    const answers = await Promise.all(Array.from({ length: 50 }, () => me('DPoP', bound.accessToken, proof)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(49);
  });

  it('does not lose a proof to somebody who uses the same id with another key', async () => {
    const claims = { jti: 'the same for both' };
    const theirs = await thief.proof({ method: 'POST', url: urlOf(LOGIN), claims });
    expect((await login(theirs)).status).toBe(200);
    const ours = await client.proof({ method: 'GET', url: urlOf(ME), token: bound.accessToken, claims });
    expect((await me('DPoP', bound.accessToken, ours)).status).toBe(200);
  });

  it('takes two DPoP headers as none', async () => {
    const { accessToken } = bound;
    const two = `${await proofFor(accessToken)}, ${await proofFor(accessToken)}`;
    expectRefusal(await me('DPoP', accessToken, two), 'invalid_dpop_proof');
  });

  it('ends with its session, like any other', async () => {
    expect((await test.post('/auth/logout', { refreshToken: bound.refreshToken })).status).toBe(204);
    expectRefusal(await me('DPoP', bound.accessToken, await proofFor(bound.accessToken)), 'invalid_token');
  });

  it('opens no live connection, which says why', async () => {
    expect(await howLiveCloses(app, bound.accessToken)).toEqual([
      4401,
      'credentials bound to a key are not taken here',
    ]);
  });
});

describe('a token that is not bound', () => {
  it('[ASVS 10.3.5] is refused with the DPoP scheme, proof or not', async () => {
    const { accessToken } = person;
    expectRefusal(await me('DPoP', accessToken), 'invalid_token');
    expectRefusal(await me('DPoP', accessToken, await proofFor(accessToken)), 'invalid_token');
    expectRefusal(await me('DPoP', 'nonsense', await proofFor('nonsense')), 'invalid_token');
    expect((await me('Bearer', (await test.signIn(person)).accessToken)).status).toBe(200);
  });

  it('is what a client without a proof is given; the challenge names both ways', async () => {
    const plain = await test.post('/auth/login', { email: person.email, password: person.password });
    expect(plain.json).toMatchObject({ tokenType: 'Bearer' });
    const answer = await app.call('GET', ME, { from: freshAddress() });
    expect(answer.headers['www-authenticate']).toBe('Bearer, DPoP algs="ES256 EdDSA"');
  });

  it('stays so when it is renewed with a proof: what a sign-in is bound to is decided when it is made', async () => {
    const { refreshToken } = await test.signIn(person);
    expect((await refresh(refreshToken, client)).json).toMatchObject({ tokenType: 'Bearer' });
  });
});

describe('where tokens must be bound (VALTRONICS_DPOP=required)', () => {
  let strict: TestApp;
  beforeAll(async () => {
    strict = await anApp({ clock, beside: app, env: { VALTRONICS_DPOP: 'required' } });
  });
  afterAll(() => strict?.stop());
  const at = (path: string, headers: Record<string, string>, body?: unknown) =>
    strict.call(body === undefined ? 'GET' : 'POST', path, { from: freshAddress(), headers, body });

  it('[ASVS 10.4.14] none is given out without a proof', async () => {
    const { email, password } = person;
    expectProblem(await at(LOGIN, {}, { email, password }), 400, 'invalid_dpop_proof');
    const { refreshToken } = await test.signIn(person);
    expectProblem(await at(REFRESH, {}, { refreshToken }), 400, 'invalid_dpop_proof');
    // With one neither, if the sign-in was bound to none: the proof could be that of whoever copied the token.
    const late = await client.proof({ method: 'POST', url: urlOf(REFRESH) });
    expectProblem(await at(REFRESH, { dpop: late }, { refreshToken }), 401, 'not_authenticated');
    expect((await refresh(refreshToken)).status).toBe(200);
    const ofBound = await client.proof({ method: 'POST', url: urlOf(REFRESH) });
    const renewed = await at(REFRESH, { dpop: ofBound }, { refreshToken: bound.refreshToken });
    expect(renewed.json).toMatchObject({ tokenType: 'DPoP' });
    const dpop = await client.proof({ method: 'POST', url: urlOf(LOGIN) });
    expect((await at(LOGIN, { dpop }, { email, password })).json).toMatchObject({ tokenType: 'DPoP' });
  });

  it('[ASVS 10.3.5] none is taken that is bound to nothing, also not one that was given out before', async () => {
    const { accessToken } = await test.signIn(person);
    expect((await me('Bearer', accessToken)).status).toBe(200);
    expectRefusal(await at(ME, { authorization: `Bearer ${accessToken}` }), 'invalid_token');
    const dpop = await proofFor(bound.accessToken);
    expect((await at(ME, { authorization: `DPoP ${bound.accessToken}`, dpop })).status).toBe(200);
  });

  it('the browser’s session goes on: its cookie is no token that a script could copy', async () => {
    const cookie = await test.browserOf(person);
    expect((await strict.call('GET', ME, { cookie, from: freshAddress() })).status).toBe(200);
  });
});

describe('a refresh token of a bound sign-in', () => {
  it('[ASVS 10.4.5] is good with a proof of that key only, and goes on being so', async () => {
    const { refreshToken } = bound;
    for (const by of [undefined, thief]) expectProblem(await refresh(refreshToken, by), 401, 'not_authenticated');
    // The thief used nothing up and ended nothing.
    const renewed = await refresh(refreshToken, client);
    expect(renewed.json).toMatchObject({ tokenType: 'DPoP' });
    const { accessToken } = renewed.json;
    expect((await me('DPoP', accessToken, await proofFor(accessToken))).status).toBe(200);
    expectProblem(await refresh(renewed.json.refreshToken), 401, 'not_authenticated');
    // Also within the grace, in which the same successor is given again.
    expectProblem(await refresh(refreshToken, thief), 401, 'not_authenticated');
    expect((await refresh(refreshToken, client)).json.refreshToken).toBe(renewed.json.refreshToken);
  });
});

describe('a proof at sign-in', () => {
  it.each<[string, () => Promise<string>]>([
    ['for another method', () => client.proof({ method: 'GET', url: urlOf(LOGIN) })],
    ['for another address', () => client.proof({ method: 'POST', url: urlOf(REFRESH) })],
    ['of another host', () => client.proof({ method: 'POST', url: `https://evil.example${LOGIN}` })],
    ['too old', () => client.proof({ method: 'POST', url: urlOf(LOGIN), claims: { iat: clock.now() / 1000 - 61 } })],
    ['of another type', () => client.proof({ method: 'POST', url: urlOf(LOGIN), header: { typ: 'JWT' } })],
    ['that is none', async () => 'nonsense'],
    ['that is empty', async () => ''],
  ])('%s gives no token at all', async (_, proof) => {
    expectProblem(await login(await proof()), 400, 'invalid_dpop_proof');
  });

  it('is taken once', async () => {
    const proof = await client.proof({ method: 'POST', url: urlOf(LOGIN) });
    expect((await login(proof)).status).toBe(200);
    expectProblem(await login(proof), 400, 'invalid_dpop_proof');
  });

  it('is remembered as long as it could be shown again, and then forgotten', async () => {
    const proof = await client.proof({ method: 'POST', url: urlOf(LOGIN), claims: { iat: clock.now() / 1000 + 60 } });
    expect((await login(proof)).status).toBe(200);
    clock.advance(119_000);
    expectProblem(await login(proof), 400, 'invalid_dpop_proof');
    const { job } = createDpopProofs({ transactions: createTransactions(app.database), clock });
    const kept = async () => (await app.database.admin.query('select 1 from dpop_proofs')).rows.length;
    await job.run(new AbortController().signal);
    expect(await kept()).toBeGreaterThan(0);
    clock.advance(121_000);
    await job.run(new AbortController().signal);
    expect(await kept()).toBe(0);
  });

  it('of an Ed25519 key does as well', async () => {
    const other = await aDpopClient(() => clock.now(), 'EdDSA');
    const given = await login(await other.proof({ method: 'POST', url: urlOf(LOGIN) }));
    const { accessToken } = given.json;
    expect((await me('DPoP', accessToken, await proofFor(accessToken, other))).status).toBe(200);
  });
});
