import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import type { Role } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, type CallOptions, freshAddress, type Person, type TestApp } from '../support/app.ts';

// Signing in, staying in and being thrown out, as the world sees it. Time moves by hand; limits are never in the way, since each
// call comes from an address of its own.

const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
const secrets = new Set<string>();

beforeAll(async () => {
  app = await anApp({ clock, webFolder: import.meta.dirname });
  admin = await person('admin');
});
beforeEach(() => clock.advance(5_000));
afterAll(() => app?.stop());

const post = (path: string, body: unknown, options: CallOptions = {}): Promise<Answer> =>
  app.call('POST', `/api/v1${path}`, { body, from: freshAddress(), ...options });
const meOf = (options: CallOptions) => app.call('GET', '/api/v1/auth/me', { from: freshAddress(), ...options });
const refresh = async (refreshToken: string) => {
  const answer = await post('/auth/refresh', { refreshToken });
  if (answer.status === 200) remember(answer);
  return answer;
};

/** What must never be found in the audit log. */
function remember(answer: Answer): Answer {
  for (const field of ['accessToken', 'refreshToken']) if (answer.json?.[field]) secrets.add(answer.json[field]);
  const cookie = /=(vts_[\w-]+)/.exec(String(answer.headers['set-cookie']))?.[1];
  if (cookie) secrets.add(cookie);
  return answer;
}

async function person(role: Role): Promise<Person> {
  const made = await app.aPerson(role);
  for (const secret of [made.password, made.accessToken, made.refreshToken]) secrets.add(secret);
  return made;
}

/** Another sign-in of the same person. */
async function signIn({ email, password }: Person): Promise<{ accessToken: string; refreshToken: string }> {
  return remember(await post('/auth/login', { email, password })).json;
}
async function browserOf({ email, password }: Person): Promise<string> {
  const answer = remember(await post('/auth/session', { email, password }, { headers: { origin: app.origin } }));
  expect(answer.status).toBe(200);
  return String(answer.headers['set-cookie']).split(';', 1)[0] ?? '';
}

interface Event {
  event: string;
  outcome: string;
  actor_id: string | null;
  actor_label: string | null;
  resource_id: string | null;
  details: Record<string, unknown>;
  address: string | null;
}
const eventsOf = async (userId: string, name: string): Promise<Event[]> =>
  (
    await app.database.admin.query<Event>(
      `select event, outcome, actor_id, actor_label, resource_id, details, host(address) as address from audit_events
       where event = $2 and (actor_id = $1 or resource_id = $1) order by at`,
      [userId, name],
    )
  ).rows;

