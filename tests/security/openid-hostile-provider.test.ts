import { createHmac } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { openPeople } from '../../server/src/security/access/people.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { dataKeysOf } from '../support/data-keys.ts';
import { aHostileProvider, type HostileProvider } from '../support/hostile-provider.ts';
import { type Left, problemOf, providerSignIn, sessionOf } from '../support/provider-sign-in.ts';

// A provider, or somebody who stands between it and us, that lies. Each case differs in one thing from a sign-in that works.

const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
let hostile: HostileProvider;
let other: HostileProvider;
let browser: ReturnType<typeof providerSignIn>;
let slug: string;
let providerId: string;
let otherSlug: string;

beforeAll(async () => {
  app = await anApp({
    clock,
    webFolder: import.meta.dirname,
    env: { VALTRONICS_WEBHOOK_ALLOW: '127.0.0.1/32', VALTRONICS_LOG_LEVEL: 'fatal' },
  });
  admin = await app.aPerson('admin');
  hostile = await aHostileProvider(clock.now);
  other = await aHostileProvider(clock.now);
  browser = providerSignIn(app);
  ({ slug, id: providerId } = await browser.aProvider(admin, hostile));
  ({ slug: otherSlug } = await browser.aProvider(admin, other));
});
beforeEach(() => {
  hostile.reset();
  other.reset();
});
afterAll(async () => {
  hostile?.close();
  other?.close();
  await app?.stop();
});

/** Comes back as an honest provider would send people back. */
const back = (
  left: Left,
  changes: Record<string, string | undefined> = {},
  cookie: string | undefined = left.cookie,
) => {
  const query = { code: 'a-code', state: left.state, iss: hostile.issuer, ...changes };
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return browser.comeBack(slug, Object.fromEntries(given), cookie);
};

/** A sign-in whose ID token has these claims. */
async function withClaims(changes: Record<string, unknown>): Promise<Answer> {
  const left = await browser.leave(slug);
  hostile.idToken = await hostile.sign(hostile.claims(left.nonce, changes));
  return back(left);
}

/** A sign-in whose ID token is made of an honest one. */
async function withToken(make: (left: Left) => Promise<string> | string): Promise<Answer> {
  const left = await browser.leave(slug);
  hostile.idToken = await make(left);
  return back(left);
}

function expectRefused(answer: Answer, problem: string): void {
  expect([answer.status, problemOf(answer)]).toEqual([302, problem]);
  expect(String(answer.headers['location'])).toMatch(/^\/sign-in\?problem=\w+$/);
  expect(sessionOf(answer)).toBeUndefined();
}

/** Metadata is kept for ten minutes; after that the provider is asked again. */
const forgetMetadata = () => clock.advance(11 * 60_000);
/** The administrator with a proof that is fresh enough for a step-up. */
async function freshAdmin(): Promise<void> {
  admin = await app.aPerson('admin');
}

it('an honest answer signs in: what follows differs from it in one thing each', async () => {
  const answer = await withClaims({});
  expect([answer.status, answer.headers['location']]).toEqual([302, '/']);
  expect((await browser.me(answer)).json).toMatchObject({ email: 'person@example.org', role: 'user' });
});

it('keys are asked for once, and again where a new one is needed', async () => {
  forgetMetadata();
  for (const sub of ['key-a', 'key-b']) await withClaims({ sub, email: `${sub}@example.org` });
  expect(hostile.asked.filter((path) => path === '/jwks').length).toBe(1);
});

