import type { Permission } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aLiveClient } from '../support/live.ts';
import { PASSWORD_IN_APPS } from '../support/secret-sieve.ts';

// Keys of programs: what they may at the moment of use, from where, for how long, and who may make them.

const DAY_MS = 86_400_000;
const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;

beforeAll(async () => {
  app = await anApp({ clock, env: { VALTRONICS_ACCESS_TOKEN_MINUTES: '60', VALTRONICS_TRUSTED_PROXIES: '127.0.0.1' } });
  admin = await app.aPerson('admin');
});
beforeEach(async () => {
  clock.advance(5_000);
  await app.freshProof(admin);
});
afterAll(() => app?.stop());

type Options = Omit<Parameters<TestApp['call']>[2] & object, 'token'>;
const by =
  (token: string) =>
  (method: string, path: string, body?: unknown, options: Options = {}) =>
    app.call(method, `/api/v1${path}`, {
      token,
      from: freshAddress(),
      ...(body === undefined ? {} : { body }),
      ...options,
    });
const as = (person: Person) => by(person.accessToken);
const said = ({ status, json }: Answer) => `${status} ${json?.code ?? ''}`.trim();
const aKey = (list: readonly Permission[] = ['device:read'], more: Record<string, unknown> = {}) =>
  app.aKey(admin, 'operator', list, more);
const statusOf = async (secret: string, options: Options = {}) =>
  (await by(secret)('GET', '/devices', undefined, options)).status;

/** A key of the person's own. */
async function ownKey(person: Person, list: readonly Permission[]): Promise<{ id: string; secret: string }> {
  const created = await as(person)('POST', '/auth/api-keys', { label: 'My key', permissions: list });
  expect([created.status, created.text]).toEqual([201, created.text]);
  return { id: created.json.key.id, secret: created.json.secret };
}

