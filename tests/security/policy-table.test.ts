import { randomUUID } from 'node:crypto';
import { type Endpoint, endpoints, type Permission, type Role, streams } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../server/src/security/crypto/tokens.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';

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
  [/^\/devices\/\{id\}\/credentials/, 'GET', ['device:write']],
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
  it('a device may send telemetry and nothing else', async () => {
    const let_in: string[] = [];
    const wrong: string[] = [];
    for (const [name, endpoint] of closed) {
      const { status } = await call(endpoint, { token: device.token });
      if (mayPass(endpoint, 'device')) let_in.push(name);
      if (mayPass(endpoint, 'device') ? [401, 403].includes(status) || status >= 500 : status !== 403)
        wrong.push(`${name}: ${status}`);
    }
    expect(wrong).toEqual([]);
    expect(let_in).toEqual(['telemetrySend']);
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
    for (const [name, endpoint] of closed) {
      const answer = await call(endpoint, { cookie, origin });
      if (endpoint.method === 'GET') expect([name, [401, 403].includes(answer.status)]).toEqual([name, false]);
      else expect([name, answer.status, answer.json?.code]).toEqual([name, 403, 'origin_refused']);
    }
  });
});

describe('limits', () => {
  const flood = async (count: number, one: () => Promise<Answer>): Promise<Answer[]> =>
    Promise.all(Array.from({ length: count }, one));

  function expectLetThrough(answers: Answer[], count: number): void {
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.length - refused.length).toBe(count);
    for (const { headers, json } of refused) {
      expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
      expect(json).toMatchObject({ code: 'too_many_requests', status: 429 });
    }
  }

  it('login: 5 at once from one address, one more after a second, and another address is not in the way', async () => {
    const from = freshAddress();
    const body = { refreshToken: `vtr_${'A'.repeat(43)}` };
    const ask = (address: string) => app.call('POST', '/api/v1/auth/refresh', { body, from: address });
    expectLetThrough(await flood(12, () => ask(from)), 5);
    clock.advance(1_000);
    expectLetThrough(await flood(4, () => ask(from)), 1);
    expectLetThrough([await ask(freshAddress())], 1);
  });

  it('api: 20 at once for a caller who is not signed in, 10 a second after that', async () => {
    const from = freshAddress();
    const ask = () => app.call('GET', '/api/v1/openapi.json', { from });
    expectLetThrough(await flood(30, ask), 20);
    clock.advance(1_000);
    expectLetThrough(await flood(15, ask), 10);
  });

  it('api: 200 at once for a person, whatever address they call from, and another person is served meanwhile', async () => {
    const [one, two] = [freshAddress(), freshAddress()];
    let calls = 0;
    const ask = () => {
      calls += 1;
      return app.call('GET', '/api/v1/auth/me', { token: people.user.accessToken, from: calls % 2 ? one : two });
    };
    expectLetThrough(await flood(230, ask), 200);
    expectLetThrough([await app.call('GET', '/api/v1/auth/me', { token: people.analyst.accessToken, from: one })], 1);
  });

  it('ingest: 1,000 messages at once for a device, and another device is served meanwhile', async () => {
    const other = await app.aDevice(people.admin);
    // A body that is refused after the limit was spent: what is counted is the message, not what is in it.
    const send = (token: string) => app.call('POST', '/api/v1/telemetry', { token, body: {}, from: freshAddress() });
    clock.advance(10_000);
    const spender = freshAddress();
    const ask = () => app.call('POST', '/api/v1/telemetry', { token: device.token, body: {}, from: spender });
    expectLetThrough(await flood(600, ask), 600);
    clock.advance(1_500);
    // 600 spent, 150 earned back: 550 are left.
    expectLetThrough(await flood(560, ask), 550);
    expect((await send(other.token)).status).toBe(400);
  });

  it('a refused credential costs the address 21 of its 1,000, so guessing slows itself down', async () => {
    const from = freshAddress();
    const answers = await flood(60, () => app.call('GET', '/api/v1/auth/me', { token: 'garbage', from }));
    expectLetThrough(answers, 20);
    // What is earned back goes in small coins, so those who do have a credential are served meanwhile.
    clock.advance(2);
    expectLetThrough([await app.call('GET', '/api/v1/auth/me', { token: people.user.accessToken, from })], 1);
  });

  it('an address that does not exist is counted like any other', async () => {
    const from = freshAddress();
    const answers = await flood(1_010, () => app.call('GET', '/api/v1/no-such-thing', { from }));
    expectLetThrough(answers, 1_000);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404, 429]));
  });
});