describe('the ID token', () => {
  const seconds = () => Math.floor(clock.now() / 1_000);
  const cases: [string, () => Record<string, unknown>][] = [
    ['[ASVS 10.5.4] of another audience', () => ({ aud: 'somebody-else' })],
    ['[ASVS 10.5.4] of no audience', () => ({ aud: undefined })],
    ['[ASVS 10.5.4] of several audiences without azp', () => ({ aud: ['valtronics', 'another'] })],
    [
      '[ASVS 10.5.4] of several audiences and an azp that is not us',
      () => ({ aud: ['valtronics', 'another'], azp: 'another' }),
    ],
    ['[ASVS 10.5.4] of our audience alone and an azp that is not us', () => ({ azp: 'another' })],
    ['[ASVS 6.8.1] of another issuer', () => ({ iss: 'https://accounts.example' })],
    ['[ASVS 6.8.1] of our issuer with a slash behind', () => ({ iss: `${hostile.issuer}/` })],
    ['[ASVS 9.2.1] that has expired', () => ({ exp: seconds() - 31 })],
    ['[ASVS 9.2.1] without an expiry', () => ({ exp: undefined })],
    ['of the future', () => ({ iat: seconds() + 120 })],
    ['made long ago although it is good for ever', () => ({ iat: seconds() - 3_600, exp: seconds() + 1e6 })],
    ['[ASVS 9.2.1] not good yet', () => ({ nbf: seconds() + 120 })],
    ['[ASVS 10.5.1] without a nonce', () => ({ nonce: undefined })],
    ['[ASVS 10.5.1] with the nonce of another sign-in', () => ({ nonce: 'another' })],
    ['[ASVS 10.5.2] without a subject', () => ({ sub: undefined })],
    ['[ASVS 10.5.2] whose subject is empty', () => ({ sub: '' })],
    ['[ASVS 10.5.2] whose subject is too long', () => ({ sub: 's'.repeat(256) })],
    ['[ASVS 10.5.2] whose subject is a number', () => ({ sub: 1 })],
    ['[ASVS 10.5.2] whose subject is no ASCII', () => ({ sub: 'subject\u202E-1' })],
    ['that says the person proved who they are tomorrow', () => ({ auth_time: seconds() + 86_400 })],
  ];
  it.each(cases)('%s is refused', async (_, changes) => {
    expectRefused(await withClaims(changes()), 'provider_answer_refused');
  });

  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  it('[ASVS 6.8.2, 9.1.2] without a signature is refused', async () => {
    const unsigned = (alg: string) => (left: Left) => `${part({ alg })}.${part(hostile.claims(left.nonce))}.`;
    for (const alg of ['none', 'None', 'NONE', 'ES256'])
      expectRefused(await withToken(unsigned(alg)), 'provider_answer_refused');
  });

  it('[ASVS 6.8.2, 9.1.2] signed with our client secret is refused, also where the provider says it does that', async () => {
    const signed = (left: Left) => {
      const text = `${part({ alg: 'HS256' })}.${part(hostile.claims(left.nonce))}`;
      return `${text}.${createHmac('sha256', hostile.clientSecret).update(text).digest('base64url')}`;
    };
    expectRefused(await withToken(signed), 'provider_answer_refused');
    forgetMetadata();
    hostile.metadata = { ...hostile.metadata, id_token_signing_alg_values_supported: ['HS256', 'none', 'ES256'] };
    expectRefused(await withToken(signed), 'provider_answer_refused');
    forgetMetadata();
  });

  it('[ASVS 6.8.2, 9.1.3] signed with a key the provider does not publish is refused, whatever it is called', async () => {
    const { unpublished } = hostile.keys;
    const by = (kid: string) => (left: Left) => hostile.sign(hostile.claims(left.nonce), { key: unpublished, kid });
    expectRefused(await withToken(by('unpublished')), 'provider_answer_refused');
    expectRefused(await withToken(by('own')), 'provider_answer_refused');
  });

  it('[ASVS 6.8.2] under the name of another key of the provider is refused', async () => {
    const signed = (left: Left) => hostile.sign(hostile.claims(left.nonce), { kid: 'second' });
    expectRefused(await withToken(signed), 'provider_answer_refused');
  });

  it('[ASVS 9.1.3] that brings its own key along is refused', async () => {
    const { unpublished } = hostile.keys;
    for (const header of [
      { jwk: unpublished.publicJwk },
      { jku: `${other.issuer}/jwks`, kid: 'own' },
      { kid: 'own', crit: ['urn:strange'], 'urn:strange': 1 },
    ]) {
      const made = (left: Left) =>
        new SignJWT(hostile.claims(left.nonce))
          .setProtectedHeader({ alg: 'ES256', ...header })
          .sign(unpublished.privateKey, { crit: { 'urn:strange': true } });
      expectRefused(await withToken(made), 'provider_answer_refused');
    }
    expect(other.asked).toEqual([]);
  });

  it('[ASVS 6.8.2] that was altered is refused', async () => {
    const altered = async (left: Left) => {
      const [head, , signature] = (await hostile.sign(hostile.claims(left.nonce))).split('.');
      return `${head}.${part({ ...hostile.claims(left.nonce), sub: 'somebody-else' })}.${signature}`;
    };
    expectRefused(await withToken(altered), 'provider_answer_refused');
    const cut = async (left: Left) => (await hostile.sign(hostile.claims(left.nonce))).slice(0, -4);
    expectRefused(await withToken(cut), 'provider_answer_refused');
    expectRefused(await withToken(() => 'not a token'), 'provider_answer_refused');
  });

  it('is missing: a provider that only gives an access token says nothing about who came', async () => {
    const left = await browser.leave(slug);
    hostile.idToken = undefined;
    expectRefused(await back(left), 'provider_answer_refused');
  });
});

