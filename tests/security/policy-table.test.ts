import { randomUUID } from 'node:crypto';
import { type Endpoint, endpoints, type Permission, type Role, streams } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../server/src/security/crypto/tokens.ts';
import { type Answer, anApp, type Person, type TestApp } from '../support/app.ts';

// Net 4: every endpoint × everybody. The table of the security overview ("Authorization") is written out here a second time on
// purpose: a slip in the contract must not agree with itself. Endpoints come from the contract, so a new one is covered by being there.
const overview: Record<Role, readonly Permission[]> = {
  admin: [
    'device:read',
    'device:write',
    'device:delete',
    'telemetry:read',
    'telemetry:write',
    'alert:read',
    'alert:write',
    'alert:acknowledge',
    'analytics:read',
    'analytics:export',
    'system:admin',
    'user:manage',
    'config:manage',
  ],
  operator: [
    'device:read',
    'device:write',
    'telemetry:read',
    'telemetry:write',
    'alert:read',
    'alert:write',
    'alert:acknowledge',
    'analytics:read',
  ],
  analyst: ['device:read', 'telemetry:read', 'alert:read', 'analytics:read', 'analytics:export'],
  user: ['device:read', 'telemetry:read', 'alert:read'],
};
const everyRole = Object.keys(overview) as Role[];

/** Which permissions an area may ask for, from the interface document. */
const areas: readonly [RegExp, 'GET' | 'write', readonly (Permission | 'open' | 'signedIn' | 'device')[]][] = [
  [/^\/(health|\.well-known|docs|openapi)/, 'GET', ['open']],
  [/^\/metrics$/, 'GET', ['system:admin']],
  [/^\/auth\/(me|sessions)/, 'GET', ['signedIn']],
  [/^\/auth\/(sessions|password)/, 'write', ['signedIn']],
  [/^\/auth\/(login|refresh|logout|invitations)/, 'write', ['open']],
  [/^\/auth\/session$/, 'write', ['open', 'signedIn']],
  [/^\/(users|roles)/, 'GET', ['user:manage']],
  [/^\/users/, 'write', ['user:manage']],
  [/^\/devices\/\{id\}\/(credentials|certificates)/, 'GET', ['device:write']],
  [/^\/(device-authority|device-provisioning\/claims)$/, 'GET', ['device:write']],
  [/^\/device-provisioning\/claims/, 'write', ['device:write']],
  [/^\/device-provisioning\/enrol$/, 'write', ['open']],
  [/^\/device\/certificate\/renew$/, 'write', ['device']],
  [/^\/devices/, 'GET', ['device:read']],
  [/^\/devices/, 'write', ['device:write', 'device:delete']],
  [/^\/telemetry\/summary$/, 'GET', ['analytics:read']],
  [/^\/telemetry/, 'GET', ['telemetry:read']],
  [/^\/telemetry$/, 'write', ['telemetry:write']],
  [/^\/alert-rules/, 'GET', ['alert:read']],
  [/^\/alert-rules/, 'write', ['alert:write']],
  [/^\/alerts/, 'GET', ['alert:read']],
  [/^\/alerts/, 'write', ['alert:acknowledge']],
  [/^\/(settings|notification-channels)/, 'GET', ['config:manage']],
  [/^\/(settings|notification-channels)/, 'write', ['config:manage']],
  [/^\/audit-events/, 'GET', ['system:admin']],
];

const all: [string, Endpoint][] = Object.entries(endpoints);
const closed = all.filter(([, { access }]) => access.kind !== 'open');
const open = all.filter(([, { access }]) => access.kind === 'open');

/** What each may do is decided from the table above and the endpoint's own declaration alone. */
function mayPass(endpoint: Endpoint, who: Role | 'device'): boolean {
  const { access } = endpoint;
  if (access.kind === 'open') return true;
  if (who === 'device') return access.kind === 'device' || (access.kind === 'needs' && access.orDevice);
  if (access.kind === 'signedIn') return true;
  return access.kind === 'needs' && overview[who].includes(access.permission);
}

const pathOf = (endpoint: Endpoint, ids: Record<string, string> = {}): string =>
  (endpoint.root ? '' : '/api/v1') +
  endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? randomUUID());