describe('signing in', () => {
  it('answers an unknown address, a wrong password and an account without one with the same bytes', async () => {
    const invited = await post('/users', { email: 'invited@example.org', role: 'user' }, { token: admin.accessToken });
    expect(invited.status).toBe(201);
    const answers = [];
    for (const email of ['nobody@example.org', admin.email, 'invited@example.org']) {
      const { status, text, headers } = await post('/auth/login', { email, password: 'not the password of anybody' });
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

  it('takes an argon2id for an unknown address as for a known one', async () => {
    const took = async (email: string) => {
      const from = process.hrtime.bigint();
      await post('/auth/login', { email, password: 'not the password of anybody' });
      return Number(process.hrtime.bigint() - from) / 1e6;
    };
    const [known, unknown]: [number[], number[]] = [[], []];
    for (let round = 0; round < 4; round += 1) {
      known.push(await took(admin.email));
      unknown.push(await took('nobody@example.org'));
    }
    // Without the hash it would be a few milliseconds: a fifth of the other is far from that and far from the noise of a busy machine.
    expect(Math.min(...unknown)).toBeGreaterThan(Math.min(...known) / 5);
    expect(Math.min(...known)).toBeGreaterThan(Math.min(...unknown) / 5);
  });

  it('records a refusal with where it came from, and neither the address tried nor the password', async () => {
    const from = freshAddress();
    await post('/auth/login', { email: 'someone.tried@example.org', password: 'a password that was tried' }, { from });
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

  it('sets the cookie exactly so, and returns no token', async () => {
    const { email, password } = admin;
    const answer = remember(await post('/auth/session', { email, password }, { headers: { origin: app.origin } }));
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^__Host-valtronics=vts_[\w-]{43}; Path=\/; Max-Age=43200; Secure; HttpOnly; SameSite=Strict$/,
      ),
    ]);
    expect(answer.json).toMatchObject({ email, role: 'admin' });
    expect(answer.text).not.toMatch(/vts_|vtr_|eyJ/);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('of a browser needs our own Origin, also for the cookie an invitation sets', async () => {
    const { email, password } = admin;
    for (const headers of [{}, { origin: 'https://evil.example' }, { origin: 'null' }]) {
      for (const [path, body] of [
        ['/auth/session', { email, password }],
        ['/auth/invitations/accept', { token: `vti_${'A'.repeat(43)}`, password }],
      ] as const) {
        const answer = await post(path, body, { headers });
        expect([path, answer.status, answer.json.code]).toEqual([path, 403, 'origin_refused']);
        expect(answer.headers['set-cookie']).toBeUndefined();
      }
    }
  });

  it('two cookies of the name, or one beside an Authorization header, are not mixed up', async () => {
    const cookie = await browserOf(admin);
    expect((await meOf({ cookie: `${cookie}; ${cookie}` })).status).toBe(401);
    expect((await meOf({ cookie: `a=b; ${cookie}; c=d` })).status).toBe(200);
    expect((await meOf({ cookie, token: 'garbage' })).status).toBe(401);
    expect((await meOf({ cookie, headers: { authorization: 'Basic eDp5' } })).status).toBe(401);
  });

  it('counts passwords of one account that were changed while they were being checked as wrong', async () => {
    const someone = await person('user');
    const underWay = Array.from({ length: 3 }, () =>
      post('/auth/login', { email: someone.email, password: someone.password }),
    );
    // The hashes are being computed; the account is disabled before the sessions are opened.
    const disabled = await app.call('PATCH', `/api/v1/users/${someone.userId}`, {
      token: admin.accessToken,
      body: { status: 'disabled' },
    });
    expect(disabled.status).toBe(200);
    await Promise.all(underWay);
    const open = await app.database.admin.query(`select 1 from sessions where user_id = $1 and revoked_at is null`, [
      someone.userId,
    ]);
    expect(open.rows).toEqual([]);
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
      const answer = await meOf({ token });
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
      expect([authorization, (await meOf({ headers: { authorization } })).status]).toEqual([authorization, 401]);
    }
    expect((await meOf({ token: good })).status).toBe(200);
  });

  it('end after 15 minutes', async () => {
    const { accessToken } = await signIn(admin);
    clock.advance(14 * 60_000);
    expect((await meOf({ token: accessToken })).status).toBe(200);
    clock.advance(70_000);
    expect((await meOf({ token: accessToken })).status).toBe(401);
    admin = { ...admin, ...(await signIn(admin)) };
  });

  it('are not taken from a query string or a body', async () => {
    const { accessToken } = admin;
    expect(
      (await app.call('GET', `/api/v1/auth/me?access_token=${accessToken}`, { from: freshAddress() })).status,
    ).toBe(401);
    expect((await post('/devices', { access_token: accessToken })).status).toBe(401);
  });
});

describe('refresh tokens', () => {
  it('are good once; for 30 s the one before gives the same successor again', async () => {
    const first = await signIn(admin);
    const second = await refresh(first.refreshToken);
    expect(second.status).toBe(200);
    expect(second.json.refreshToken).not.toBe(first.refreshToken);
    clock.advance(30_000);
    const retry = await refresh(first.refreshToken);
    expect([retry.status, retry.json.refreshToken]).toEqual([200, second.json.refreshToken]);
    expect((await meOf({ token: retry.json.accessToken })).status).toBe(200);
    expect((await refresh(second.json.refreshToken)).status).toBe(200);
  });

  it('used again after that end their family, and no other session of the person', async () => {
    const someone = await person('user');
    const other = await signIn(someone);
    const browser = await browserOf(someone);
    const second = await refresh(someone.refreshToken);
    clock.advance(30_001);
    const reuse = await refresh(someone.refreshToken);
    expect([reuse.status, reuse.json.code]).toEqual([401, 'not_authenticated']);
    expect((await refresh(second.json.refreshToken)).status).toBe(401);
    expect((await meOf({ token: second.json.accessToken })).status).toBe(401);
    expect((await meOf({ token: other.accessToken })).status).toBe(200);
    expect((await meOf({ cookie: browser })).status).toBe(200);
    expect((await refresh(other.refreshToken)).status).toBe(200);

    expect(await eventsOf(someone.userId, 'session.reuse_detected')).toMatchObject([
      { outcome: 'success', details: { ended: true } },
    ]);
    // The log says renewed exactly as often as something was.
    expect(await eventsOf(someone.userId, 'session.refreshed')).toHaveLength(2);
  });

  it('two generations old are a copy at once, grace or not', async () => {
    const first = await signIn(admin);
    const second = await refresh(first.refreshToken);
    const third = await refresh(second.json.refreshToken);
    expect((await refresh(first.refreshToken)).status).toBe(401);
    expect((await refresh(third.json.refreshToken)).status).toBe(401);
  });

  it('asked for by 20 at once give one successor, which works', async () => {
    const someone = await person('user');
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(someone.refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ json }) => json.refreshToken)).size).toBe(1);
    const generations = await app.database.admin.query(
      `select t.generation from refresh_tokens t join sessions s on s.id = t.session_id where s.user_id = $1 order by 1`,
      [someone.userId],
    );
    expect(generations.rows.map(({ generation }) => generation)).toEqual([1, 2]);
    expect((await refresh(answers[0]?.json.refreshToken)).status).toBe(200);
  });

  it('race with signing out without surviving it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { refreshToken } = await signIn(admin);
      const [left, ...renewed] = await Promise.all([
        post('/auth/logout', { refreshToken }),
        ...Array.from({ length: 4 }, () => refresh(refreshToken)),
      ]);
      expect(left?.status).toBe(204);
      for (const { status, json } of renewed) {
        expect([200, 401]).toContain(status);
        if (status !== 200) continue;
        expect((await refresh(json.refreshToken)).status).toBe(401);
        expect((await meOf({ token: json.accessToken })).status).toBe(401);
      }
    }
  });

  it('of a session that was signed out cannot sign out again, and the log has one end', async () => {
    const someone = await person('user');
    const all = await Promise.all(
      Array.from({ length: 5 }, () => post('/auth/logout', { refreshToken: someone.refreshToken })),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([204, 401, 401, 401, 401]);
    expect((await post('/auth/logout', { refreshToken: someone.refreshToken })).status).toBe(401);
    expect(await eventsOf(someone.userId, 'session.ended')).toHaveLength(1);
  });

  it.each(['', 'x', `vtr_${'A'.repeat(43)}`, `vts_${'A'.repeat(43)}`, `vtr_${'A'.repeat(300)}`])(
    'that are none are refused: %j',
    async (text) => {
      expect([400, 401]).toContain((await post('/auth/refresh', { refreshToken: text })).status);
      expect([400, 401]).toContain((await post('/auth/logout', { refreshToken: text })).status);
    },
  );

  it('live 30 days however often they are used', async () => {
    let { refreshToken, accessToken } = await signIn(admin);
    for (let day = 0; day < 29; day += 1) {
      clock.advance(86_400_000);
      const next = await refresh(refreshToken);
      expect([day, next.status]).toEqual([day, 200]);
      ({ refreshToken, accessToken } = next.json);
    }
    expect((await meOf({ token: accessToken })).status).toBe(200);
    clock.advance(86_400_000);
    expect((await refresh(refreshToken)).status).toBe(401);
    admin = { ...admin, ...(await signIn(admin)) };
  });
});