describe('the answer', () => {
  it('[ASVS 10.2.2] that names another issuer is refused, and the code is not sent anywhere', async () => {
    for (const iss of ['https://accounts.example', `${hostile.issuer}/`, other.issuer]) {
      const left = await browser.leave(slug);
      hostile.idToken = await hostile.sign(hostile.claims(left.nonce));
      expectRefused(await back(left, { iss }), 'provider_answer_refused');
    }
    expect(hostile.exchanges).toEqual([]);
  });

  it('[ASVS 10.2.2] without an issuer is refused where the provider names itself', async () => {
    const left = await browser.leave(slug);
    hostile.idToken = await hostile.sign(hostile.claims(left.nonce));
    expectRefused(await back(left, { iss: undefined }), 'provider_answer_refused');
    expect(hostile.exchanges).toEqual([]);
  });

  it('[ASVS 10.2.2] of one provider brought to the other is refused: nobody mixes them up', async () => {
    const left = await browser.leave(slug);
    const answer = await browser.comeBack(
      otherSlug,
      { code: 'a-code', state: left.state, iss: other.issuer },
      left.cookie,
    );
    expectRefused(answer, 'sign_in_expired');
    expect([hostile.exchanges, other.exchanges]).toEqual([[], []]);
  });

  it('[ASVS 10.1.2, 10.2.1] without our state, or with one of nobody, is refused', async () => {
    for (const state of [undefined, '', 'x', `vto_${'A'.repeat(43)}`]) {
      const left = await browser.leave(slug);
      expectRefused(await back(left, { state }), 'sign_in_expired');
    }
    expect(hostile.exchanges).toEqual([]);
  });

  it('[ASVS 10.1.2, 10.2.1] in another browser, or in one without a cookie, is refused and leaves the right one its chance', async () => {
    const left = await browser.leave(slug);
    const stranger = await browser.leave(slug);
    hostile.idToken = await hostile.sign(hostile.claims(left.nonce));
    const refused = await back(left, {}, stranger.cookie);
    expectRefused(refused, 'sign_in_expired');
    expect(refused.headers['set-cookie']).toBeUndefined();
    expectRefused(await back(left, {}, ''), 'sign_in_expired');
    expectRefused(await back(left, {}, `${left.cookie}; ${left.cookie}`), 'sign_in_expired');
    expect(sessionOf(await back(left))).toBeDefined();
  });

  it('[ASVS 10.1.2] is good once', async () => {
    const left = await browser.leave(slug);
    hostile.idToken = await hostile.sign(hostile.claims(left.nonce));
    expect(sessionOf(await back(left))).toBeDefined();
    expectRefused(await back(left), 'sign_in_expired');
    expect(hostile.exchanges.length).toBe(1);
  });

  it('[ASVS 10.1.2, 15.4.2] of 50 at once, one', async () => {
    const left = await browser.leave(slug);
    hostile.idToken = await hostile.sign(hostile.claims(left.nonce));
    const answers = await Promise.all(Array.from({ length: 50 }, () => back(left)));
    expect(answers.filter((answer) => sessionOf(answer) !== undefined).length).toBe(1);
    expect(hostile.exchanges.length).toBe(1);
  });

  it('[ASVS 10.1.2] after ten minutes is refused', async () => {
    const left = await browser.leave(slug);
    hostile.idToken = await hostile.sign(hostile.claims(left.nonce));
    clock.advance(10 * 60_000);
    expectRefused(await back(left), 'sign_in_expired');
  });

  it('with a parameter twice is refused', async () => {
    const left = await browser.leave(slug);
    const query = new URLSearchParams({ state: left.state, iss: hostile.issuer });
    query.append('code', 'one');
    query.append('code', 'two');
    expectRefused(await browser.comeBack(slug, query, left.cookie), 'provider_answer_refused');
  });

  it('that is an error is told in our words: none of the provider’s reach the person or the log of events', async () => {
    const left = await browser.leave(slug);
    const answer = await back(left, {
      code: undefined,
      error: 'access_denied',
      error_description: '<script>steal()</script>',
      error_uri: 'https://evil.example/',
    });
    expectRefused(answer, 'denied_by_provider');
    expect(answer.text).toBe('');
    const odd = await browser.leave(slug);
    expectRefused(await back(odd, { code: undefined, error: '<img src=x>' }), 'denied_by_provider');
    const events = await app.database.admin.query(`select details from audit_events where event = 'session.refused'`);
    expect(JSON.stringify(events.rows)).not.toMatch(/script|evil|<img/);
  });

  it('that is an error of somebody without the state is not believed either', async () => {
    const left = await browser.leave(slug);
    expectRefused(await back(left, { code: undefined, error: 'access_denied', state: 'x' }), 'sign_in_expired');
  });
});