// Time moves by our hand only, so that every limit is exact and none is in another test's way.
const clock = manualClock(Date.now());
let app: TestApp;
const people = {} as Record<Role, Person>;
let device: { id: string; token: string };

beforeAll(async () => {
  app = await anApp({
    clock,
    webFolder: import.meta.dirname,
    env: { VALTRONICS_METRICS_TOKEN: 'scrape-token-of-the-policy-table-test' },
  });
  for (const role of everyRole) {
    people[role] = await app.aPerson(role);
  }
  device = await app.aDevice(people.admin);
});
beforeEach(() => clock.advance(5_000));
afterAll(() => app?.stop());

interface As {
  token?: string;
  cookie?: string;
  /** Null: no Origin header. */
  origin?: string | null;
}

/** A call that passes every check of the gate it can, and whose body is as empty as the endpoint allows. */
function call(endpoint: Endpoint, as: As, ids?: Record<string, string>): Promise<Answer> {
  const origin = as.origin === undefined ? app.origin : as.origin;
  clock.advance(endpoint.rate === 'login' ? 1_000 : 100);
  return app.call(endpoint.method, pathOf(endpoint, ids), {
    ...(as.token === undefined ? {} : { token: as.token }),
    ...(as.cookie === undefined ? {} : { cookie: as.cookie }),
    ...(endpoint.body === undefined ? {} : { body: {} }),
    headers: origin === null ? {} : { origin },
  });
}

const endsItsSession = (endpoint: Endpoint) => endpoint.method === 'DELETE' && endpoint.path === '/auth/session';
const ofAccess = ({ access }: Endpoint) => (access.kind === 'needs' ? access.permission : access.kind);

/** A browser session of the person, put where signing in puts it: hashing a password for each would be most of this file's time. */
async function aSession(role: Role): Promise<string> {
  const token = newOpaqueToken(tokenPrefixes.session);
  await app.database.admin.query(
    `insert into sessions (id, organisation_id, user_id, kind, token_hash, created_at, last_seen_at, verified_at, idle_expires_at, absolute_expires_at)
     select gen_random_uuid(), organisation_id, id, 'browser', $2, now(), now(), now(), now() + interval '1 hour', now() + interval '12 hours'
     from users where id = $1`,
    [people[role].userId, tokenHash(token)],
  );
  return `__Host-valtronics=${token}`;
}

describe('the table itself', () => {
  it('every endpoint belongs to an area, and asks for what that area asks for', () => {
    const strays = all.flatMap(([name, endpoint]) => {
      const kind = endpoint.method === 'GET' ? 'GET' : 'write';
      const area = areas.find(([path, of]) => of === kind && path.test(endpoint.path));
      // The two questions that are asked by POST.
      return area?.[2].includes(ofAccess(endpoint))
        ? []
        : [`${name}: ${endpoint.method} ${endpoint.path} ${ofAccess(endpoint)}`];
    });
    expect(strays).toEqual([]);
  });

  it('deleting a device needs more than changing one', () => {
    expect(endpoints.deviceDelete?.access).toMatchObject({ permission: 'device:delete' });
  });
});

