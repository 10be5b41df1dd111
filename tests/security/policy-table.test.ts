import { randomUUID } from 'node:crypto';
import {
  type Access,
  type BuiltInRole,
  type Endpoint,
  endpoints,
  type Permission,
  permissions,
  streams,
} from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../server/src/security/crypto/tokens.ts';
import { type Answer, anApp, type Person, type TestApp } from '../support/app.ts';
import { aLiveClient } from '../support/live.ts';

// Net 4: every endpoint × everybody. The table of the security overview ("Authorization") is written out here a second time on
// purpose: a slip in the contract must not agree with itself. Endpoints come from the contract, so a new one is covered by being there.
const overview: Record<BuiltInRole, readonly Permission[]> = {
  admin: [
    'device:read',
    'device:write',
    'device:delete',
    'telemetry:read',
    'telemetry:write',
    'health:read',
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
    'health:read',
    'alert:read',
    'alert:write',
    'alert:acknowledge',
    'analytics:read',
  ],
  analyst: ['device:read', 'telemetry:read', 'health:read', 'alert:read', 'analytics:read', 'analytics:export'],
  user: ['device:read', 'telemetry:read', 'alert:read'],
};
const everyRole = Object.keys(overview) as BuiltInRole[];

/** Which permissions an area may ask for, from the interface document. */
const areas: readonly [
  RegExp,
  'GET' | 'write',
  readonly (Permission | 'open' | 'signedIn' | 'device' | 'bouncer')[],
][] = [
  [/^\/(health|\.well-known|docs|openapi)/, 'GET', ['open']],
  [/^\/metrics$/, 'GET', ['system:admin']],
  [/^\/auth\/(me|sessions|factors|api-keys)/, 'GET', ['signedIn']],
  [/^\/auth\/(me|sessions|password$|factors|step-up|api-keys)/, 'write', ['signedIn']],
  [/^\/auth\/(login|refresh|logout|invitations|mfa|passkey|password\/)/, 'write', ['open']],
  [/^\/auth\/session(\/verify)?$/, 'write', ['open', 'signedIn']],
  [/^\/auth\/(providers|oidc)/, 'GET', ['open']],
  [/^\/auth\/oidc/, 'write', ['open']],
  [/^\/auth\/identities/, 'GET', ['signedIn']],
  [/^\/auth\/identities/, 'write', ['signedIn']],
  [/^\/(devices|subjects)\/\{id\}\/reveal$/, 'write', ['device:read']],
  [/^\/users\/\{id\}\/reveal$/, 'write', ['system:admin']],
  [/^\/notification-channels\/\{id\}\/reveal$/, 'write', ['alert:read']],
  [/^\/identity-providers/, 'GET', ['user:manage']],
  [/^\/identity-providers/, 'write', ['user:manage']],
  [/^\/(users|roles|device-groups|api-keys)/, 'GET', ['user:manage']],
  [/^\/(users|roles|device-groups|service-accounts|api-keys)/, 'write', ['user:manage']],
  [/^\/field-catalogue$/, 'GET', ['system:admin']],
  [/^\/devices\/\{id\}\/(credentials|certificates)/, 'GET', ['device:write']],
  [/^\/(device-authority|device-provisioning\/claims)$/, 'GET', ['device:write']],
  [/^\/device-provisioning\/claims/, 'write', ['device:write']],
  [/^\/device-provisioning\/enrol$/, 'write', ['open']],
  [/^\/device\/certificate\/renew$/, 'write', ['device']],
  [/^\/devices/, 'GET', ['device:read']],
  [/^\/devices/, 'write', ['device:write', 'device:delete']],
  [/^\/subjects\/(erasures|\{id\}\/erasure)$/, 'GET', ['device:write']],
  [/^\/subjects/, 'GET', ['device:read']],
  [/^\/subjects/, 'write', ['device:write']],
  [/^\/telemetry\/summary$/, 'GET', ['analytics:read']],
  [/^\/telemetry/, 'GET', ['telemetry:read']],
  [/^\/telemetry$/, 'write', ['telemetry:write']],
  [/^\/telemetry\/health$/, 'write', ['device:write']],
  [/^\/alert-rules/, 'GET', ['alert:read']],
  [/^\/alert-rules/, 'write', ['alert:write']],
  [/^\/alerts/, 'GET', ['alert:read']],
  [/^\/alerts/, 'write', ['alert:acknowledge']],
  [/^\/settings/, 'GET', ['config:manage']],
  [/^\/notification-channels/, 'GET', ['alert:read']],
  [/^\/(settings|notification-channels)/, 'write', ['config:manage']],
  [/^\/audit-(events|log)/, 'GET', ['system:admin']],
  [/^\/audit-events\/export$/, 'write', ['system:admin']],
  [/^\/(security-events|detections|detection-scenarios)/, 'GET', ['system:admin']],
  [/^\/detection-scenarios/, 'write', ['system:admin']],
  [/^\/incidents/, 'GET', ['system:admin']],
  [/^\/incidents/, 'write', ['system:admin']],
  [/^\/siem-destinations/, 'GET', ['system:admin']],
  [/^\/siem-destinations/, 'write', ['system:admin']],
  [/^\/(blocks|allow-list|bouncers)/, 'GET', ['system:admin']],
  [/^\/(blocks|allow-list|bouncers)/, 'write', ['system:admin']],
  [/^\/keys/, 'GET', ['system:admin']],
  [/^\/keys/, 'write', ['system:admin']],
  [/^\/backups/, 'GET', ['system:admin']],
  [/^\/backups/, 'write', ['system:admin']],
  [/^\/v1\/decisions\/stream$/, 'GET', ['bouncer']],
];

