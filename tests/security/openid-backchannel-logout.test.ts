import { type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { newId } from '../../server/src/lib/ids.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aHostileProvider, type HostileProvider } from '../support/hostile-provider.ts';
import { providerSignIn } from '../support/provider-sign-in.ts';

// A provider that says that somebody signed out there; and everybody else who says so.

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
let provider: HostileProvider;
let browser: ReturnType<typeof providerSignIn>;
let slug: string;

beforeAll(async () => {
  app = await anApp({
    clock,
    webFolder: import.meta.dirname,
    env: { VALTRONICS_WEBHOOK_ALLOW: '127.0.0.1/32', VALTRONICS_LOG_LEVEL: 'fatal' },
  });
  admin = await app.aPerson('admin');
  provider = await aHostileProvider(clock.now);
  browser = providerSignIn(app);
  ({ slug } = await browser.aProvider(admin, provider));
});
beforeEach(() => provider.reset());
afterAll(async () => {
  provider?.close();
  await app?.stop();
});

const seconds = () => Math.floor(clock.now() / 1_000);

async function signedIn(sub: string, sid?: string): Promise<Answer> {
  const left = await browser.leave(slug);
  provider.idToken = await provider.sign(
    provider.claims(left.nonce, { sub, email: `${sub}@example.org`, ...(sid === undefined ? {} : { sid }) }),
  );
  const query = { code: 'a-code', state: left.state, iss: provider.issuer };
  const answer = await browser.comeBack(slug, query, left.cookie);
  expect((await browser.me(answer)).status).toBe(200);
  return answer;
}

function logoutClaims(changes: Record<string, unknown>): JWTPayload {
  const claims: Record<string, unknown> = {
    iss: provider.issuer,
    aud: provider.clientId,
    iat: seconds(),
    exp: seconds() + 120,
    jti: newId(),
    events: { [EVENT]: {} },
    ...changes,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

const send = (token: string, headers: Record<string, string> = {}, at = slug) =>
  app.call('POST', browser.path(at, 'backchannel-logout'), {
    rawBody: new URLSearchParams({ logout_token: token }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    from: freshAddress(),
  });
const logout = async (changes: Record<string, unknown>, typ: string | null = 'logout+jwt') =>
  send(await provider.sign(logoutClaims(changes), typ === null ? {} : { typ }));
const isIn = async (answer: Answer) => (await browser.me(answer)).status === 200;

describe('back-channel logout', () => {
  it('[ASVS 7.6.1] ends the session of that session at the provider, and no other', async () => {
    const [here, there] = [await signedIn('one', 'here'), await signedIn('one', 'there')];
    expect((await logout({ sub: 'one', sid: 'here' })).status).toBe(200);
    expect([await isIn(here), await isIn(there)]).toEqual([false, true]);
    const events = await app.database.admin.query(
      `select details from audit_events where event = 'session.revoked' order by at desc limit 1`,
    );
    expect(events.rows[0]?.details).toEqual({ provider: slug, endedSessions: 1 });
  });

  it('[ASVS 7.6.1] ends every session of a person where it names the person only', async () => {
    const [first, second, other] = [await signedIn('two', 'a'), await signedIn('two'), await signedIn('three')];
    expect((await logout({ sub: 'two' })).status).toBe(200);
    expect([await isIn(first), await isIn(second), await isIn(other)]).toEqual([false, false, true]);
  });

  it('of somebody who is not here is fine and changes nothing', async () => {
    expect((await logout({ sub: 'nobody-here' })).status).toBe(200);
  });

  const cases: [string, () => Record<string, unknown>, (string | null)?][] = [
    ['without a type', () => ({}), null],
    ['of the type of an ID token', () => ({}), 'JWT'],
    ['without the event', () => ({ events: {} })],
    ['without events', () => ({ events: undefined })],
    ['whose event is no object', () => ({ events: { [EVENT]: true } })],
    ['of another event', () => ({ events: { 'http://schemas.openid.net/event/another': {} } })],
    ['with a nonce', () => ({ nonce: 'a-nonce' })],
    ['with an empty nonce', () => ({ nonce: null })],
    ['of another issuer', () => ({ iss: 'https://accounts.example' })],
    ['of another audience', () => ({ aud: 'somebody-else' })],
    ['that has expired', () => ({ exp: seconds() - 31 })],
    ['that never expires', () => ({ exp: undefined })],
    ['made long ago', () => ({ iat: seconds() - 200, exp: seconds() + 1e6 })],
    ['of the future', () => ({ iat: seconds() + 120 })],
    ['without an id', () => ({ jti: undefined })],
    ['without a person or a session', () => ({ sub: undefined })],
    ['whose person is a number', () => ({ sub: 7 })],
  ];
  it.each(cases)('[ASVS 10.5.5] a logout token %s ends nothing', async (_, changes, typ = 'logout+jwt') => {
    const person = await signedIn('four');
    const answer = await logout({ sub: 'four', ...changes() }, typ);
    expectProblem(answer, 400, 'invalid_request');
    expect(await isIn(person)).toBe(true);
  });

  it('[ASVS 10.5.5] the ID token of the same person ends nothing', async () => {
    const person = await signedIn('five');
    expect((await send(provider.idToken ?? '')).status).toBe(400);
    expect(await isIn(person)).toBe(true);
  });

  it('[ASVS 6.8.2, 10.5.5] unsigned, or signed by somebody else, it ends nothing', async () => {
    const person = await signedIn('six');
    const { unpublished } = provider.keys;
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = logoutClaims({ sub: 'six' });
    const hmac = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'logout+jwt' })
      .sign(Buffer.from(provider.clientSecret));
    for (const token of [
      await provider.sign(claims, { key: unpublished, typ: 'logout+jwt' }),
      await provider.sign(claims, { key: unpublished, kid: 'own', typ: 'logout+jwt' }),
      hmac,
      `${part({ alg: 'none', typ: 'logout+jwt' })}.${part(claims)}.`,
      'garbage',
      '',
    ]) {
      expect((await send(token)).status).toBe(400);
    }
    expect(await isIn(person)).toBe(true);
  });

  it('[ASVS 10.5.5] is good once: of 20 at once one, and who signed in again stays', async () => {
    await signedIn('seven');
    const token = await provider.sign(logoutClaims({ sub: 'seven' }), { typ: 'logout+jwt' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(token)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
    const again = await signedIn('seven');
    expect((await send(token)).status).toBe(400);
    expect(await isIn(again)).toBe(true);
  });

  it('of many made-up keys asks the provider no more often than of one', async () => {
    const { unpublished } = provider.keys;
    for (let nth = 0; nth < 10; nth += 1)
      await send(
        await provider.sign(logoutClaims({ sub: 'x' }), { key: unpublished, kid: `made-up-${nth}`, typ: 'logout+jwt' }),
      );
    expect(provider.asked.filter((path) => path === '/jwks').length).toBeLessThanOrEqual(1);
  });

  it('is a form; everything else a form is sent to refuses it unread', async () => {
    const token = await provider.sign(logoutClaims({ sub: 'x' }), { typ: 'logout+jwt' });
    const asJson = await app.call('POST', browser.path(slug, 'backchannel-logout'), {
      body: { logout_token: token },
      from: freshAddress(),
    });
    expect(asJson.status).toBe(415);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const login = await app.call('POST', '/api/v1/auth/login', {
      rawBody: 'email=a%40example.org&password=x',
      headers: form,
      from: freshAddress(),
    });
    expect(login.status).toBe(415);
    const twice = await app.call('POST', browser.path(slug, 'backchannel-logout'), {
      rawBody: `logout_token=a&logout_token=b`,
      headers: form,
      from: freshAddress(),
    });
    expect(twice.status).toBe(400);
    expect((await send(token, {}, 'no-such-provider')).status).toBe(404);
  });
});