describe('browser sessions', () => {
  it('end an hour after their last use', async () => {
    const cookie = await browserOf(admin);
    for (let use = 0; use < 3; use += 1) {
      clock.advance(59 * 60_000);
      expect((await meOf({ cookie })).status).toBe(200);
    }
    clock.advance(60 * 60_000 + 1_000);
    expect((await meOf({ cookie })).status).toBe(401);
  });

  it('end 12 hours after sign-in, however much they are used', async () => {
    const cookie = await browserOf(admin);
    for (let use = 0; use < 14; use += 1) {
      clock.advance(51 * 60_000);
      expect([use, (await meOf({ cookie })).status]).toEqual([use, 200]);
    }
    clock.advance(7 * 60_000);
    expect((await meOf({ cookie })).status).toBe(401);
    admin = { ...admin, ...(await signIn(admin)) };
  });

  it('that were signed out are refused at the next request, and the browser forgets the cookie', async () => {
    const cookie = await browserOf(admin);
    const headers = { origin: app.origin };
    const left = await app.call('DELETE', '/api/v1/auth/session', { cookie, headers, from: freshAddress() });
    expect(left.status).toBe(204);
    expect(left.headers['set-cookie']).toEqual([
      '__Host-valtronics=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict',
    ]);
    expect((await meOf({ cookie })).status).toBe(401);
    expect((await app.call('DELETE', '/api/v1/auth/session', { cookie, headers, from: freshAddress() })).status).toBe(
      401,
    );
  });

  it('can be ended from another one of the same person, never by somebody else', async () => {
    const someone = await person('user');
    const stranger = await person('user');
    const cookie = await browserOf(someone);
    const list = await app.call('GET', '/api/v1/auth/sessions', { cookie, from: freshAddress() });
    const current = list.json.items.find((session: { current: boolean }) => session.current);
    expect(current).toMatchObject({ kind: 'browser' });
    expect(list.json.items).toHaveLength(2);
    const end = (token: string) =>
      app.call('DELETE', `/api/v1/auth/sessions/${current.id}`, { token, from: freshAddress() });
    expect((await end(stranger.accessToken)).status).toBe(404);
    expect((await end(admin.accessToken)).status).toBe(404);
    expect((await meOf({ cookie })).status).toBe(200);
    expect((await end(someone.accessToken)).status).toBe(204);
    expect((await meOf({ cookie })).status).toBe(401);
    expect((await end(someone.accessToken)).status).toBe(404);
    expect(await eventsOf(someone.userId, 'session.revoked')).toMatchObject([
      { actor_id: someone.userId, resource_id: current.id },
    ]);
  });
});

