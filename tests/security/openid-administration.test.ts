import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeExpired } from '../../server/src/features/sign-in-providers/departure.repository.ts';
import { manualClock } from '../../server/src/lib/clock.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aHostileProvider, type HostileProvider } from '../support/hostile-provider.ts';
import { problemOf, providerSignIn, sessionOf } from '../support/provider-sign-in.ts';

// Which providers an organisation trusts, and who decides it.

const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
let provider: HostileProvider;
let browser: ReturnType<typeof providerSignIn>;

beforeAll(async () => {
  app = await anApp({
    clock,
    webFolder: import.meta.dirname,
    env: { VALTRONICS_WEBHOOK_ALLOW: '127.0.0.1/32', VALTRONICS_LOG_LEVEL: 'fatal' },
  });
  admin = await app.aPerson('admin');
  provider = await aHostileProvider(clock.now);
  browser = providerSignIn(app);
});
beforeEach(() => provider.reset());
afterAll(async () => {
  provider?.close();
  await app?.stop();
});

const PATH = '/api/v1/identity-providers';
const call = (method: string, path: string, body?: unknown, as = admin) =>
  app.call(method, path, { token: as.accessToken, ...(body === undefined ? {} : { body }) });
const remove = (id: string, as = admin) => call('DELETE', `${PATH}/${id}`, undefined, as);
const events = async (event: string) =>
  (await app.database.admin.query(`select * from audit_events where event = $1 order by at`, [event])).rows;

const minimal = (changes: Record<string, unknown> = {}) => ({
  slug: 'minimal',
  name: 'Minimal',
  issuer: 'https://accounts.example',
  clientId: 'client',
  clientSecret: 'the-secret-of-the-client',
  ...changes,
});