describe('the way to the provider', () => {
  const tokenAnswers = (answer: HostileProvider['answers'][string]) => async () => {
    const left = await browser.leave(slug);
    hostile.answers['/token'] = answer;
    return back(left);
  };

  it.each([
    ['fails', 'provider_unavailable', (_, response) => response.writeHead(500).end('<html>')],
    [
      'redirects',
      'provider_answer_refused',
      (_, response) => response.writeHead(307, { location: `${other.issuer}/token` }).end(),
    ],
    ['answers no JSON', 'provider_answer_refused', (_, response) => response.writeHead(200).end('<html>')],
    [
      'refuses the code',
      'provider_answer_refused',
      (_, response) => response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}'),
    ],
    [
      'answers without end',
      'provider_unavailable',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const more = () => {
          while (response.write('x'.repeat(65_536)));
          response.once('drain', more);
        };
        more();
      },
    ],
    ['says nothing', 'provider_unavailable', () => {}],
    ['hangs up', 'provider_unavailable', (request) => request.socket.destroy()],
  ] satisfies [string, string, HostileProvider['answers'][string]][])(
    'a token endpoint that %s signs nobody in',
    async (_, problem, answer) => {
      expectRefused(await tokenAnswers(answer)(), problem);
      expect(other.exchanges).toEqual([]);
    },
  );

  it.each([
    ['[ASVS 10.5.3] names another issuer', () => ({ issuer: 'https://accounts.example' })],
    ['[ASVS 10.5.3] names its issuer with a slash behind', () => ({ issuer: `${hostile.issuer}/` })],
    ['[ASVS 10.5.3] names its issuer by a template', () => ({ issuer: `${hostile.issuer}/{tenantid}` })],
    ['sends people to a script', () => ({ authorization_endpoint: 'javascript:alert(1)' })],
    ['has no keys', () => ({ jwks_uri: undefined })],
    ['signs with nothing we accept', () => ({ id_token_signing_alg_values_supported: ['none', 'HS256', 'RS1'] })],
  ] satisfies [string, () => Record<string, unknown>][])(
    'a discovery document that %s lets nobody leave',
    async (_, changes) => {
      forgetMetadata();
      hostile.metadata = { ...hostile.metadata, ...changes() };
      expectRefused(await browser.start(slug), 'provider_answer_refused');
    },
  );

  it('a discovery that redirects, or that hides a prototype, lets nobody leave', async () => {
    forgetMetadata();
    const place = '/.well-known/openid-configuration';
    hostile.answers[place] = (_, response) => response.writeHead(302, { location: `${other.issuer}${place}` }).end();
    expectRefused(await browser.start(slug), 'provider_answer_refused');
    hostile.answers[place] = (_, response) => response.writeHead(200).end('{"__proto__":{"issuer":"x"}}');
    expectRefused(await browser.start(slug), 'provider_answer_refused');
    expect(other.asked).toEqual([]);
  });

  it('[ASVS 13.2.4] endpoints inside our network are not asked, wherever a discovery document points', async () => {
    for (const inside of ['http://10.0.0.1/token', 'http://169.254.169.254/latest', 'http://[::1]:5432/']) {
      forgetMetadata();
      hostile.metadata = { ...hostile.metadata, token_endpoint: inside };
      const left = await browser.leave(slug);
      expectRefused(await back(left), 'provider_unavailable');
      // Refused, and not just out of reach from here.
      const { rows } = await app.database.admin.query(
        `select details->>'reason' as reason from audit_events where event = 'session.refused' order by at desc limit 1`,
      );
      expect(rows[0]?.reason).toBe('the target is not on the public internet and not allow-listed');
      hostile.reset();
    }
    forgetMetadata();
  });
});

