import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callbackUrl } from '../../server/src/features/sign-in-providers/provider.ts';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { anOpenIdProvider, type OpenIdProvider } from '../support/openid-provider.ts';
import { problemOf, providerSignIn, sessionOf } from '../support/provider-sign-in.ts';

// Signing in with a real OpenID provider, run as a server of its own: a browser goes there, and comes back.

const SLUG = 'company';
const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
let idp: OpenIdProvider;
let browser: ReturnType<typeof providerSignIn>;
let providerId: string;

beforeAll(async () => {
  app = await anApp({
    clock,
    webFolder: import.meta.dirname,
    env: {
      VALTRONICS_WEBHOOK_ALLOW: '127.0.0.1/32',
      VALTRONICS_LOG_LEVEL: 'fatal',
      VALTRONICS_MFA_REQUIRED_ROLES: 'operator',
    },
  });
  admin = await app.aPerson('admin');
  browser = providerSignIn(app);
  const publicUrl = new URL(app.origin);
  idp = await anOpenIdProvider(
    callbackUrl(publicUrl, SLUG),
    new URL(`/api/v1/auth/oidc/${SLUG}/backchannel-logout`, publicUrl).href,
  );
  const provider = await browser.aProvider(admin, idp, {
    slug: SLUG,
    name: 'Company',
    groupsScope: 'groups',
    groupsClaim: 'groups',
    roleMapping: [
      { group: 'administrators', role: 'admin' },
      { group: 'operators', role: 'operator' },
      { group: 'analysts', role: 'analyst' },
    ],
    defaultRole: 'user',
  });
  providerId = provider.id;
  expect(provider.callbackUrl).toBe(callbackUrl(publicUrl, SLUG));
});
// The provider goes by the clock of the machine.
beforeEach(() => {
  clock.set(Date.now());
  idp.cookies.clear();
});
afterAll(async () => {
  idp?.close();
  await app?.stop();
});

interface Strength {
  acr?: string;
  amr?: string[];
  query?: string;
  /** At the provider, in seconds; now unless told. */
  authenticatedAt?: number;
}

async function signIn(
  sub: string,
  groups: string[] = [],
  { query = '', ...strength }: Strength = {},
  claims: Record<string, unknown> = {},
): Promise<Answer> {
  idp.next = {
    account: {
      sub,
      claims: { email: `${sub}@example.org`, email_verified: true, name: `Person ${sub}`, groups, ...claims },
    },
    ...strength,
  };
  idp.cookies.clear();
  const left = await browser.leave(SLUG, query);
  const back = await idp.visit(left.url.href);
  return app.call('GET', back.pathname + back.search, { cookie: left.cookie, from: freshAddress() });
}
async function change(body: Record<string, unknown>): Promise<void> {
  expect((await browser.change(admin, providerId, body)).status).toBe(200);
}
const as = async (answer: Answer, method: string, path: string, options: { body?: unknown } = {}) =>
  app.call(method, path, {
    cookie: sessionOf(answer) ?? '',
    headers: { origin: app.origin },
    from: freshAddress(),
    ...options,
  });
const events = async (event: string) =>
  (
    await app.database.admin.query(
      `select actor_kind, actor_id, resource_id, details, address from audit_events where event = $1 order by at`,
      [event],
    )
  ).rows;