describe('setting up', () => {
  it('lets nobody in until somebody says who: all that is not said is off', async () => {
    const made = await call('POST', PATH, minimal());
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      enabled: false,
      jitEnabled: false,
      managesRole: false,
      trustsSecondFactor: false,
      defaultRole: null,
      emailDomains: [],
      callbackUrl: `${app.origin}/api/v1/auth/oidc/minimal/callback`,
      backchannelLogoutUrl: `${app.origin}/api/v1/auth/oidc/minimal/backchannel-logout`,
    });
    expect(problemOf(await browser.start('minimal'))).toBe('provider_unknown');
    expect((await remove(made.json.id)).status).toBe(204);
  });

  it('[ASVS 13.3.1, 14.2.6] never gives the client secret back, and keeps it sealed', async () => {
    const secret = 'an-unmistakable-client-secret';
    const made = await call('POST', PATH, minimal({ clientSecret: secret }));
    const answers = [
      made,
      await call('GET', PATH),
      await call('GET', `${PATH}/${made.json.id}`),
      await call('PATCH', `${PATH}/${made.json.id}`, { clientSecret: `${secret}-2` }),
    ];
    for (const answer of answers) expect(answer.text).not.toMatch(/unmistakable|ecret"/);
    const { rows } = await app.database.admin.query(
      `select p::text as row, client_secret_sealed from identity_providers p`,
    );
    const events = await app.database.admin.query(`select a::text as row from audit_events a`);
    for (const { row, client_secret_sealed } of rows)
      expect(row + client_secret_sealed.toString('latin1')).not.toContain('unmistakable');
    expect(events.rows.map(({ row }) => row).join()).not.toContain('unmistakable');
    expect((await remove(made.json.id)).status).toBe(204);
  });

  it.each([
    ['an issuer that is plain HTTP', { issuer: 'http://8.8.8.8' }],
    ['an issuer inside our network', { issuer: 'https://10.0.0.1' }],
    ['an issuer with a query', { issuer: 'https://accounts.example/?x=1' }],
    ['an issuer with a fragment', { issuer: 'https://accounts.example/#x' }],
    ['an issuer with a password', { issuer: 'https://a:b@accounts.example' }],
    ['an issuer that is no address of the web', { issuer: 'mailto:a@accounts.example' }],
    ['the address of a discovery document', { issuer: 'https://a.example/.well-known/openid-configuration' }],
    ['a slug that climbs', { slug: '../x' }],
    ['a slug in capitals', { slug: 'Company' }],
    ['accounts for addresses of whatever domain', { jitEnabled: true, defaultRole: 'user' }],
    ['accounts without a role', { jitEnabled: true, emailDomains: ['example.org'] }],
    ['a mapping without a claim', { roleMapping: [{ group: 'a', role: 'user' }] }],
    ['a role for all without a claim', { managesRole: true }],
    ['trust in a second factor without a value', { trustsSecondFactor: true }],
    ['a role nobody knows', { defaultRole: 'root' }],
    ['a field nobody knows', { organisationId: 1 }],
    ['an address as a domain', { emailDomains: ['person@example.org'] }],
    ['a top-level domain', { emailDomains: ['org'] }],
    ['a proof of a second', { maxAuthAgeSeconds: 1 }],
  ])('refuses %s', async (_, changes) => {
    const answer = await call('POST', PATH, minimal(changes));
    expect([answer.status, answer.json.code]).toEqual([400, 'invalid_request']);
  });

  it('refuses an issuer that is a script before it is looked at as one', async () => {
    const answer = await call('POST', PATH, minimal({ issuer: 'javascript:alert(1)' }));
    expect([answer.status, answer.json.code]).toEqual([403, 'request_blocked']);
  });

  it('gives a slug once on the installation, and an issuer once in the organisation', async () => {
    const made = await call('POST', PATH, minimal());
    expect((await call('POST', PATH, minimal({ issuer: 'https://other.example' }))).status).toBe(409);
    expect((await call('POST', PATH, minimal({ slug: 'other' }))).status).toBe(409);
    expect((await remove(made.json.id)).status).toBe(204);
  });

  it('[ASVS 8.3.1] never lets issuer or slug be changed: links rest on them', async () => {
    const made = await call('POST', PATH, minimal());
    for (const change of [{ issuer: 'https://evil.example' }, { slug: 'other' }])
      expect((await call('PATCH', `${PATH}/${made.json.id}`, change)).status).toBe(400);
    expect((await remove(made.json.id)).status).toBe(204);
  });

  it('[ASVS 8.2.1] gives nobody by way of a provider a role they may not give by hand', async () => {
    const manager = await app.aPerson(await app.aRole('people-only', ['user:manage']));
    const above = { slug: 'above', issuer: 'https://above.example', groupsClaim: 'groups' };
    for (const given of [{ defaultRole: 'admin' }, { roleMapping: [{ group: 'all', role: 'operator' }] }]) {
      const answer = await call('POST', PATH, minimal({ ...above, ...given }), manager);
      expect([answer.status, answer.json.code]).toEqual([403, 'forbidden']);
    }
    const harmless = await call('POST', PATH, minimal(above), manager);
    expect(harmless.status).toBe(201);
    const later = await call('PATCH', `${PATH}/${harmless.json.id}`, { defaultRole: 'admin' }, manager);
    expect(later.status).toBe(403);
    expect((await remove(harmless.json.id)).status).toBe(204);
  });

  it('has a bound', async () => {
    const made: string[] = [];
    for (let nth = 0; nth < 21; nth += 1) {
      const answer = await call('POST', PATH, minimal({ slug: `many-${nth}`, issuer: `https://a${nth}.example` }));
      if (answer.status === 201) made.push(answer.json.id);
      else expect([nth, answer.status]).toEqual([20, 409]);
    }
    expect(made.length).toBe(20);
    for (const id of made) await remove(id);
  });

  it('[ASVS 7.5.3] needs a fresh proof, and is recorded', async () => {
    const made = await call('POST', PATH, minimal());
    const changed = await call('PATCH', `${PATH}/${made.json.id}`, { name: 'Renamed', clientSecret: 'a-new-secret' });
    expect(changed.json.name).toBe('Renamed');
    expect((await remove(made.json.id)).status).toBe(204);
    const kinds = ['created', 'changed', 'deleted'] as const;
    for (const kind of kinds) {
      expect((await events(`identity_provider.${kind}`)).at(-1)).toMatchObject({
        actor_id: admin.userId,
        resource_id: made.json.id,
        details: expect.objectContaining({ slug: 'minimal' }),
      });
    }
    expect((await events('identity_provider.changed')).at(-1)?.details.changed).toEqual(['name', 'clientSecret']);
    clock.advance(301_000);
    const answer = await call('POST', PATH, minimal());
    expect([answer.status, answer.json.code]).toEqual([401, 'step_up_required']);
    admin = { ...admin, ...(await again(admin)) };
  });
});

async function again({ email, password }: Person): Promise<{ accessToken: string; refreshToken: string }> {
  return (await app.call('POST', '/api/v1/auth/login', { body: { email, password }, from: freshAddress() })).json;
}