describe('changing what a person may', () => {
  const change = (id: string, body: unknown, by = admin) =>
    app.call('PATCH', `/api/v1/users/${id}`, { token: by.accessToken, body });

  it('takes effect on the next request, by cookie and by token', async () => {
    const someone = await person('operator');
    const cookie = await browserOf(someone);
    const devices = (options: CallOptions) =>
      app.call('POST', '/api/v1/devices', {
        ...options,
        body: {},
        headers: { origin: app.origin },
        from: freshAddress(),
      });
    expect((await devices({ cookie })).status).toBe(400);
    expect((await change(someone.userId, { role: 'user' })).status).toBe(200);
    expect((await devices({ cookie })).status).toBe(403);
    // A token says which rights it was made for: it must be renewed, and then has the new ones.
    expect((await devices({ token: someone.accessToken })).status).toBe(401);
    const renewed = await refresh(someone.refreshToken);
    expect((await devices({ token: renewed.json.accessToken })).status).toBe(403);
    expect((await meOf({ token: renewed.json.accessToken })).json).toMatchObject({
      role: 'user',
      permissions: ['device:read', 'telemetry:read', 'alert:read'],
    });
    expect(await eventsOf(someone.userId, 'user.changed')).toMatchObject([
      { actor_id: admin.userId, actor_label: admin.email, details: { changed: ['role'], role: ['operator', 'user'] } },
    ]);
  });

  it('to disabled ends every session at once and for good', async () => {
    const someone = await person('user');
    const cookie = await browserOf(someone);
    expect((await change(someone.userId, { status: 'disabled' })).status).toBe(200);
    expect((await meOf({ cookie })).status).toBe(401);
    expect((await meOf({ token: someone.accessToken })).status).toBe(401);
    expect((await refresh(someone.refreshToken)).status).toBe(401);
    const login = await post('/auth/login', { email: someone.email, password: someone.password });
    expect([login.status, login.json.code]).toEqual([401, 'invalid_credentials']);
    expect((await change(someone.userId, { status: 'active' })).status).toBe(200);
    // Enabled again, they sign in again: what was ended stays ended.
    expect((await meOf({ cookie })).status).toBe(401);
    expect((await refresh(someone.refreshToken)).status).toBe(401);
    expect((await post('/auth/login', { email: someone.email, password: someone.password })).status).toBe(200);
  });

  it('never takes the last administrator, nor one’s own role or status', async () => {
    const others = await app.anotherOrganisation();
    const [one, two] = [await app.aPerson('admin', others), await app.aPerson('admin', others)];
    expect((await change(one.userId, { role: 'user' }, one)).status).toBe(403);
    expect((await change(one.userId, { status: 'disabled' }, one)).status).toBe(403);
    expect((await change(one.userId, { name: 'Own name' }, one)).status).toBe(200);
    // Each takes the other's role at the same moment: one of them stays.
    const answers = await Promise.all([
      change(one.userId, { role: 'user' }, two),
      change(two.userId, { role: 'user' }, one),
    ]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const left = await app.database.admin.query(`select 1 from users where organisation_id = $1 and role = 'admin'`, [
      others,
    ]);
    expect(left.rows).toHaveLength(1);
  });

  it('of an address that is taken, here or in another organisation, says so in one way', async () => {
    const others = await app.aPerson('admin', await app.anotherOrganisation());
    const taken = async (email: string) => {
      const { status, text } = await post('/users', { email, role: 'user' }, { token: admin.accessToken });
      return `${status} ${text.replace(/"requestId":"[^"]+"/, '')}`;
    };
    expect(await taken(others.email.toUpperCase())).toBe(await taken(admin.email));
  });
});

describe('changing a password', () => {
  const NEXT = 'nine copper kettles in the rain';

  it('ends the other sessions, keeps this one, and is recorded', async () => {
    const someone = await person('user');
    secrets.add(NEXT);
    const other = await signIn(someone);
    const cookie = await browserOf(someone);
    const headers = { origin: app.origin };
    const change = (currentPassword: string, newPassword: string) =>
      post('/auth/password', { currentPassword, newPassword }, { cookie, headers });
    const wrong = await change('not my current password', NEXT);
    expect([wrong.status, wrong.json.errors]).toEqual([
      400,
      [{ path: 'currentPassword', message: 'not your current password' }],
    ]);
    const weak = await change(someone.password, 'password');
    expect([weak.status, weak.json.errors[0].path]).toEqual([400, 'newPassword']);
    expect((await change(someone.password, NEXT)).status).toBe(204);
    expect((await meOf({ cookie })).status).toBe(200);
    expect((await meOf({ token: other.accessToken })).status).toBe(401);
    expect((await refresh(someone.refreshToken)).status).toBe(401);
    expect((await post('/auth/login', { email: someone.email, password: someone.password })).status).toBe(401);
    expect((await post('/auth/login', { email: someone.email, password: NEXT })).status).toBe(200);
    expect(await eventsOf(someone.userId, 'user.password_changed')).toMatchObject([
      { actor_id: someone.userId, details: { endedSessions: 2 } },
    ]);
  });

  it('twice at once does it once, so a sign-in with the old one cannot slip between', async () => {
    const someone = await person('user');
    const change = (newPassword: string) => {
      secrets.add(newPassword);
      return post('/auth/password', { currentPassword: someone.password, newPassword }, { token: someone.accessToken });
    };
    const [one, two, login] = await Promise.all([
      change('eleven wooden boats at anchor'),
      change('twelve silver spoons for soup'),
      post('/auth/login', { email: someone.email, password: someone.password }),
    ]);
    expect([one.status, two.status].sort()).toEqual([204, 409]);
    if (login.status === 200) expect((await meOf({ token: login.json.accessToken })).status).toBe(401);
    const open = await app.database.admin.query(`select 1 from sessions where user_id = $1 and revoked_at is null`, [
      someone.userId,
    ]);
    expect(open.rows).toHaveLength(1);
  });
});

describe('invitations', () => {
  const PASSWORD = 'five paper lanterns on the lake';
  const headers = () => ({ origin: app.origin });
  let count = 0;

  async function invite(role: Role = 'operator') {
    count += 1;
    const email = `invitee-${count}@example.org`;
    const answer = await post('/users', { email, role }, { token: admin.accessToken });
    expect(answer.status).toBe(201);
    const url = new URL(answer.json.invitation.url);
    // The token stands where no server and no log ever sees it.
    expect([url.origin, url.pathname, url.search]).toEqual([app.origin, '/accept-invitation', '']);
    const token = url.hash.replace('#token=', '');
    for (const secret of [token, PASSWORD]) secrets.add(secret);
    return { id: answer.json.user.id as string, email, token };
  }
  const inspect = (token: string) => post('/auth/invitations/inspect', { token });
  const accept = async (token: string, more: object = {}) =>
    remember(await post('/auth/invitations/accept', { token, password: PASSWORD, ...more }, { headers: headers() }));

  it('open the account once, whoever is faster, and sign the browser in', async () => {
    const { id, email, token } = await invite();
    expect((await inspect(token)).json).toMatchObject({ email, role: 'operator', organisation: 'Test organisation' });
    const answers = await Promise.all([accept(token), accept(token), accept(token)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410]);
    const won = answers.find(({ status }) => status === 200);
    const cookie = String(won?.headers['set-cookie']).split(';', 1)[0] ?? '';
    expect((await meOf({ cookie })).json).toMatchObject({ id, email, role: 'operator' });
    expect((await inspect(token)).status).toBe(410);
    expect((await accept(token)).status).toBe(410);
    expect(await eventsOf(id, 'user.invitation_accepted')).toMatchObject([{ actor_id: id, actor_label: email }]);
    expect(await eventsOf(id, 'user.invited')).toMatchObject([{ actor_id: admin.userId, resource_id: id }]);
  });

  it('are not used up by a password that may not be used, and keep their own address', async () => {
    const { email, token } = await invite();
    const weak = await accept(token, { password: 'short' });
    expect([weak.status, weak.json.errors[0].path]).toEqual([400, 'password']);
    const other = await accept(token, { email: 'somebody.else@example.org' });
    expect([other.status, other.json.email]).toEqual([200, email]);
  });

  it('end after a week', async () => {
    const { token } = await invite();
    clock.advance(7 * 86_400_000 - 60_000);
    expect((await inspect(token)).status).toBe(200);
    clock.advance(60_000);
    expect((await inspect(token)).status).toBe(410);
    expect((await accept(token)).status).toBe(410);
    admin = { ...admin, ...(await signIn(admin)) };
  });

  it('of the first start are replaced by a newer one, and good for half an hour', async () => {
    const { firstStart } = app.app.identity;
    const tokenOf = ({ url }: { url: string }) => new URL(url).hash.replace('#token=', '');
    const organisation = await app.anotherOrganisation();
    const first = tokenOf(await firstStart.administratorLink(organisation));
    const second = tokenOf(await firstStart.administratorLink(organisation));
    expect((await inspect(first)).status).toBe(410);
    expect((await inspect(second)).json).toMatchObject({ email: null, role: 'admin' });
    const nameless = await accept(second);
    expect([nameless.status, nameless.json.errors[0].path]).toEqual([400, 'email']);
    expect((await accept(second, { email: admin.email })).status).toBe(409);
    clock.advance(30 * 60_000);
    expect((await accept(second, { email: 'first.admin@example.org' })).status).toBe(410);
    admin = { ...admin, ...(await signIn(admin)) };
  });

  it('of a person who was disabled meanwhile open nothing, and open again what is enabled again', async () => {
    const { id, email, token } = await invite();
    const set = (status: string) =>
      app.call('PATCH', `/api/v1/users/${id}`, { token: admin.accessToken, body: { status } });
    expect((await set('active')).status).toBe(409);
    expect((await set('disabled')).status).toBe(200);
    expect((await accept(token)).status).toBe(410);
    expect((await post('/auth/login', { email, password: PASSWORD })).status).toBe(401);
    expect((await set('active')).json).toMatchObject({ status: 'invited' });
    expect((await accept(token)).status).toBe(200);
  });

  it('lead to the role the person has by then', async () => {
    const { id, token } = await invite('admin');
    await app.call('PATCH', `/api/v1/users/${id}`, { token: admin.accessToken, body: { role: 'user' } });
    expect((await inspect(token)).json).toMatchObject({ role: 'user' });
    expect((await accept(token)).json).toMatchObject({ role: 'user' });
  });
});

// Last, when all of the above is in the log.
describe('the audit log', () => {
  it('names who did each of these', async () => {
    const events = await app.database.admin.query<{ event: string; n: number }>(
      `select event, count(*)::int as n from audit_events
       where actor_id is null and outcome = 'success' group by 1`,
    );
    expect(events.rows).toEqual([]);
    const anonymous = await app.database.admin.query(
      `select event from audit_events where actor_kind = 'anonymous' and outcome = 'success'`,
    );
    expect(anonymous.rows).toEqual([]);
  });

  it('holds no password, token or hash of this file', async () => {
    const log = (await app.database.admin.query('select a::text as row from audit_events a')).rows
      .map(({ row }) => row)
      .join('\n');
    expect(log.length).toBeGreaterThan(10_000);
    expect(secrets.size).toBeGreaterThan(50);
    expect([...secrets].filter((secret) => log.includes(secret))).toEqual([]);
    expect(log).not.toMatch(/argon2|vt[srdi]_|eyJ/);
  });

  it('and neither does any other table in clear', async () => {
    const tables = await app.database.admin.query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind = 'r'`,
    );
    for (const { name } of tables.rows) {
      const text = (await app.database.admin.query(`select t::text as row from ${name} t`)).rows
        .map(({ row }) => row)
        .join('\n');
      expect([name, [...secrets].filter((secret) => text.includes(secret))]).toEqual([name, []]);
    }
  });
});
