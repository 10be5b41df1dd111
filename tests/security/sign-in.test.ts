import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aSignInTest, type SignInTest } from '../support/signing-in.ts';

// Proving who one is, as the world sees it.

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

describe('signing in', () => {
  it('[ASVS 6.3.8] answers an unknown address, a wrong password and an account without one with the same bytes', async () => {
    const invited = await test.post(
      '/users',
      { email: 'invited@example.org', role: 'user' },
      { token: admin.accessToken },
    );
    expect(invited.status).toBe(201);
    const answers = [];
    for (const email of ['nobody@example.org', admin.email, 'invited@example.org']) {
      const { status, text, headers } = await test.post('/auth/login', {
        email,
        password: 'not the password of anybody',
      });
      const { date, ...rest } = headers;
      expect(date).toBeDefined();
      answers.push({
        status,
        text: text.replace(/"requestId":"[^"]+"/, ''),
        headers: { ...rest, 'content-length': undefined },
      });
    }
    expect(answers[0]).toMatchObject({ status: 401 });
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });

  it('[ASVS 6.3.8] takes an argon2id for an unknown address as for a known one', async () => {
    const took = async (email: string) => {
      const from = process.hrtime.bigint();
      await test.post('/auth/login', { email, password: 'not the password of anybody' });
      return Number(process.hrtime.bigint() - from) / 1e6;
    };
    const [known, unknown]: [number[], number[]] = [[], []];
    for (let round = 0; round < 3; round += 1) {
      known.push(await took(admin.email));
      unknown.push(await took('nobody@example.org'));
    }
    // Without the hash it would be a few milliseconds: a fifth of the other is far from that and far from the noise of a busy machine.
    expect(Math.min(...unknown)).toBeGreaterThan(Math.min(...known) / 5);
    expect(Math.min(...known)).toBeGreaterThan(Math.min(...unknown) / 5);
  });

  it('[ASVS 16.3.1] records a refusal with where it came from, and neither the address tried nor the password', async () => {
    const from = freshAddress();
    await test.post(
      '/auth/login',
      { email: 'someone.tried@example.org', password: 'a password that was tried' },
      { from },
    );
    const [event] = (await app.database.admin.query(`select * from audit_events where host(address) = $1`, [from]))
      .rows;
    expect(event).toMatchObject({
      event: 'session.refused',
      outcome: 'failure',
      actor_kind: 'anonymous',
      actor_id: null,
    });
    expect(JSON.stringify(event)).not.toMatch(/someone\.tried|password that was/);
  });

  it('[ASVS 3.3.1, 3.3.2, 3.3.3, 3.3.4, 10.1.1] sets the two cookies exactly so, and returns no token', async () => {
    const { email, password } = admin;
    const answer = test.remember(
      await test.post('/auth/session', { email, password }, { headers: { origin: app.origin } }),
    );
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^__Host-valtronics=vts_[\w-]{43}; Path=\/; Max-Age=43200; Secure; HttpOnly; SameSite=Strict$/,
      ),
      expect.stringMatching(
        /^__Host-valtronics-device=vtc_[\w-]{43}; Path=\/; Max-Age=15552000; Secure; HttpOnly; SameSite=Strict$/,
      ),
    ]);
    expect(answer.json).toMatchObject({ email, role: 'admin' });
    expect(answer.text).not.toMatch(/vt[scr]_|eyJ/);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('[ASVS 3.5.1, 3.5.2] of a browser needs our own Origin, also for the cookie an invitation sets', async () => {
    const { email, password } = admin;
    for (const headers of [{}, { origin: 'https://evil.example' }, { origin: 'null' }]) {
      for (const [path, body] of [
        ['/auth/session', { email, password }],
        ['/auth/invitations/accept', { token: `vti_${'A'.repeat(43)}`, password }],
      ] as const) {
        const answer = await test.post(path, body, { headers });
        expect([path, answer.status, answer.json.code]).toEqual([path, 403, 'origin_refused']);
        expect(answer.headers['set-cookie']).toBeUndefined();
      }
    }
  });

  it('two cookies of the name, or one beside an Authorization header, are not mixed up', async () => {
    const cookie = await test.browserOf(admin);
    expect((await test.meOf({ cookie: `${cookie}; ${cookie}` })).status).toBe(401);
    expect((await test.meOf({ cookie: `a=b; ${cookie}; c=d` })).status).toBe(200);
    expect((await test.meOf({ cookie, token: 'garbage' })).status).toBe(401);
    expect((await test.meOf({ cookie, headers: { authorization: 'Basic eDp5' } })).status).toBe(401);
  });

  it('counts passwords of one account that were changed while they were being checked as wrong', async () => {
    const someone = await test.person('user');
    const underWay = Array.from({ length: 3 }, () =>
      test.post('/auth/login', { email: someone.email, password: someone.password }),
    );
    // The hashes are being computed; the account is disabled before the sessions are opened.
    const disabled = await app.call('PATCH', `/api/v1/users/${someone.userId}`, {
      token: admin.accessToken,
      body: { status: 'disabled' },
    });
    expect(disabled.status).toBe(200);
    await Promise.all(underWay);
    expect(await test.openSessions(someone.userId)).toBe(0);
  });
});