describe('another organisation', () => {
  it('finds every id of ours as missing, with the same bytes but for the request id', async () => {
    const strangers = await app.aPerson('admin', await app.anotherOrganisation());
    const { admin } = people;
    const created = async (path: string, body: unknown) => {
      const answer = await app.call('POST', `/api/v1${path}`, { token: admin.accessToken, body });
      expect([path, answer.status, answer.text]).toEqual([path, 201, answer.text]);
      return answer.json;
    };
    const rule = await created('/alert-rules', {
      name: 'Too warm',
      metric: 'temperature',
      condition: 'gt',
      threshold: 5,
      severity: 'warning',
      cooldownSeconds: 0,
      enabled: true,
    });
    const channel = await created('/notification-channels', {
      name: 'Night shift',
      kind: 'email',
      target: 'night@example.org',
      minimumSeverity: 'info',
    });
    const credentials = await app.call('GET', `/api/v1/devices/${device.id}/credentials`, { token: admin.accessToken });
    const owned: Record<string, string> = {
      '/devices': device.id,
      '/users': people.user.userId,
      '/alert-rules': rule.id,
      '/notification-channels': channel.id ?? channel.channel?.id,
      '/alerts': randomUUID(),
      '/auth': randomUUID(),
    };
    const wrong: string[] = [];
    for (const [name, endpoint] of closed.filter(([, { params }]) => params)) {
      const id = owned[Object.keys(owned).find((prefix) => endpoint.path.startsWith(prefix)) ?? ''];
      if (id === undefined) {
        wrong.push(`${name}: say here which id of ours belongs to ${endpoint.path}`);
        continue;
      }
      const body = validBodies[name];
      const ask = async (ids: Record<string, string>) => {
        clock.advance(100);
        const answer = await app.call(endpoint.method, pathOf(endpoint, ids), {
          token: strangers.accessToken,
          ...(body === undefined ? {} : { body }),
        });
        return {
          status: answer.status,
          bytes: answer.text.replace(/"requestId":"[^"]+"/, ''),
          type: answer.headers['content-type'],
        };
      };
      const ours = await ask({ id, credentialId: credentials.json.items[0].id });
      const missing = await ask({ id: randomUUID(), credentialId: randomUUID() });
      if (missing.status !== 404) wrong.push(`${name}: a missing one gives ${missing.status} ${missing.bytes}`);
      if (JSON.stringify(ours) !== JSON.stringify(missing))
        wrong.push(`${name}: ${JSON.stringify(ours)} tells that it exists`);
    }
    expect(wrong).toEqual([]);
    // And nothing of ours was changed by trying.
    const still = await app.call('GET', `/api/v1/devices/${device.id}`, { token: admin.accessToken });
    expect(still.json).toMatchObject({ id: device.id, name: 'A device' });
  });

  it('cannot be reached through ids inside a body either', async () => {
    const strangers = await app.aPerson('admin', await app.anotherOrganisation());
    const post = (path: string, body: unknown) =>
      app.call('POST', `/api/v1${path}`, { token: strangers.accessToken, body });
    const bytes = ({ status, text }: Answer, id: string) =>
      `${status} ${text.replace(/"requestId":"[^"]+"/, '').replaceAll(id, '')}`;
    const bodies: [string, string, (id: string) => unknown][] = [
      ['/devices', people.user.userId, (id) => ({ name: 'Theirs', type: 'temperature', ownerId: id })],
      ['/alert-rules', device.id, (id) => ({ ...aRule, deviceId: id })],
      ['/alert-rules/dry-run', device.id, (id) => ({ rule: { ...aRule, deviceId: id }, ...aRange })],
      ['/telemetry', device.id, (id) => ({ points: [{ deviceId: id, metric: 'temperature', value: 1 }] })],
    ];
    for (const [path, ours, body] of bodies) {
      const missing = randomUUID();
      const [theirs, none] = [await post(path, body(ours)), await post(path, body(missing))];
      expect([path, bytes(theirs, ours)]).toEqual([path, bytes(none, missing)]);
      expect([path, none.status < 500]).toEqual([path, true]);
      if (path === '/telemetry') expect(none.json.rejected).toMatchObject([{ index: 0, code: 'unknown_device' }]);
      else if (path === '/alert-rules/dry-run') expect(none.json).toMatchObject({ devices: 0, evaluatedPoints: 0 });
      else expect([path, none.status >= 400]).toEqual([path, true]);
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

const aRule = {
  name: 'Too warm',
  metric: 'temperature',
  condition: 'gt',
  threshold: 5,
  severity: 'warning',
  cooldownSeconds: 0,
  enabled: true,
};
const aRange = { from: '2026-01-01T00:00:00.000Z', to: '2026-01-02T00:00:00.000Z' };

/** So that the answer depends on the id alone. */
const validBodies: Record<string, unknown> = {
  deviceChange: { name: 'Renamed by a stranger', type: 'temperature' },
  credentialCreate: {},
  commandSend: { name: 'reboot' },
  userChange: { name: 'Renamed by a stranger' },
  alertRuleChange: aRule,
  alertAcknowledge: {},
  alertResolve: {},
  alertNote: { note: 'by a stranger' },
  channelChange: { name: 'Renamed by a stranger' },
  channelTest: {},
};