describe('testing', () => {
  it('says what the provider is and can do', async () => {
    const { id } = await browser.aProvider(admin, provider, { groupsScope: 'groups', groupsClaim: 'groups' });
    provider.metadata = { ...provider.metadata, scopes_supported: ['openid', 'email', 'profile'] };
    const answer = await call('POST', `${PATH}/${id}/test`);
    expect(answer.json).toEqual({
      authorizationEndpoint: `${provider.issuer}/authorize`,
      tokenEndpoint: `${provider.issuer}/token`,
      userinfoEndpoint: `${provider.issuer}/userinfo`,
      signingAlgorithms: ['ES256'],
      keys: 2,
      namesItselfInAnswers: true,
      scopesNotSupported: ['groups'],
    });
    expect((await events('identity_provider.tested')).at(-1)?.resource_id).toBe(id);
    provider.metadata = { ...provider.metadata, issuer: 'https://accounts.example' };
    const lying = await call('POST', `${PATH}/${id}/test`);
    expect([lying.status, lying.json.code, lying.json.detail]).toEqual([
      502,
      'bad_gateway',
      'The provider cannot be used: discovery document names another issuer.',
    ]);
    await remove(id);
  });

  it('of a provider that cannot be reached says so, and nothing about our network', async () => {
    const made = await call('POST', PATH, minimal({ issuer: 'http://127.0.0.1:1' }));
    const answer = await call('POST', `${PATH}/${made.json.id}/test`);
    expect([answer.status, answer.json.code]).toEqual([502, 'bad_gateway']);
    await remove(made.json.id);
  });
});

describe('the sign-in page', () => {
  it('offers what is enabled and not left out, by name alone', async () => {
    const { id, slug } = await browser.aProvider(admin, provider, { name: 'Shown' });
    const offered = async () => (await app.call('GET', '/api/v1/auth/providers', { from: freshAddress() })).json.items;
    expect(await offered()).toEqual([{ slug, name: 'Shown' }]);
    await browser.change(admin, id, { listed: false });
    expect(await offered()).toEqual([]);
    expect((await browser.start(slug)).headers['set-cookie']).toBeDefined();
    await browser.change(admin, id, { listed: true, enabled: false });
    expect(await offered()).toEqual([]);
    await remove(id);
  });
});

describe('removing', () => {
  it('[ASVS 7.6.1] ends the sessions that rest on it', async () => {
    const { id, slug } = await browser.aProvider(admin, provider);
    const left = await browser.leave(slug);
    provider.idToken = await provider.sign(provider.claims(left.nonce, { email: 'gone@example.org' }));
    const query = { code: 'a-code', state: left.state, iss: provider.issuer };
    const answer = await browser.comeBack(slug, query, left.cookie);
    expect((await browser.me(answer)).status).toBe(200);
    expect((await remove(id)).status).toBe(204);
    expect((await browser.me(answer)).status).toBe(401);
    expect((await events('identity_provider.deleted')).at(-1)?.details).toEqual({ slug, endedSessions: 1 });
  });
});

describe('another organisation', () => {
  it('[ASVS 8.2.2, 8.4.1] neither sees, changes, tests nor removes a provider, nor links to it', async () => {
    const { id, slug } = await browser.aProvider(admin, provider);
    const foreign = await app.aPerson('admin', await app.anotherOrganisation());
    expect((await call('GET', PATH, undefined, foreign)).json.items).toEqual([]);
    for (const [method, path, body] of [
      ['GET', `${PATH}/${id}`],
      ['PATCH', `${PATH}/${id}`, { enabled: false }],
      ['DELETE', `${PATH}/${id}`],
      ['POST', `${PATH}/${id}/test`],
      ['POST', `/api/v1/auth/identities/${slug}/link`],
    ] as const)
      expect([method, (await call(method, path, body, foreign)).status]).toEqual([method, 404]);
    await remove(id);
  });

  it('[ASVS 6.8.1] that trusts the same provider does not sign in anybody of ours', async () => {
    const foreign = await app.aPerson('admin', await app.anotherOrganisation());
    const ours = await browser.aProvider(admin, provider);
    const theirs = await browser.aProvider(foreign, provider, { jitEnabled: false });
    const arrive = async (slug: string) => {
      const left = await browser.leave(slug);
      const claims = { sub: 'shared', email: 'shared@example.org' };
      provider.idToken = await provider.sign(provider.claims(left.nonce, claims));
      return browser.comeBack(slug, { code: 'a-code', state: left.state, iss: provider.issuer }, left.cookie);
    };
    expect(sessionOf(await arrive(ours.slug))).toBeDefined();
    const answer = await arrive(theirs.slug);
    expect([problemOf(answer), sessionOf(answer)]).toEqual(['no_account', undefined]);
    await remove(ours.id);
    await remove(theirs.id, foreign);
  });
});

describe('housekeeping', () => {
  it('removes departures that led nowhere once they are over, and no others', async () => {
    const { id, slug } = await browser.aProvider(admin, provider);
    await browser.leave(slug);
    clock.advance(5 * 60_000);
    await browser.leave(slug);
    clock.advance(6 * 60_000);
    const transactions = createTransactions(app.database);
    await transactions.unaudited(null, 'housekeeping', (tx) => removeExpired(tx, clock.date(), 1_000));
    const { rows } = await app.database.admin.query('select 1 from departures where provider_id = $1', [id]);
    expect(rows.length).toBe(1);
  });
});