describe('a key', () => {
  it('[ASVS 11.5.1] is 256 random bits behind a prefix that scanners find, shown once and kept as a hash', async () => {
    const { id, secret } = await aKey();
    expect(secret).toMatch(/^vtk_[A-Za-z0-9_-]{43}$/);
    expect((await by(secret)('GET', '/devices')).status).toBe(200);
    const listed = await as(admin)('GET', '/api-keys');
    expect(listed.text).toContain(id);
    expect(listed.text).not.toContain(secret.slice(4));
    const everything = await app.database.admin.query(
      `select row_to_json(k)::text as row from api_keys k union all select row_to_json(a)::text from audit_events a`,
    );
    expect(everything.rows.map(({ row }) => row).join()).not.toContain(secret.slice(4));
  });

  it('is listed with owner, maker, end and last use', async () => {
    const { id, secret, ownerId } = await aKey(['device:read'], { expiresInDays: 30 });
    const find = async () => {
      const { json } = await as(admin)('GET', `/api-keys?ownerId=${ownerId}`);
      expect(json.items).toHaveLength(1);
      return json.items[0];
    };
    expect(await find()).toMatchObject({
      id,
      label: 'A key',
      owner: { id: ownerId, name: 'A program as operator', kind: 'service' },
      createdBy: { id: admin.userId, name: admin.email },
      permissions: ['device:read'],
      networks: [],
      expiresAt: new Date(clock.now() + 30 * DAY_MS).toISOString(),
      lastUsedAt: null,
      lastUsedAddress: null,
    });
    const from = freshAddress();
    expect(await statusOf(secret, { from })).toBe(200);
    expect(await find()).toMatchObject({ lastUsedAt: clock.date().toISOString(), lastUsedAddress: from });
  });

  it('ends: after ninety days unless told, and never later than a year', async () => {
    const { secret } = await aKey();
    const { secret: longer } = await aKey(['device:read'], { expiresInDays: 365 });
    clock.advance(90 * DAY_MS - 1_000);
    expect(await statusOf(secret)).toBe(200);
    clock.advance(1_000);
    expect(await statusOf(secret)).toBe(401);
    clock.advance(275 * DAY_MS - 1_000);
    expect(await statusOf(longer)).toBe(200);
    clock.advance(1_000);
    expect(await statusOf(longer)).toBe(401);
    clock.set(Date.now());
    const tooLong = await as(admin)('POST', '/auth/api-keys', {
      label: 'For ever',
      permissions: ['device:read'],
      expiresInDays: 366,
    });
    expect(tooLong.status).toBe(400);
  });

  it('[ASVS 7.4.1] that is revoked is refused at the next request, and its open connections end within a second', async () => {
    const { id, secret } = await aKey();
    const client = await aLiveClient(app, secret);
    client.say({ type: 'subscribe', id: 1, channel: 'devices' });
    expect(await client.next()).toMatchObject({ type: 'subscribed' });
    const before = performance.now();
    expect((await as(admin)('DELETE', `/api-keys/${id}`)).status).toBe(204);
    expect(await client.closed).toBe(4401);
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(await statusOf(secret)).toBe(401);
    expect(said(await as(admin)('DELETE', `/api-keys/${id}`))).toBe('404 not_found');
  });

  it('[ASVS 8.2.4] is good from its networks only, however the address is written', async () => {
    const { secret } = await aKey(['device:read'], { networks: ['127.50.0.0/16', '2001:db8:7::/48', '192.0.2.7'] });
    const forwarded = (address: string) =>
      statusOf(secret, { from: '127.0.0.1', headers: { 'x-forwarded-for': address } });
    expect(await statusOf(secret, { from: '127.50.3.4' })).toBe(200);
    expect(await statusOf(secret, { from: '127.51.3.4' })).toBe(401);
    expect(await forwarded('192.0.2.7')).toBe(200);
    expect(await forwarded('::ffff:192.0.2.7')).toBe(200);
    expect(await forwarded('192.0.2.8')).toBe(401);
    expect(await forwarded('2001:db8:7:1::9')).toBe(200);
    expect(await forwarded('2001:0db8:0007:0000::9')).toBe(200);
    expect(await forwarded('2001:db8:8::9')).toBe(401);
    for (const network of ['10.0.0.0/0', 'everywhere', '10.0.0.0/33', '::ffff:10.0.0.1'])
      expect(
        said(
          await as(admin)('POST', '/auth/api-keys', { label: 'x', permissions: ['device:read'], networks: [network] }),
        ),
      ).toBe('400 invalid_request');
  });

  it('[ASVS 8.2.4] elsewhere than in its networks opens no live connection either', async () => {
    const { secret } = await aKey(['device:read'], { networks: ['192.0.2.0/24'] });
    expect(await (await aLiveClient(app, secret)).closed).toBe(4401);
  });

  it('[ASVS 10.3.2] may what it was given, not what its owner may besides', async () => {
    const { secret } = await aKey(['device:read']);
    expect((await by(secret)('GET', '/alerts')).status).toBe(403);
    expect((await by(secret)('GET', '/auth/me')).json.permissions).toEqual(['device:read']);
  });

  it('never proves anything anew: what takes a step-up is closed to it, but for rotating the credentials of devices', async () => {
    const { secret } = await app.aKey(admin, 'admin', ['user:manage', 'device:write', 'device:delete', 'device:read']);
    const device = await app.aDevice(admin);
    expect(said(await by(secret)('POST', '/roles', { name: 'by-a-key', permissions: [] }))).toBe('403 forbidden');
    expect(said(await by(secret)('DELETE', `/devices/${device.id}`))).toBe('403 forbidden');
    expect(said(await by(secret)('GET', '/auth/sessions'))).toBe('403 forbidden');
    expect((await by(secret)('POST', `/devices/${device.id}/credentials`, {})).status).toBe(201);
  });

  it('[ASVS 16.2.1] is named by the log in what it did', async () => {
    const { id, secret } = await aKey(['device:write']);
    const registered = await by(secret)('POST', '/devices', { name: 'By a program', type: 'temperature' });
    expect(registered.status).toBe(201);
    const { json } = await as(admin)('GET', `/audit-events?resourceId=${registered.json.device.id}`);
    expect(json.items).toMatchObject([{ event: 'device.registered', actor: { kind: 'api_key', id, label: 'A key' } }]);
  });

  it.each([
    ['a changed last character', (secret: string) => secret.slice(0, -1) + (secret.endsWith('A') ? 'E' : 'A')],
    ['a character more', (secret: string) => `${secret}A`],
    ['another case', (secret: string) => secret.replace('vtk_', 'VTK_')],
    ['the prefix of a device token', (secret: string) => secret.replace('vtk_', 'vtd_')],
  ])('with %s is no key', async (_, change) => {
    const { secret } = await aKey();
    expect(await statusOf(change(secret))).toBe(401);
  });

  it('is neither a session nor a device: not as a cookie, not over MQTT topics of a device', async () => {
    const { secret } = await aKey();
    const cookie = await app.call('GET', '/api/v1/devices', {
      cookie: `__Host-valtronics=${secret}`,
      from: freshAddress(),
    });
    expect(cookie.status).toBe(401);
  });
});