const all: [string, Endpoint][] = Object.entries(endpoints);
const closed = all.filter(([, { access }]) => access.kind !== 'open');
const open = all.filter(([, { access }]) => access.kind === 'open');

/** Somebody to be let in or not: a person, a key or a device, and what they hold. */
interface Who {
  readonly kind: 'person' | 'key' | 'device';
  readonly holds: readonly Permission[];
}
const aPersonWith = (holds: readonly Permission[]): Who => ({ kind: 'person', holds });
const aKeyWith = (holds: readonly Permission[]): Who => ({ kind: 'key', holds });
const aDevice: Who = { kind: 'device', holds: [] };

/** What takes a step-up and is open to keys all the same, with the reason; written out a second time on purpose. */
const proofThatKeysNeedNot = {
  certificateIssue: 'certificates end within months, so programs renew them too',
  certificateRevoke: 'the other half of a renewal',
  claimRevoke: 'what is not used any more is withdrawn by who made it',
  claimsCreate: 'devices are made by the batch, and by programs',
  credentialCreate: 'rotating the credentials of devices is what programs are for',
  credentialRevoke: 'the other half of a rotation',
};

/** What each may do is decided from the table above and the declaration alone. */
function mayPass(access: Access, who: Who): boolean {
  if (access.kind === 'open') return true;
  if (who.kind === 'device') return access.kind === 'device' || (access.kind === 'needs' && access.orDevice);
  if (access.kind === 'bouncer') return false;
  if (access.kind === 'device' || (who.kind === 'key' && !access.orKey)) return false;
  return access.kind === 'signedIn' || who.holds.includes(access.permission);
}

const pathOf = (endpoint: Endpoint, ids: Record<string, string> = {}): string =>
  (endpoint.root ? '' : '/api/v1') +
  endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? randomUUID());

// Time moves by our hand only, so that every limit is exact and none is in another test's way.
const clock = manualClock(Date.now());
let app: TestApp;
const people = {} as Record<BuiltInRole, Person>;
/** For each permission somebody who holds it alone, and a key that does though its owner and maker hold all. */
const single = new Map<Permission, { person: Person; key: string }>();
let fullKey: string;
/** An administrator who sees no device: what they may do is the same, what they may do it to is another matter. */
let limited: Person;
let device: { id: string; token: string };