describe('leaving', () => {
  it('[ASVS 10.1.2, 10.2.1, 10.2.3] asks for what is needed, by code with PKCE, and for nothing else', async () => {
    const { url, cookie } = await browser.leave(SLUG);
    expect(url.origin).toBe(idp.issuer);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: 'valtronics',
      response_type: 'code',
      redirect_uri: callbackUrl(new URL(app.origin), SLUG),
      scope: 'openid email profile groups',
      state: expect.stringMatching(/^vto_[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(cookie).toMatch(/^__Host-valtronics-departure=vto_[\w-]{43}$/);
  });

  it('[ASVS 3.3.1, 3.3.2, 3.3.4] keeps the cookie from scripts, other sites and plain HTTP', async () => {
    const answer = await browser.start(SLUG);
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^__Host-valtronics-departure=vto_[\w-]{43}; Path=\/; Max-Age=600; Secure; HttpOnly; SameSite=Lax$/,
      ),
    ]);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('[ASVS 10.1.2] stores state and cookie hashed, nonce and verifier sealed', async () => {
    const { state, nonce, cookie } = await browser.leave(SLUG);
    const { rows } = await app.database.admin.query(`select d::text as row, secrets_sealed from departures d`);
    const kept = rows.map(({ row, secrets_sealed }) => row + secrets_sealed.toString('latin1')).join();
    for (const secret of [state, nonce, cookie.split('=')[1] ?? '']) {
      expect(kept).not.toContain(secret);
      expect(kept).not.toContain(Buffer.from(secret).toString('hex'));
    }
  });

  it('[ASVS 7.6.2] does not happen because another page sent the browser here', async () => {
    for (const site of ['cross-site', 'same-site', undefined]) {
      const answer = await browser.start(SLUG, '', site === undefined ? {} : { 'sec-fetch-site': site });
      expect([answer.status, answer.headers['location'], answer.headers['set-cookie']]).toEqual([
        302,
        '/sign-in',
        undefined,
      ]);
    }
    expect((await browser.start(SLUG, '', { 'sec-fetch-site': 'none' })).headers['location']).toContain(idp.issuer);
  });

  it('[ASVS 10.1.2] says where to come back from the settings, whatever Host the request names', async () => {
    const answer = await browser.start(SLUG, '', { 'sec-fetch-site': 'same-origin', host: 'evil.example' });
    const url = new URL(String(answer.headers['location']));
    expect(url.searchParams.get('redirect_uri')).toBe(callbackUrl(new URL(app.origin), SLUG));
  });

  it('to a provider nobody offers ends at the sign-in page', async () => {
    expect(problemOf(await browser.start('nobody'))).toBe('provider_unknown');
  });
});

describe('coming back', () => {
  it('[ASVS 10.5.1, 10.5.4, 6.8.2] signs a newcomer in with an account of their own', async () => {
    const answer = await signIn('newcomer');
    expect([answer.status, answer.headers['location']]).toEqual([302, '/']);
    expect(sessionOf(answer)).toMatch(/^__Host-valtronics=vts_/);
    expect(answer.headers['set-cookie']).toContainEqual(expect.stringMatching(/departure=; Path=\/; Max-Age=0;/));
    expect((await browser.me(answer)).json).toMatchObject({
      email: 'newcomer@example.org',
      name: 'Person newcomer',
      role: 'user',
    });
    const made = (await events('user.created')).at(-1);
    expect(made).toMatchObject({ actor_kind: 'system', details: { role: 'user', provider: SLUG } });
    expect((await events('session.created')).at(-1)).toMatchObject({
      actor_kind: 'user',
      actor_id: made?.resource_id,
      details: { kind: 'browser', provider: SLUG, factor: 'password' },
      address: expect.any(String),
    });
    expect(JSON.stringify(await events('session.created'))).not.toMatch(/newcomer/);
  });

  it('once more is the same account', async () => {
    const first = (await browser.me(await signIn('regular'))).json;
    expect((await browser.me(await signIn('regular'))).json).toEqual(first);
  });

  it('goes to the page the person came from', async () => {
    expect((await signIn('regular', [], { query: '?next=/alerts' })).headers['location']).toBe('/alerts');
  });

  it('after saying no at the provider says so', async () => {
    idp.next = { account: { sub: 'shy', claims: {} }, denies: true };
    const left = await browser.leave(SLUG);
    const back = await idp.visit(left.url.href);
    const answer = await app.call('GET', back.pathname + back.search, { cookie: left.cookie, from: freshAddress() });
    expect([problemOf(answer), sessionOf(answer)]).toEqual(['denied_by_provider', undefined]);
    expect((await events('session.refused')).at(-1)?.details).toEqual({
      provider: SLUG,
      problem: 'denied_by_provider',
      reason: 'provider answered access_denied',
    });
  });

  it('[ASVS 8.3.1] to a disabled account ends outside', async () => {
    const { id } = (await browser.me(await signIn('disabled'))).json;
    await app.call('PATCH', `/api/v1/users/${id}`, { token: admin.accessToken, body: { status: 'disabled' } });
    const answer = await signIn('disabled');
    expect([problemOf(answer), sessionOf(answer)]).toEqual(['account_disabled', undefined]);
  });

  it('to a blocked account ends outside', async () => {
    const { id } = (await browser.me(await signIn('blocked'))).json;
    await app.freshProof(admin);
    const body = { scope: 'user', value: id, kind: 'block', seconds: 60, reason: 'a test' };
    expect((await app.call('POST', '/api/v1/blocks', { token: admin.accessToken, body })).status).toBe(201);
    const answer = await signIn('blocked');
    expect([problemOf(answer), sessionOf(answer)]).toEqual(['account_blocked', undefined]);
  });

  it('makes no account where the organisation wants none', async () => {
    await change({ jitEnabled: false });
    expect(problemOf(await signIn('uninvited'))).toBe('no_account');
    await change({ jitEnabled: true });
  });
});

describe('the role', () => {
  const roleOf = async (answer: Answer) => (await browser.me(answer)).json?.role;

  it('is that of the first line of the mapping that fits', async () => {
    expect(await roleOf(await signIn('both', ['analysts', 'administrators', 'strangers']))).toBe('admin');
    expect(await roleOf(await signIn('analyst', ['analysts']))).toBe('analyst');
  });

  it('[ASVS 8.3.2] is decided anew each time, and counts in sessions that are open', async () => {
    const before = await signIn('demoted', ['administrators']);
    expect(await roleOf(before)).toBe('admin');
    const after = await signIn('demoted', ['analysts']);
    expect([await roleOf(after), await roleOf(before)]).toEqual(['analyst', 'analyst']);
    expect((await events('user.changed')).at(-1)).toMatchObject({
      actor_kind: 'system',
      details: { changed: ['role'], role: ['admin', 'analyst'], provider: SLUG },
    });
  });

  it('is none where no group fits and there is no default: the person stays out, and does not stay in', async () => {
    const before = await signIn('expelled', ['analysts']);
    expect((await browser.me(before)).status).toBe(200);
    await change({ defaultRole: null });
    expect(problemOf(await signIn('expelled', ['strangers']))).toBe('no_role');
    expect((await browser.me(before)).status).toBe(401);
    expect(problemOf(await signIn('stranger', ['strangers']))).toBe('no_role');
    await change({ defaultRole: 'user' });
  });

  it('of the last administrator is left alone', async () => {
    const other = await signIn('last', ['administrators']);
    const { rows } = await app.database.admin.query(
      `update users set status = 'disabled' where role = 'admin' and id <> $1 and status = 'active' returning id`,
      [(await browser.me(other)).json.id],
    );
    expect(await roleOf(await signIn('last', ['analysts']))).toBe('admin');
    await app.database.admin.query(`update users set status = 'active' where id = any ($1)`, [
      rows.map(({ id }) => id),
    ]);
    expect(await roleOf(await signIn('last', ['analysts']))).toBe('analyst');
    expect(await roleOf(other)).toBe('analyst');
  });
});

describe('a second factor', () => {
  const dueFor = async (answer: Answer) => {
    const refused = await as(answer, 'GET', '/api/v1/devices');
    return refused.json?.code === 'pending' ? refused.json.detail : refused.status;
  };
  const MFA = 'urn:company:two-factors';

  it('[ASVS 6.8.4] that the provider does not assert is due here, for a role that needs one', async () => {
    expect(await dueFor(await signIn('operator', ['operators']))).toMatch(/set one up/);
    expect(await dueFor(await signIn('operator', ['operators'], { amr: ['pwd', 'otp'], acr: MFA }))).toMatch(
      /set one up/,
    );
  });

  it('[ASVS 6.8.4] counts where an accepted acr or amr asserts it and the administrator trusts that', async () => {
    await change({ trustsSecondFactor: true, acceptedAcr: [MFA], acceptedAmr: ['otp'] });
    expect(await dueFor(await signIn('operator', ['operators'], { acr: MFA }))).toBe(200);
    expect(await dueFor(await signIn('operator', ['operators'], { amr: ['pwd', 'otp'] }))).toBe(200);
    expect((await events('session.created')).at(-1)?.details).toMatchObject({ factor: 'provider' });
    expect(await dueFor(await signIn('operator', ['operators'], { amr: ['pwd'] }))).toMatch(/set one up/);
    expect(await dueFor(await signIn('operator', ['operators'], { acr: 'urn:company:one-factor' }))).toMatch(
      /set one up/,
    );
    expect(await dueFor(await signIn('operator', ['operators']))).toMatch(/set one up/);
    const { url } = await browser.leave(SLUG);
    expect(url.searchParams.get('acr_values')).toBe(MFA);
    await change({ trustsSecondFactor: false });
    expect(await dueFor(await signIn('operator', ['operators'], { acr: MFA }))).toMatch(/set one up/);
    await change({ acceptedAcr: [], acceptedAmr: [] });
  });

  it('[ASVS 6.8.4] of ours is not passed by: an account that has one is asked for it before anything else', async () => {
    const { id } = (await browser.me(await signIn('careful'))).json;
    await app.database.admin.query(
      `insert into factors (id, organisation_id, user_id, kind) select gen_random_uuid(), organisation_id, id, 'totp' from users where id = $1`,
      [id],
    );
    const answer = await signIn('careful');
    expect((await browser.me(answer)).json).toMatchObject({ id, pending: 'verify_factor' });
    expect((await as(answer, 'GET', '/api/v1/auth/sessions')).json).toMatchObject({ status: 403, code: 'pending' });
  });
});

describe('how long it holds', () => {
  const expiryOf = async (answer: Answer) =>
    Date.parse(
      (await as(answer, 'GET', '/api/v1/auth/sessions')).json.items.find((one: { current: boolean }) => one.current)
        .expiresAt,
    );

  it('[ASVS 7.6.1] ends when the proof at the provider is too old, however much it is used', async () => {
    await change({ maxAuthAgeSeconds: 600 });
    const answer = await signIn('limited');
    expect((await expiryOf(answer)) - clock.now()).toBeLessThanOrEqual(600_000);
    expect((await browser.leave(SLUG)).url.searchParams.get('max_age')).toBe('600');
    await change({ maxAuthAgeSeconds: null });
    clock.advance(599_000);
    const early = (await browser.me(answer)).status;
    clock.advance(2_000);
    expect([early, (await browser.me(answer)).status]).toEqual([200, 401]);
  });

  it('[ASVS 7.6.1, 6.8.4] a provider that does not ask again although it was told to is not believed', async () => {
    admin = { ...admin, ...(await renewed()) };
    await change({ maxAuthAgeSeconds: 600 });
    idp.next = { ...idp.next, account: { sub: 'stale', claims: { email: 'stale@example.org', email_verified: true } } };
    const left = await browser.leave(SLUG);
    left.url.searchParams.delete('max_age');
    // The provider believes somebody signed in two hours ago, and nobody tells it that this is too old.
    idp.next = { ...idp.next, authenticatedAt: Math.floor(Date.now() / 1_000) - 7_200 };
    const back = await idp.visit(left.url.href);
    const answer = await app.call('GET', back.pathname + back.search, { cookie: left.cookie, from: freshAddress() });
    expect([problemOf(answer), sessionOf(answer)]).toEqual(['provider_answer_refused', undefined]);
    await change({ maxAuthAgeSeconds: null });
  });

  it('[ASVS 6.8.4, 7.5.3] satisfies no step-up unless the provider has just asked the person', async () => {
    const unlink = (answer: Answer) =>
      as(answer, 'DELETE', '/api/v1/auth/identities/00000000-0000-4000-8000-000000000000');
    const usual = await signIn('stepper', [], { authenticatedAt: Math.floor(Date.now() / 1_000) - 3_600 });
    expect((await unlink(usual)).json?.code).toBe('step_up_required');
    const fresh = await signIn('stepper', [], { query: '?fresh=true' });
    expect((await unlink(fresh)).json?.code).toBe('not_found');
  });

  it('is the only proof where there is neither factor nor password, and is found even while a factor is due', async () => {
    const anHourAgo = Math.floor(Date.now() / 1_000) - 3_600;
    const session = await signIn('enroller', ['operators'], { authenticatedAt: anHourAgo });
    const enrol = (answer: Answer) => as(answer, 'POST', '/api/v1/auth/factors/totp/begin', { body: {} });
    expect((await browser.me(session)).json.pending).toBe('enrol_factor');
    expect((await enrol(session)).json.code).toBe('step_up_required');
    expect((await as(session, 'POST', '/api/v1/auth/step-up/begin', { body: {} })).json.methods).toEqual([]);
    const links = await as(session, 'GET', '/api/v1/auth/identities');
    expect(links.json.items).toMatchObject([{ provider: { slug: SLUG } }]);
    expect((await enrol(await signIn('enroller', ['operators'], { query: '?fresh=true' }))).status).toBe(200);
  });

  it('[ASVS 7.6.1] ends when the person signs out at the provider, and only theirs', async () => {
    idp.deliverLogout = async (form) =>
      (
        await app.call('POST', browser.path(SLUG, 'backchannel-logout'), {
          rawBody: form,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          from: freshAddress(),
        })
      ).status;
    const other = await signIn('stays');
    idp.cookies.clear();
    const answer = await signIn('goes');
    expect((await browser.me(answer)).status).toBe(200);
    await idp.signOut();
    await expect.poll(async () => (await browser.me(answer)).status).toBe(401);
    expect((await browser.me(other)).status).toBe(200);
  });
});

/** A token of the administrator that is as fresh as a step-up asks for. */
async function renewed(): Promise<{ accessToken: string }> {
  const { email, password } = admin;
  return (await app.call('POST', '/api/v1/auth/login', { body: { email, password }, from: freshAddress() })).json;
}

describe('linking', () => {
  const linkFor = async (person: Person, sub: string) => {
    idp.next = { account: { sub, claims: { email: `${sub}@elsewhere.example`, email_verified: false, groups: [] } } };
    idp.cookies.clear();
    const left = await browser.leaveToLink(SLUG, person.accessToken);
    const back = await idp.visit(left.url.href);
    return { left, back };
  };
  const arrive = ({ left, back }: Awaited<ReturnType<typeof linkFor>>, cookie = left.cookie) =>
    app.call('GET', back.pathname + back.search, { cookie, from: freshAddress() });
  const identitiesOf = async (person: Person) =>
    (await app.call('GET', '/api/v1/auth/identities', { token: person.accessToken })).json.items;

  it('[ASVS 6.8.1, 10.5.2] gives an account with a password the provider as another way in, and takes it away again', async () => {
    const person = await app.aPerson('analyst');
    const answer = await arrive(await linkFor(person, 'linked'));
    expect([answer.headers['location'], sessionOf(answer)]).toEqual([`/account?linked=${SLUG}`, undefined]);
    expect(await identitiesOf(person)).toEqual([
      {
        id: expect.any(String),
        provider: { slug: SLUG, name: 'Company', enabled: true },
        createdAt: expect.any(String),
        lastUsedAt: null,
      },
    ]);
    // Its groups do not touch an account it did not create.
    const signedIn = await signIn('linked', ['administrators']);
    expect((await browser.me(signedIn)).json).toMatchObject({ email: person.email, role: 'analyst' });
    expect((await events('identity.linked')).at(-1)).toMatchObject({ actor_kind: 'user', actor_id: person.userId });

    const [{ id }] = await identitiesOf(person);
    const unlinked = await app.call('DELETE', `/api/v1/auth/identities/${id}`, { token: person.accessToken });
    expect(unlinked.status).toBe(204);
    expect((await browser.me(signedIn)).status).toBe(401);
    expect(problemOf(await signIn('linked', [], {}, { email: 'linked@elsewhere.example' }))).toBe('no_account');
  });

  it('manages the role of linked accounts only where that is wanted', async () => {
    const person = await app.aPerson('analyst');
    await arrive(await linkFor(person, 'managed'));
    admin = { ...admin, ...(await renewed()) };
    await change({ managesRole: true });
    expect((await browser.me(await signIn('managed', ['administrators']))).json.role).toBe('admin');
    await change({ managesRole: false });
  });

  it('an identity of somebody else is refused, and in another browser too', async () => {
    const [first, second] = [await app.aPerson('user'), await app.aPerson('user')];
    await arrive(await linkFor(first, 'taken'));
    const answer = await arrive(await linkFor(second, 'taken'));
    expect(answer.headers['location']).toBe('/account?problem=identity_taken');
    const trip = await linkFor(second, 'free');
    const stranger = await browser.leave(SLUG);
    expect(problemOf(await arrive(trip, stranger.cookie))).toBe('sign_in_expired');
    expect(await identitiesOf(second)).toEqual([]);
  });

  it('is refused when the person was signed out on the way', async () => {
    const person = await app.aPerson('user');
    const trip = await linkFor(person, 'late');
    await app.call('POST', '/api/v1/auth/logout', {
      body: { refreshToken: person.refreshToken },
      from: freshAddress(),
    });
    expect(problemOf(await arrive(trip))).toBe('sign_in_expired');
  });

  it('[ASVS 7.5.1] needs a fresh proof, to begin and to undo', async () => {
    const person = await app.aPerson('user');
    clock.advance(301_000);
    const path = `/api/v1/auth/identities/${SLUG}/link`;
    expect((await app.call('POST', path, { token: person.accessToken, from: freshAddress() })).json.code).toBe(
      'step_up_required',
    );
    const undo = await app.call('DELETE', `/api/v1/auth/identities/${providerId}`, { token: person.accessToken });
    expect(undo.json.code).toBe('step_up_required');
  });

  it('the last way in stays', async () => {
    const answer = await signIn('only-way', [], { query: '?fresh=true' });
    const [{ id }] = (await as(answer, 'GET', '/api/v1/auth/identities')).json.items;
    expect((await as(answer, 'DELETE', `/api/v1/auth/identities/${id}`)).json.code).toBe('conflict');
  });

  it('another person’s link is not there', async () => {
    const [owner, other] = [await app.aPerson('user'), await app.aPerson('user')];
    await arrive(await linkFor(owner, 'owned'));
    const [{ id }] = await identitiesOf(owner);
    const answer = await app.call('DELETE', `/api/v1/auth/identities/${id}`, { token: other.accessToken });
    expect(answer.status).toBe(404);
  });
});