describe.each(everyRole)('%s', (role) => {
  it('is refused with 403 where the table does not let them in, and never where it does', async () => {
    const wrong: string[] = [];
    for (const [name, endpoint] of all) {
      // The one that ends the session it is called with gets a session of its own.
      const as = endsItsSession(endpoint) ? { cookie: await aSession(role) } : { token: people[role].accessToken };
      const answer = await call(endpoint, as);
      const expected = mayPass(endpoint, role) ? 'let in' : '403';
      const credentialInBody = endpoint.access.kind === 'open' && answer.json?.code !== 'not_authenticated';
      const seen =
        answer.status === 403
          ? '403'
          : answer.status >= 500 || (answer.status === 401 && !credentialInBody)
            ? String(answer.status)
            : 'let in';
      if (seen !== expected) wrong.push(`${name}: ${answer.status} instead of ${expected}`);
    }
    expect(wrong).toEqual([]);
  });

  it('has the same rights with a session cookie', async () => {
    const cookie = await aSession(role);
    const wrong: string[] = [];
    for (const [name, endpoint] of closed.filter(([, one]) => !endsItsSession(one))) {
      const { status } = await call(endpoint, { cookie });
      if (mayPass(endpoint, role) ? [401, 403].includes(status) || status >= 500 : status !== 403)
        wrong.push(`${name}: ${status}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe('others', () => {
  it('a device may send telemetry, renew its certificate, and nothing else', async () => {
    const let_in: string[] = [];
    const wrong: string[] = [];
    for (const [name, endpoint] of closed) {
      const { status } = await call(endpoint, { token: device.token });
      if (mayPass(endpoint, 'device')) let_in.push(name);
      if (mayPass(endpoint, 'device') ? [401, 403].includes(status) || status >= 500 : status !== 403)
        wrong.push(`${name}: ${status}`);
    }
    expect(wrong).toEqual([]);
    expect(let_in.sort()).toEqual(['certificateRenew', 'telemetrySend']);
  });

  it('the scrape token opens /metrics and nothing else', async () => {
    const wrong: string[] = [];
    for (const [name, endpoint] of closed) {
      const { status } = await call(endpoint, { token: 'scrape-token-of-the-policy-table-test' });
      if (status !== (name === 'metricsScrape' ? 200 : 403)) wrong.push(`${name}: ${status}`);
    }
    expect(wrong).toEqual([]);
  });

  it.each([
    ['nobody', {}],
    ['a garbage bearer', { token: 'garbage' }],
    ['a garbage device token', { token: `vtd_${'A'.repeat(43)}` }],
    ['a bearer that looks like an access token', { token: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.' }],
    ['a garbage cookie', { cookie: '__Host-valtronics=garbage' }],
    ['a well-formed cookie of no session', { cookie: `__Host-valtronics=vts_${'A'.repeat(43)}` }],
  ] satisfies [string, As][])('%s gets 401 everywhere but on open endpoints', async (_, as) => {
    const wrong: string[] = [];
    for (const [name, endpoint] of closed) {
      const answer = await call(endpoint, as);
      if (
        answer.status !== 401 ||
        answer.json?.code !== 'not_authenticated' ||
        answer.headers['www-authenticate'] !== 'Bearer'
      )
        wrong.push(`${name}: ${answer.status}`);
    }
    for (const [name, endpoint] of open) {
      const { status, json } = await call(endpoint, as);
      if (status === 403 || status >= 500 || json?.code === 'not_authenticated') wrong.push(`${name}: ${status}`);
    }
    expect(wrong).toEqual([]);
  });

  it('the refusal comes before the request is looked at: a stranger learns nothing about paths and bodies', async () => {
    for (const [, endpoint] of closed.filter(([, { params }]) => params)) {
      const path = (endpoint.root ? '' : '/api/v1') + endpoint.path.replaceAll(/\{\w+\}/g, 'not-an-id');
      clock.advance(100);
      const answer = await app.call(endpoint.method, path, { rawBody: '{' });
      expect([endpoint.path, answer.status]).toEqual([endpoint.path, 401]);
    }
  });
});

describe('a write by cookie', () => {
  it.each([
    ['no Origin', null],
    ['another origin', 'https://evil.example'],
    ['an origin that only begins like ours', 'https://localhost:80.evil.example'],
    ['the opaque origin', 'null'],
  ] as const)('with %s is refused, a read is not', async (_, origin) => {
    const cookie = await aSession('admin');
    // What is for devices alone is refused to a browser for that reason already.
    for (const [name, endpoint] of closed.filter(([, { access }]) => access.kind !== 'device')) {
      const answer = await call(endpoint, { cookie, origin });
      if (endpoint.method === 'GET') expect([name, [401, 403].includes(answer.status)]).toEqual([name, false]);
      else expect([name, answer.status, answer.json?.code]).toEqual([name, 403, 'origin_refused']);
    }
  });
});

describe('live streams', () => {
  it('each asks for a permission that the table gives to somebody, and not to everybody where it writes', () => {
    for (const { access, direction, channel } of streams) {
      if (access.kind !== 'needs') throw new Error(`${channel} is not for people with a permission`);
      const holders = everyRole.filter((role) => overview[role].includes(access.permission));
      expect(holders.length).toBeGreaterThan(0);
      if (direction === 'publish') expect(holders).toEqual(['admin', 'operator']);
    }
  });
});