describe('who somebody is', () => {
  const usersLike = async (email: string) => {
    const dataKeys = await dataKeysOf(app);
    const everybody = await app.database.admin.query('select id as user_id, organisation_id, email_sealed from users');
    return (await openPeople(dataKeys, ['email'], everybody.rows)).filter((person) => person.email === email);
  };

  it('[ASVS 6.8.1, 10.3.3, 10.5.2] the same subject of two providers is two people', async () => {
    const first = await withClaims({ sub: 'same', email: 'same-a@example.org' });
    const left = await browser.leave(otherSlug);
    other.idToken = await other.sign(other.claims(left.nonce, { sub: 'same', email: 'same-b@example.org' }));
    const second = await browser.comeBack(
      otherSlug,
      { code: 'a-code', state: left.state, iss: other.issuer },
      left.cookie,
    );
    const ids = [(await browser.me(first)).json.email, (await browser.me(second)).json.email];
    expect(ids).toEqual(['same-a@example.org', 'same-b@example.org']);
  });

  it('[ASVS 6.8.1, 10.5.2] the same address of another provider, or of an account with a password, opens nothing', async () => {
    await withClaims({ sub: 'owner', email: 'owner@example.org' });
    const left = await browser.leave(otherSlug);
    other.idToken = await other.sign(other.claims(left.nonce, { sub: 'thief', email: 'owner@example.org' }));
    const query = { code: 'a-code', state: left.state, iss: other.issuer };
    expectRefused(await browser.comeBack(otherSlug, query, left.cookie), 'email_taken');
    expectRefused(await withClaims({ sub: 'thief', email: admin.email }), 'email_taken');
    expectRefused(await withClaims({ sub: 'thief', email: admin.email.toUpperCase() }), 'email_taken');
  });

  it('[ASVS 10.5.2] another address of the same subject is the same account', async () => {
    const before = (await browser.me(await withClaims({ sub: 'mover', email: 'mover@example.org' }))).json;
    const after = (await browser.me(await withClaims({ sub: 'mover', email: 'moved@example.org' }))).json;
    expect(after).toEqual(before);
  });

  it.each([
    ['not verified', { email_verified: false }, 'email_unverified'],
    ['not said to be verified', { email_verified: undefined }, 'email_unverified'],
    ['verified in a text', { email_verified: 'true' }, 'email_unverified'],
    ['no address', { email: 'a b@example.org' }, 'email_unverified'],
    ['of another domain', { email: 'person@evil.example' }, 'no_account'],
    ['of a domain that ends like ours', { email: 'person@notexample.org' }, 'no_account'],
    ['with two domains', { email: 'person@example.org@evil.example' }, 'email_unverified'],
  ])('no account is made for an address that is %s', async (_, changes, problem) => {
    const before = (await app.database.admin.query('select count(*)::int as links from linked_identities')).rows;
    expectRefused(await withClaims({ sub: 'newcomer', ...changes }), problem);
    expect((await app.database.admin.query('select count(*)::int as links from linked_identities')).rows).toEqual(
      before,
    );
  });

  it('no account is made where there is no address at all, neither in the token nor in userinfo', async () => {
    hostile.userinfo = { sub: 'newcomer', name: 'Newcomer' };
    expectRefused(await withClaims({ sub: 'newcomer', email: undefined }), 'email_unverified');
  });

  it('userinfo of another subject is not believed', async () => {
    const left = await browser.leave(slug);
    hostile.idToken = await hostile.sign(
      hostile.claims(left.nonce, { sub: 'subject-a', email: undefined, email_verified: undefined }),
    );
    hostile.userinfo = { sub: 'subject-b', email: 'b@example.org', email_verified: true };
    expectRefused(await back(left), 'provider_answer_refused');
    expect(await usersLike('b@example.org')).toEqual([]);
  });

  it('two first sign-ins of one person at once make one account', async () => {
    const lefts = await Promise.all([browser.leave(slug), browser.leave(slug)]);
    const claims = { sub: 'twice', email: 'twice@example.org' };
    hostile.answers['/token'] = (_, response) => {
      const nonce = lefts[hostile.exchanges.length - 1]?.nonce ?? '';
      hostile
        .sign(hostile.claims(nonce, claims))
        .then((token) =>
          response
            .writeHead(200, { 'content-type': 'application/json' })
            .end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', id_token: token })),
        );
    };
    // Whichever code arrives first gets the first nonce; so one of them may be refused, and then it tries again.
    await Promise.all(lefts.map((left) => back(left)));
    hostile.reset();
    expect(sessionOf(await withClaims(claims))).toBeDefined();
    expect((await usersLike('twice@example.org')).length).toBe(1);
  });
});