describe('a key never may more than its maker and its owner may now', () => {
  it('[ASVS 8.3.2] nothing, once its maker is disabled; open connections end within a second', async () => {
    const maker = await app.aPerson('admin');
    const { secret } = await app.aKey(maker, 'operator', ['device:read']);
    const client = await aLiveClient(app, secret);
    client.say({ type: 'ping' });
    await client.next();
    expect(await statusOf(secret)).toBe(200);
    expect((await as(admin)('PATCH', `/users/${maker.userId}`, { status: 'disabled' })).status).toBe(200);
    expect(await statusOf(secret)).toBe(401);
    expect(await client.closed).toBe(4401);
    expect((await as(admin)('PATCH', `/users/${maker.userId}`, { status: 'active' })).status).toBe(200);
    expect(await statusOf(secret)).toBe(200);
  });

  it('[ASVS 8.3.2] less, once its maker is demoted', async () => {
    const maker = await app.aPerson('admin');
    const { secret } = await app.aKey(maker, 'operator', ['device:read', 'device:write']);
    const register = () => by(secret)('POST', '/devices', {});
    expect((await register()).status).toBe(400);
    const client = await aLiveClient(app, secret);
    client.say({ type: 'ping' });
    await client.next();
    expect((await as(admin)('PATCH', `/users/${maker.userId}`, { role: 'user' })).status).toBe(200);
    expect((await register()).status).toBe(403);
    expect(await statusOf(secret)).toBe(200);
    expect(await client.closed).toBe(4401);
  });

  it('[ASVS 8.3.2] less, once its owner’s role gives less, and nothing once the owner is disabled', async () => {
    const role = await app.aRole('of-programs', ['device:read', 'alert:read']);
    const { secret, ownerId } = await app.aKey(admin, role, ['device:read', 'alert:read']);
    expect((await by(secret)('GET', '/alerts')).status).toBe(200);
    expect((await as(admin)('PATCH', `/roles/${role}`, { permissions: ['device:read'] })).status).toBe(200);
    expect((await by(secret)('GET', '/alerts')).status).toBe(403);
    expect(await statusOf(secret)).toBe(200);
    expect((await as(admin)('PATCH', `/users/${ownerId}`, { status: 'disabled' })).status).toBe(200);
    expect(await statusOf(secret)).toBe(401);
  });

  it('[ASVS 8.2.1] from the first moment: a key with more is not made', async () => {
    const user = await app.aPerson('user');
    const own = await as(user)('POST', '/auth/api-keys', {
      label: 'More',
      permissions: ['device:read', 'device:write'],
    });
    expect(said(own)).toBe('403 forbidden');
    const { ownerId } = await app.aKey(admin, 'user', ['device:read']);
    const body = { label: 'More', ownerId, permissions: ['device:write'] };
    expect(said(await as(admin)('POST', '/api-keys', body))).toBe('403 forbidden');
  });
});