beforeAll(async () => {
  app = await anApp({
    clock,
    webFolder: import.meta.dirname,
    env: { VALTRONICS_METRICS_TOKEN: 'scrape-token-of-the-policy-table-test', VALTRONICS_ACCESS_TOKEN_MINUTES: '60' },
  });
  for (const role of everyRole) {
    people[role] = await app.aPerson(role);
  }
  for (const permission of permissions) {
    const role = await app.aRole(`only-${permission.replace(':', '-')}`, [permission]);
    const key = await app.aKey(people.admin, 'admin', [permission]);
    single.set(permission, { person: await app.aPerson(role), key: key.secret });
    clock.advance(1_000);
  }
  limited = await app.aPerson('admin');
  await app.database.admin.query(`update users set device_scope = 'limited' where id = $1`, [limited.userId]);
  fullKey = (await app.aKey(people.admin, 'admin', permissions)).secret;
  device = await app.aDevice(people.admin);
});
beforeEach(async () => {
  clock.advance(5_000);
  for (const person of [limited, ...Object.values(people), ...[...single.values()].map((one) => one.person)])
    await app.freshProof(person);
});
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
async function aSession({ userId }: Person): Promise<string> {
  const token = newOpaqueToken(tokenPrefixes.session);
  await app.database.admin.query(
    `insert into sessions (id, organisation_id, user_id, kind, token_hash, created_at, last_seen_at, verified_at, idle_expires_at, absolute_expires_at)
     select gen_random_uuid(), organisation_id, id, 'browser', $2, $3::timestamptz, $3, $3, $3::timestamptz + interval '1 hour', $3::timestamptz + interval '12 hours'
     from users where id = $1`,
    [userId, tokenHash(token), clock.date()],
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

/** Where somebody is let in who should not be, or the other way round. */
async function misjudged(as: (endpoint: Endpoint) => Promise<As> | As, who: Who): Promise<string[]> {
  const wrong: string[] = [];
  for (const [name, endpoint] of all) {
    const answer = await call(endpoint, await as(endpoint));
    const expected = mayPass(endpoint.access, who) ? 'let in' : '403';
    const credentialInBody = endpoint.access.kind === 'open' && answer.json?.code !== 'not_authenticated';
    const seen =
      answer.status === 403
        ? '403'
        : answer.status >= 500 || (answer.status === 401 && !credentialInBody)
          ? String(answer.status)
          : 'let in';
    if (seen !== expected) wrong.push(`${name}: ${answer.status} instead of ${expected}`);
  }
  return wrong;
}
/** The one that ends the session it is called with gets a session of its own. */
const asPerson = (person: Person) => async (endpoint: Endpoint) =>
  endsItsSession(endpoint) ? { cookie: await aSession(person) } : { token: person.accessToken };

describe.each(everyRole)('%s', (role) => {
  it('[ASVS 8.2.1, 8.3.1] is refused with 403 where the table does not let them in, and never where it does', async () => {
    expect(await misjudged(asPerson(people[role]), aPersonWith(overview[role]))).toEqual([]);
  });

  it('has the same rights with a session cookie', async () => {
    const cookie = await aSession(people[role]);
    const wrong: string[] = [];
    for (const [name, endpoint] of closed.filter(
      ([name, one]) => !endsItsSession(one) && name !== 'sessionsRevokeOthers',
    )) {
      const { status } = await call(endpoint, { cookie });
      if (
        mayPass(endpoint.access, aPersonWith(overview[role]))
          ? [401, 403].includes(status) || status >= 500
          : status !== 403
      )
        wrong.push(`${name}: ${status}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe.each(permissions)('%s alone', (permission) => {
  it('[ASVS 8.2.1] opens to its holder what asks for it and nothing else', async () => {
    const person = single.get(permission)?.person;
    if (!person) throw new Error('nobody holds it');
    expect(await misjudged(asPerson(person), aPersonWith([permission]))).toEqual([]);
  });

  it('[ASVS 8.2.1, 10.3.2] opens the same to a key, but for what a person must prove anew', async () => {
    const token = single.get(permission)?.key;
    if (!token) throw new Error('no key holds it');
    expect(await misjudged(() => ({ token }), aKeyWith([permission]))).toEqual([]);
  });
});

describe('everybody else who holds permissions', () => {
  it('[ASVS 8.2.1] whoever is limited to device groups may do what their role gives', async () => {
    // These two are asked for no particular group, and refused before any is looked for: they are for who sees the whole fleet.
    expect(await misjudged(asPerson(limited), aPersonWith(permissions))).toEqual([
      'deviceGroupChange: 403 instead of let in',
      'deviceGroupDelete: 403 instead of let in',
    ]);
  });

  it('[ASVS 8.2.1] a service account with every permission may by its key what keys may', async () => {
    expect(await misjudged(() => ({ token: fullKey }), aKeyWith(permissions))).toEqual([]);
  });
});

describe('a proof that is older than five minutes', () => {
  const stepUp = closed.filter(([, { access }]) => 'stepUp' in access && access.stepUp);

  it('[ASVS 7.5.3, 8.4.2] is asked for: who may what, keys, credentials, and whatever deletes', () => {
    expect(stepUp.map(([name]) => name).toSorted()).toEqual([
      'alertRuleDelete',
      'allowListAdd',
      'allowListRemove',
      'apiKeyCreate',
      'apiKeyRevoke',
      'blockCreate',
      'bouncerCreate',
      'bouncerDelete',
      'certificateIssue',
      'certificateRevoke',
      'channelChange',
      'channelCreate',
      'channelDelete',
      'channelReveal',
      'claimRevoke',
      'claimsCreate',
      'credentialCreate',
      'credentialRevoke',
      'detectionScenarioChange',
      'deviceDelete',
      'deviceGroupChange',
      'deviceGroupCreate',
      'deviceGroupDelete',
      'deviceReveal',
      'factorRemove',
      'identityLink',
      'identityProviderChange',
      'identityProviderCreate',
      'identityProviderDelete',
      'identityProviderTest',
      'identityUnlink',
      'keysRotate',
      'ownApiKeyCreate',
      'ownApiKeyRevoke',
      'passkeyAdd',
      'passkeyBegin',
      'recoveryCodesRenew',
      'roleChange',
      'roleCreate',
      'roleDelete',
      'serviceAccountCreate',
      'sessionRevoke',
      'sessionsRevokeOthers',
      'settingsChange',
      'siemDestinationBackfill',
      'siemDestinationChange',
      'siemDestinationCreate',
      'siemDestinationDelete',
      'siemDestinationTest',
      'subjectDelete',
      'subjectReveal',
      'totpAdd',
      'totpBegin',
      'userChange',
      'userFactorsReset',
      'userInvite',
      'userInviteAgain',
      'userPasswordReset',
      'userReveal',
      'userSessionsRevoke',
    ]);
    const openToKeys = stepUp.filter(([, { access }]) => mayPass(access, aKeyWith(permissions))).map(([name]) => name);
    expect(openToKeys.toSorted()).toEqual(Object.keys(proofThatKeysNeedNot));
  });

  it('[ASVS 7.5.3] closes these and leaves everything else open', async () => {
    const wrong: string[] = [];
    const cookie = await aSession(people.admin);
    clock.advance(301_000);
    for (const [name, endpoint] of closed.filter(([, one]) => !endsItsSession(one))) {
      const { status, json } = await call(endpoint, { cookie });
      const expected = stepUp.some(([one]) => one === name);
      if ((status === 401 && json.code === 'step_up_required') !== expected) wrong.push(`${name}: ${status}`);
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
      if (mayPass(endpoint.access, aDevice)) let_in.push(name);
      if (mayPass(endpoint.access, aDevice) ? [401, 403].includes(status) || status >= 500 : status !== 403)
        wrong.push(`${name}: ${status}`);
    }
    expect(wrong).toEqual([]);
    expect(let_in.sort()).toEqual(['certificateRenew', 'telemetrySend']);
  });

  it('[ASVS 13.4.5] the scrape token opens /metrics and nothing else', async () => {
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
    ['a garbage API key', { token: `vtk_${'A'.repeat(43)}` }],
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
        answer.headers['www-authenticate'] !== 'Bearer, DPoP algs="ES256 EdDSA"'
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
    const cookie = await aSession(people.admin);
    // What is for devices or firewalls alone is refused to a browser for that reason already.
    for (const [name, endpoint] of closed.filter(([, { access }]) => !['device', 'bouncer'].includes(access.kind))) {
      const answer = await call(endpoint, { cookie, origin });
      if (endpoint.method === 'GET') expect([name, [401, 403].includes(answer.status)]).toEqual([name, false]);
      else expect([name, answer.status, answer.json?.code]).toEqual([name, 403, 'origin_refused']);
    }
  });
});

describe('live streams', () => {
  /** What each stream answers: 'let in', or the code of the refusal. */
  async function answers(token: string): Promise<Record<string, string>> {
    const client = await aLiveClient(app, token);
    const said: Record<string, string> = {};
    for (const { channel, direction } of streams) {
      clock.advance(100);
      const request =
        direction === 'subscribe' ? { type: 'subscribe', channel } : { type: 'publish', points: [{ metric: 'x' }] };
      client.say({ ...request, id: `${direction} ${channel}` });
      const answer = (await client.next()) as { type: string; problem?: { code: string } };
      said[`${direction} ${channel}`] = answer.problem?.code ?? 'let in';
    }
    client.socket.close();
    await client.closed;
    return said;
  }
  const expectedOf = (who: Who) =>
    Object.fromEntries(
      streams.map(({ channel, direction, access }) => [
        `${direction} ${channel}`,
        mayPass(access, who) ? 'let in' : 'forbidden',
      ]),
    );

  it('[ASVS 8.2.1] let in by the same table: every role, every single permission, keys and devices', async () => {
    const seen: [string, Record<string, string>, Record<string, string>][] = [];
    const look = async (name: string, token: string, who: Who) =>
      seen.push([name, await answers(token), expectedOf(who)]);
    for (const role of everyRole) await look(role, people[role].accessToken, aPersonWith(overview[role]));
    for (const [permission, { person, key }] of single) {
      await look(permission, person.accessToken, aPersonWith([permission]));
      await look(`key ${permission}`, key, aKeyWith([permission]));
    }
    await look('limited', limited.accessToken, aPersonWith(permissions));
    await look('key', fullKey, aKeyWith(permissions));
    await look('device', device.token, aDevice);
    expect(seen.filter(([, said, expected]) => JSON.stringify(said) !== JSON.stringify(expected))).toEqual([]);
  });

  it.each(['garbage', `vtk_${'A'.repeat(43)}`, `vtd_${'A'.repeat(43)}`])('%s is closed with 4401', async (token) => {
    expect(await (await aLiveClient(app, token)).closed).toBe(4401);
  });

  it('writing is for those who run devices', () => {
    for (const { access, direction, channel } of streams) {
      if (access.kind !== 'needs') throw new Error(`${channel} is not for people with a permission`);
      const holders = everyRole.filter((role) => overview[role].includes(access.permission));
      expect(holders.length).toBeGreaterThan(0);
      if (direction === 'publish') expect(holders).toEqual(['admin', 'operator']);
    }
  });
});