describe('access tokens', () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const jwt = (header: unknown, payload: unknown, signature: (text: string) => Buffer) => {
    const text = `${part(header)}.${part(payload)}`;
    return `${text}.${signature(text).toString('base64url')}`;
  };

  it('in every hostile variant are refused, all with the same answer', async () => {
    const good = admin.accessToken;
    const [head = '', body = '', signature = ''] = good.split('.');
    const header = JSON.parse(Buffer.from(head, 'base64url').toString());
    const payload = JSON.parse(Buffer.from(body, 'base64url').toString());
    const jwks = await app.call('GET', '/.well-known/jwks.json');
    const publicJwk = jwks.json.keys[0];
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const byOwnKey = (text: string) =>
      sign('sha256', Buffer.from(text), { key: own.privateKey, dsaEncoding: 'ieee-p1363' });
    const hmac = (secret: string) => (text: string) => createHmac('sha256', secret).update(text).digest();
    const swapped = (char: string) => (char === 'A' ? 'B' : 'A');
    const flipped = signature.slice(0, 10) + swapped(signature[10] ?? '') + signature.slice(11);
    const hostile: [string, string][] = [
      ['alg none', jwt({ ...header, alg: 'none' }, payload, () => Buffer.alloc(0))],
      ['alg none with the signature kept', `${part({ ...header, alg: 'none' })}.${body}.${signature}`],
      ['HS256 with the public key', jwt({ ...header, alg: 'HS256' }, payload, hmac(JSON.stringify(publicJwk)))],
      ['HS256 with x', jwt({ ...header, alg: 'HS256' }, payload, hmac(publicJwk.x))],
      [
        'a key of its own in the header',
        jwt({ ...header, jwk: own.publicKey.export({ format: 'jwk' }) }, payload, byOwnKey),
      ],
      ['a key of its own under our kid', jwt(header, payload, byOwnKey)],
      ['an unknown kid', jwt({ ...header, kid: 'other' }, payload, byOwnKey)],
      ['a kid that climbs', jwt({ ...header, kid: '../../etc/passwd' }, payload, byOwnKey)],
      ['a jku', jwt({ ...header, jku: 'https://evil.example/jwks.json' }, payload, byOwnKey)],
      ['another role', `${head}.${part({ ...payload, role: 'admin', sub: 'x' })}.${signature}`],
      ['a changed signature', `${head}.${body}.${flipped}`],
      ['no signature', `${head}.${body}.`],
      ['two parts', `${head}.${body}`],
      ['four parts', `${good}.x`],
      ['padding', `${good}=`],
      ['a refresh token', admin.refreshToken],
      ['too long', 'a'.repeat(5_000)],
    ];
    const answers = new Set<string>();
    for (const [name, token] of hostile) {
      const answer = await test.meOf({ token });
      expect([name, answer.status]).toEqual([name, 401]);
      answers.add(answer.text.replace(/"requestId":"[^"]+"/, ''));
    }
    expect(answers.size).toBe(1);
    for (const authorization of [
      `Bearer  ${good}`,
      `Bearer ${good}, Bearer ${good}`,
      `Basic ${good}`,
      good,
      `Bearer\t${good}`,
      'Bearer',
    ]) {
      expect([authorization, (await test.meOf({ headers: { authorization } })).status]).toEqual([authorization, 401]);
    }
    expect((await test.meOf({ token: good })).status).toBe(200);
  });

  it('end after 15 minutes', async () => {
    const { accessToken } = await test.signIn(admin);
    clock.advance(14 * 60_000);
    expect((await test.meOf({ token: accessToken })).status).toBe(200);
    clock.advance(70_000);
    expect((await test.meOf({ token: accessToken })).status).toBe(401);
    admin = { ...admin, ...(await test.refresh(admin.refreshToken)).json };
  });

  it('[ASVS 14.2.1] are not taken from a query string or a body', async () => {
    const { accessToken } = admin;
    expect(
      (await app.call('GET', `/api/v1/auth/me?access_token=${accessToken}`, { from: freshAddress() })).status,
    ).toBe(401);
    expect((await test.post('/devices', { access_token: accessToken })).status).toBe(401);
  });
});