describe('keys of one’s own', () => {
  it('are made, seen and revoked by their owner, within their rights', async () => {
    const user = await app.aPerson('user');
    const { id, secret } = await ownKey(user, ['device:read']);
    expect(await statusOf(secret)).toBe(200);
    expect((await as(user)('GET', '/auth/api-keys')).json.items).toMatchObject([
      { id, owner: { id: user.userId, kind: 'person' } },
    ]);
    expect((await as(user)('DELETE', `/auth/api-keys/${id}`)).status).toBe(204);
    expect(await statusOf(secret)).toBe(401);
  });

  it('[ASVS 8.2.2] of somebody else are neither seen nor revoked, whatever one’s role, but by who manages people', async () => {
    const [user, other] = [await app.aPerson('user'), await app.aPerson('operator')];
    const { id, secret } = await ownKey(user, ['device:read']);
    expect((await as(other)('GET', '/auth/api-keys')).json.items).toEqual([]);
    expect(said(await as(other)('DELETE', `/auth/api-keys/${id}`))).toBe('404 not_found');
    expect(said(await as(other)('DELETE', `/api-keys/${id}`))).toBe('403 forbidden');
    expect(await statusOf(secret)).toBe(200);
    expect((await as(admin)('DELETE', `/api-keys/${id}`)).status).toBe(204);
    expect(await statusOf(secret)).toBe(401);
  });

  it('are made by nobody else: no key acts in another person’s name', async () => {
    const user = await app.aPerson('user');
    const body = { label: 'As somebody', ownerId: user.userId, permissions: ['device:read'] };
    expect(said(await as(admin)('POST', '/api-keys', body))).toBe('400 invalid_request');
  });

  it('[ASVS 2.3.2, 2.3.4] are at most fifty, however many ask at once', async () => {
    const user = await app.aPerson('user');
    const make = () => as(user)('POST', '/auth/api-keys', { label: 'One of many', permissions: ['device:read'] });
    const answers = await Promise.all(Array.from({ length: 55 }, make));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(50);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(5);
  });

  it('[ASVS 7.5.3] take a fresh proof', async () => {
    const user = await app.aPerson('user');
    clock.advance(301_000);
    const late = await as(user)('POST', '/auth/api-keys', { label: 'Late', permissions: ['device:read'] });
    expect(said(late)).toBe('401 step_up_required');
  });
});

describe('a service account', () => {
  it('[ASVS 6.3.2] cannot be signed in to, whatever is tried', async () => {
    const { ownerId } = await aKey();
    const email = `${ownerId}@service.invalid`;
    const login = await by('')('POST', '/auth/login', { email, password: '' }, {});
    expect(login.status).toBe(400);
    const guessed = await app.call('POST', '/api/v1/auth/login', {
      body: { email, password: PASSWORD_IN_APPS },
      from: freshAddress(),
    });
    expect(said(guessed)).toBe('401 invalid_credentials');
    await expect(
      app.database.admin.query(`update users set password_hash = 'x' where id = $1`, [ownerId]),
    ).rejects.toMatchObject({ code: '23514' });
    // Nor would a session count that got into the table some other way.
    const user = await app.aPerson('user');
    await app.database.admin.query('update sessions set user_id = $2 where user_id = $1', [user.userId, ownerId]);
    expect((await as(user)('GET', '/auth/me')).status).toBe(401);
  });

  it('is among the people, is renamed, disabled and enabled like them', async () => {
    const { ownerId, secret } = await aKey();
    const change = (body: unknown) => as(admin)('PATCH', `/users/${ownerId}`, body);
    expect((await change({ name: 'Export to the warehouse' })).json).toMatchObject({
      kind: 'service',
      status: 'active',
    });
    const among = async (kind: string) => {
      const { json } = await as(admin)('GET', `/users?kind=${kind}&limit=1000`);
      return json.items.map((account: { id: string }) => account.id);
    };
    expect(await among('service')).toContain(ownerId);
    expect(await among('service')).not.toContain(admin.userId);
    expect(await among('person')).toContain(admin.userId);
    expect(await among('person')).not.toContain(ownerId);
    expect((await change({ status: 'disabled' })).status).toBe(200);
    expect(await statusOf(secret)).toBe(401);
    expect((await change({ status: 'active' })).json).toMatchObject({ status: 'active' });
    expect(await statusOf(secret)).toBe(200);
  });
});