describe('a provider that does not say when somebody proved who they are', () => {
  const undo = (answer: Answer) =>
    app.call('DELETE', '/api/v1/auth/identities/00000000-0000-4000-8000-000000000000', {
      cookie: sessionOf(answer) ?? '',
      headers: { origin: app.origin },
      from: freshAddress(),
    });

  it('[ASVS 6.8.4] satisfies no step-up: it may have been long ago', async () => {
    const silent = await withClaims({ sub: 'silent', email: 'silent@example.org' });
    expect((await undo(silent)).json.code).toBe('step_up_required');
    const times = { auth_time: Math.floor(clock.now() / 1_000) - 10 };
    const saying = await withClaims({ sub: 'silent', email: 'silent@example.org', ...times });
    expect((await undo(saying)).json.code).toBe('not_found');
  });

  it('[ASVS 6.8.4, 7.6.1] is refused where that matters', async () => {
    await freshAdmin();
    expect((await browser.change(admin, providerId, { maxAuthAgeSeconds: 600 })).status).toBe(200);
    expectRefused(await withClaims({}), 'provider_answer_refused');
    const old = { auth_time: Math.floor(clock.now() / 1_000) - 700 };
    expectRefused(await withClaims(old), 'provider_answer_refused');
    expect(sessionOf(await withClaims({ auth_time: Math.floor(clock.now() / 1_000) - 500 }))).toBeDefined();
    expect((await browser.change(admin, providerId, { maxAuthAgeSeconds: null })).status).toBe(200);
  });
});

describe('a link that leads elsewhere', () => {
  it.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example/',
    'mailto:evil@evil.example',
    '/a/..//evil.example',
    '/.\\/evil.example',
    '/api/v1/auth/oidc/x/start',
    '/%0d%0aset-cookie:x',
  ])('[ASVS 1.2.2, 3.7.2] ?next=%s does not', async (next) => {
    const left = await browser.leave(slug, `?next=${encodeURIComponent(next)}`);
    hostile.idToken = await hostile.sign(hostile.claims(left.nonce));
    const answer = await back(left);
    expect(sessionOf(answer)).toBeDefined();
    expect(String(answer.headers['location'])).toMatch(/^\/(%0d%0aset-cookie:x)?$/);
  });

  it('[ASVS 1.2.2] ?next=javascript:… is refused at the door', async () => {
    const answer = await browser.start(slug, '?next=javascript:alert(1)');
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('request_blocked')]);
  });

  it('?next= with a page of ours does', async () => {
    const left = await browser.leave(slug, `?next=${encodeURIComponent('/alerts?alert=1#top')}`);
    hostile.idToken = await hostile.sign(hostile.claims(left.nonce));
    expect((await back(left)).headers['location']).toBe('/alerts?alert=1#top');
  });
});

describe('a provider that is no longer trusted', () => {
  it('[ASVS 7.6.1] ends the sessions that rest on it and lets nobody in, not even who is on the way', async () => {
    await freshAdmin();
    const signedIn = await withClaims({ sub: 'leaver', email: 'leaver@example.org' });
    const left = await browser.leave(slug);
    hostile.idToken = await hostile.sign(hostile.claims(left.nonce));
    expect((await browser.change(admin, providerId, { enabled: false })).status).toBe(200);
    expect((await browser.me(signedIn)).status).toBe(401);
    expectRefused(await back(left), 'provider_unknown');
    expectRefused(await browser.start(slug), 'provider_unknown');
    const offered = await app.call('GET', '/api/v1/auth/providers', { from: freshAddress() });
    expect(offered.json.items.map((one: { slug: string }) => one.slug)).not.toContain(slug);
  });
});
