import { randomUUID } from 'node:crypto';
import { type Endpoint, endpoints, type Permission, permissions } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aLiveClient, type LiveClient } from '../support/live.ts';

// Who is limited to device groups: a device outside of them is a missing one, on every way in, with the same bytes.

const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
let limited: Person;
let group: string;
let inside: { id: string; token: string };
let outside: { id: string; token: string };
let rules: { inside: string; outside: string; fleet: string };

const as = (token: string) => (method: string, path: string, body?: unknown) =>
  app.call(method, `/api/v1${path}`, { token, from: freshAddress(), ...(body === undefined ? {} : { body }) });
const byAdmin: ReturnType<typeof as> = (...args) => as(admin.accessToken)(...args);
const byLimited: ReturnType<typeof as> = (...args) => as(limited.accessToken)(...args);
const said = ({ status, json }: Answer) => `${status} ${json?.code ?? ''}`.trim();
const bytesOf = ({ status, text }: Answer, ...ids: string[]) =>
  ids.reduce((bytes, id) => bytes.replaceAll(id, 'ID'), `${status} ${text.replace(/"requestId":"[^"]+"/, '')}`);
async function made(path: string, body: unknown) {
  const answer = await byAdmin('POST', path, body);
  expect([path, answer.status, answer.text]).toEqual([path, 201, answer.text]);
  return answer.json;
}
const idsIn = (answer: Answer): string[] => answer.json.items.map((item: { id: string }) => item.id);
const aRule = (name: string, deviceId?: string) => ({
  name,
  ...(deviceId === undefined ? {} : { deviceId }),
  metric: 'temperature',
  condition: 'gt',
  threshold: 50,
  severity: 'warning',
  cooldownSeconds: 0,
  enabled: true,
});
const limit = (person: Person, deviceGroupIds: readonly string[]) =>
  byAdmin('PATCH', `/users/${person.userId}`, { deviceScope: 'limited', deviceGroupIds });

/** Everything but what would let somebody decide who sees what: of that the tests below. */
const everything = permissions.filter((permission) => permission !== 'system:admin');

beforeAll(async () => {
  app = await anApp({ clock, env: { VALTRONICS_ACCESS_TOKEN_MINUTES: '60' } });
  admin = await app.aPerson('admin');
  limited = await app.aPerson(await app.aRole('ward', everything));
  [inside, outside] = [await app.aDevice(admin, { name: 'Inside' }), await app.aDevice(admin, { name: 'Outside' })];
  group = (await made('/device-groups', { name: 'Ward 7', deviceIds: [inside.id] })).id;
  rules = {
    inside: (await made('/alert-rules', aRule('Inside', inside.id))).id,
    outside: (await made('/alert-rules', aRule('Outside', outside.id))).id,
    fleet: (await made('/alert-rules', aRule('Fleet'))).id,
  };
  for (const device of [inside, outside]) {
    const points = [{ metric: 'temperature', value: 60 }];
    expect((await as(device.token)('POST', '/telemetry', { points })).status).toBe(200);
  }
  await alertsOfBoth();
  expect((await limit(limited, [group])).status).toBe(200);
});
beforeEach(async () => {
  clock.advance(2_000);
  await app.freshProof(admin);
  await app.freshProof(limited);
});
afterAll(() => app?.stop());

/** The rules are evaluated behind the commit. */
async function alertsOfBoth(): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await byAdmin('GET', '/alerts')).json.items.length >= 4) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no alerts came');
}

describe('who is limited to a device group', () => {
  it('[ASVS 8.2.2] sees its devices and no others in every list, count and measurement', async () => {
    expect(idsIn(await byAdmin('GET', '/devices'))).toEqual([inside.id, outside.id]);
    expect(idsIn(await byLimited('GET', '/devices'))).toEqual([inside.id]);
    expect((await byLimited('GET', '/devices/summary')).json).toMatchObject({ total: 1 });
    // The latest values follow from the journal, a moment after the points are acknowledged.
    const seesLatest = async () => (await byLimited('GET', '/telemetry/latest')).text.includes(inside.id);
    await expect.poll(seesLatest, { timeout: 20_000 }).toBe(true);
    const latest = await byLimited('GET', '/telemetry/latest');
    expect(latest.status).toBe(200);
    expect(latest.text).toContain(inside.id);
    expect(latest.text).not.toContain(outside.id);
    const alerts = await byLimited('GET', '/alerts');
    expect(alerts.text).toContain(inside.id);
    expect(alerts.text).not.toContain(outside.id);
    expect((await byLimited('GET', '/alerts/summary')).text).not.toBe((await byAdmin('GET', '/alerts/summary')).text);
    const seen = idsIn(await byLimited('GET', '/alert-rules'));
    expect(seen.toSorted()).toEqual([rules.inside, rules.fleet].toSorted());
  });

  it('[ASVS 8.2.2, 8.3.1] finds a device outside as a missing one, at every endpoint that takes its id', async () => {
    const range = `from=${new Date(clock.now() - 3_600_000).toISOString()}&to=${new Date(clock.now() + 60_000).toISOString()}`;
    const bodies: Record<string, unknown> = {
      deviceChange: { name: 'Renamed', type: 'temperature' },
      credentialCreate: {},
      commandSend: { name: 'reboot' },
      deviceAssign: { subjectId: randomUUID() },
      deviceReveal: { fields: ['serial'], reason: 'the guarantee asks for it' },
    };
    const withDevice = Object.entries(endpoints).filter(([, { path }]) => path.startsWith('/devices/{id}'));
    expect(withDevice.length).toBeGreaterThan(8);
    const wrong: string[] = [];
    const compare = async (name: string, ask: (id: string) => Promise<Answer>) => {
      const missing = randomUUID();
      const [there, none, seen] = [await ask(outside.id), await ask(missing), await ask(inside.id)];
      if (bytesOf(there, outside.id) !== bytesOf(none, missing)) wrong.push(`${name}: ${bytesOf(there, outside.id)}`);
      // The comparison means something only where a device that is seen gives another answer.
      if (bytesOf(seen, inside.id) === bytesOf(none, missing)) wrong.push(`${name}: all are missing`);
    };
    const isLast = ([, { method }]: [string, Endpoint]) => (method === 'DELETE' ? 1 : 0);
    for (const [name, endpoint] of withDevice.toSorted((a, b) => isLast(a) - isLast(b))) {
      // Deleting would take the device that is seen away; that it is refused outside is asked below.
      if (endpoint.method === 'DELETE') continue;
      // An assignment's own id is the other half of its address: asked with the subjects.
      if (name === 'deviceUnassign') continue;
      const path = (id: string) => endpoint.path.replaceAll('{id}', id);
      await compare(name, (id) => byLimited(endpoint.method, path(id), bodies[name]));
    }
    for (const path of [
      (id: string) => `/telemetry?deviceId=${id}&metric=temperature&${range}`,
      (id: string) => `/telemetry/history?deviceId=${id}&metric=temperature&${range}&interval=auto`,
      (id: string) => `/telemetry/latest?deviceId=${id}`,
      (id: string) => `/telemetry/metrics?deviceId=${id}`,
      (id: string) => `/alerts?deviceId=${id}`,
    ])
      await compare(path('ID'), (id) => byLimited('GET', path(id)));
    expect(wrong).toEqual([]);
  });

  it('[ASVS 8.2.2] deletes, revokes and answers nothing outside', async () => {
    const credentials = (await byAdmin('GET', `/devices/${outside.id}/credentials`)).json.items;
    const alert = (await byAdmin('GET', `/alerts?deviceId=${outside.id}`)).json.items[0].id;
    const tries = [
      await byLimited('DELETE', `/devices/${outside.id}`),
      await byLimited('DELETE', `/devices/${outside.id}/credentials/${credentials[0].id}`),
      await byLimited('GET', `/alerts/${alert}`),
      await byLimited('POST', `/alerts/${alert}/acknowledge`, {}),
      await byLimited('POST', `/alerts/${alert}/resolve`, {}),
      await byLimited('POST', `/alerts/${alert}/notes`, { note: 'seen' }),
      await byLimited('GET', `/alert-rules/${rules.outside}`),
      await byLimited('PUT', `/alert-rules/${rules.outside}`, aRule('Mine', inside.id)),
      await byLimited('DELETE', `/alert-rules/${rules.outside}`),
    ];
    expect(tries.map(said)).toEqual(tries.map(() => '404 not_found'));
    const own = (await byLimited('GET', `/alerts?deviceId=${inside.id}`)).json.items[0].id;
    expect((await byLimited('POST', `/alerts/${own}/acknowledge`, {})).status).toBe(200);
    expect((await byAdmin('GET', `/alerts/${alert}`)).json.status ?? 'active').toBe('active');
  });

  it('writes measurements for no device outside, over HTTP and live, in the words for a missing one', async () => {
    const points = (id: string) => [{ deviceId: id, metric: 'temperature', value: 1 }];
    const missing = randomUUID();
    const [there, none] = [
      await byLimited('POST', '/telemetry', { points: points(outside.id) }),
      await byLimited('POST', '/telemetry', { points: points(missing) }),
    ];
    expect(bytesOf(there, outside.id)).toBe(bytesOf(none, missing));
    expect((await byLimited('POST', '/telemetry', { points: points(inside.id) })).json.accepted).toBe(1);
    const client = await aLiveClient(app, limited.accessToken);
    client.say({ type: 'publish', id: 1, points: [...points(outside.id), ...points(inside.id)] });
    expect(await client.next()).toMatchObject({ accepted: 1, rejected: [{ index: 0, code: 'unknown_device' }] });
    client.socket.close();
  });

  it('makes rules for devices that are seen, and none for the fleet or a type', async () => {
    expect((await byLimited('POST', '/alert-rules', aRule('Mine', inside.id))).status).toBe(201);
    expect(said(await byLimited('POST', '/alert-rules', aRule('Theirs', outside.id)))).toBe('400 invalid_request');
    expect(said(await byLimited('POST', '/alert-rules', aRule('Everybody')))).toBe('403 forbidden');
    const ofType = { ...aRule('A type'), deviceType: 'temperature' };
    expect(said(await byLimited('POST', '/alert-rules', ofType))).toBe('403 forbidden');
    expect(said(await byLimited('PUT', `/alert-rules/${rules.fleet}`, aRule('Mine', inside.id)))).toBe('403 forbidden');
    expect(said(await byLimited('DELETE', `/alert-rules/${rules.fleet}`))).toBe('403 forbidden');
    expect((await byLimited('GET', `/alert-rules/${rules.fleet}`)).status).toBe(200);
    const dryRun = await byLimited('POST', '/alert-rules/dry-run', {
      rule: aRule('Fleet'),
      from: new Date(clock.now() - 3_600_000).toISOString(),
      to: new Date(clock.now() + 60_000).toISOString(),
    });
    expect(dryRun.json).toMatchObject({ devices: 1 });
  });

  it('owns what they register, and neither gives devices away nor takes them', async () => {
    const registered = await byLimited('POST', '/devices', { name: 'Mine', type: 'temperature' });
    expect(registered.json.device).toMatchObject({ ownerId: limited.userId });
    const { id } = registered.json.device;
    expect((await byLimited('GET', `/devices/${id}`)).status).toBe(200);
    expect(said(await byLimited('PATCH', `/devices/${id}`, { ownerId: null }))).toBe('403 forbidden');
    expect(said(await byLimited('PATCH', `/devices/${inside.id}`, { ownerId: limited.userId }))).toBe('403 forbidden');
    const forOther = { name: 'Theirs', type: 'temperature', ownerId: admin.userId };
    expect(said(await byLimited('POST', '/devices', forOther))).toBe('403 forbidden');
    expect((await byAdmin('PATCH', `/devices/${id}`, { ownerId: null })).status).toBe(200);
    expect(said(await byLimited('GET', `/devices/${id}`))).toBe('404 not_found');
  });

  it('[ASVS 8.2.1] decides for nobody who sees what', async () => {
    const user = await app.aPerson('user');
    const tries = [
      await byLimited('PATCH', `/users/${user.userId}`, { deviceGroupIds: [] }),
      await byLimited('PATCH', `/users/${user.userId}`, { status: 'disabled' }),
      await byLimited('PATCH', `/users/${limited.userId}`, { deviceScope: 'all' }),
      await byLimited('POST', '/users', { email: 'puppet@example.org', role: 'user' }),
      await byLimited('POST', '/service-accounts', { name: 'A puppet', role: 'user' }),
      await byLimited('POST', '/device-groups', { name: 'Mine' }),
      await byLimited('PATCH', `/device-groups/${group}`, { deviceIds: [] }),
      await byLimited('DELETE', `/device-groups/${group}`),
    ];
    expect(tries.map(said)).toEqual(tries.map(() => '403 forbidden'));
  });

  it('the last administrator who sees everything stays: two who limit each other at once do not both succeed', async () => {
    const others = await app.anotherOrganisation();
    const [one, two] = [await app.aPerson('admin', others), await app.aPerson('admin', others)];
    const limitBy = (by: Person, whom: Person) =>
      as(by.accessToken)('PATCH', `/users/${whom.userId}`, { deviceScope: 'limited' });
    const answers = await Promise.all([limitBy(one, two), limitBy(two, one)]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it('nobody changes their own devices', async () => {
    expect(said(await byAdmin('PATCH', `/users/${admin.userId}`, { deviceScope: 'limited' }))).toBe('403 forbidden');
  });
});

describe('a key', () => {
  const devicesOf = async (secret: string) =>
    idsIn(await as(secret)('GET', '/devices'))
      .filter((id) => [inside.id, outside.id].includes(id))
      .toSorted();

  it('[ASVS 8.2.2] limited to groups sees their devices, and registers none', async () => {
    const list: Permission[] = ['device:read', 'device:write', 'telemetry:write'];
    const { secret } = await app.aKey(admin, 'operator', list, { deviceGroupIds: [group] });
    expect(await devicesOf(secret)).toEqual([inside.id]);
    expect(said(await as(secret)('GET', `/devices/${outside.id}`))).toBe('404 not_found');
    expect(said(await as(secret)('POST', '/devices', { name: 'Its own', type: 'temperature' }))).toBe('403 forbidden');
    const none = await app.aKey(admin, 'operator', ['device:read'], { deviceGroupIds: [] });
    expect(await devicesOf(none.secret)).toEqual([]);
  });

  it('[ASVS 8.3.3] sees what key, owner and maker all see, at the moment of use', async () => {
    const both = (await made('/device-groups', { name: 'Both', deviceIds: [inside.id, outside.id] })).id;
    const maker = await app.aPerson('admin');
    const { secret, ownerId } = await app.aKey(maker, 'operator', ['device:read'], { deviceGroupIds: [both] });
    expect(await devicesOf(secret)).toEqual([inside.id, outside.id].toSorted());
    expect((await limit(maker, [group])).status).toBe(200);
    expect(await devicesOf(secret)).toEqual([inside.id]);
    expect((await byAdmin('PATCH', `/users/${ownerId}`, { deviceScope: 'limited', deviceGroupIds: [] })).status).toBe(
      200,
    );
    expect(await devicesOf(secret)).toEqual([]);
  });

  it('is not made for a group that is not there', async () => {
    const body = { label: 'x', permissions: ['device:read'], deviceGroupIds: [randomUUID()] };
    expect(said(await byAdmin('POST', '/auth/api-keys', body))).toBe('400 invalid_request');
  });
});

describe('open connections', () => {
  const point = async (device: { token: string }, value: number) => {
    const answer = await as(device.token)('POST', '/telemetry', { points: [{ metric: 'temperature', value }] });
    expect(answer.json.accepted).toBe(1);
  };
  /** What a connection heard of the two devices until it hears the mark. */
  async function heardOf(client: LiveClient, mark: number): Promise<string[]> {
    const heard = new Set<string>();
    await point(outside, mark);
    await point(inside, mark);
    for (;;) {
      const message = (await client.next()) as { type: string; deviceId?: string; value?: number };
      if (message.type !== 'telemetry') continue;
      if (message.value === mark) heard.add(message.deviceId === inside.id ? 'inside' : 'outside');
      if (message.value === mark && message.deviceId === inside.id) return [...heard].toSorted();
    }
  }

  it('[ASVS 8.2.2, 8.3.2] show what is seen and nothing else, and follow a change of the group within a second', async () => {
    const client = await aLiveClient(app, limited.accessToken);
    for (const [id, channel] of ['telemetry', 'devices', 'alerts'].entries())
      client.say({ type: 'subscribe', id, channel });
    for (let count = 0; count < 3; count += 1) await client.next();
    expect(await heardOf(client, 101)).toEqual(['inside']);
    // Asking for the device by its id opens nothing.
    client.say({ type: 'subscribe', id: 'aimed', channel: 'telemetry', deviceId: outside.id });
    expect(await client.next()).toMatchObject({ type: 'subscribed' });
    expect(await heardOf(client, 102)).toEqual(['inside']);
    expect((await byAdmin('PATCH', `/devices/${outside.id}`, { location: 'Cellar' })).status).toBe(200);

    const widened = await byAdmin('PATCH', `/device-groups/${group}`, { deviceIds: [inside.id, outside.id] });
    expect(widened.status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(await heardOf(client, 103)).toEqual(['inside', 'outside']);
    expect((await byAdmin('PATCH', `/device-groups/${group}`, { deviceIds: [inside.id] })).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(await heardOf(client, 104)).toEqual(['inside']);
    const about = JSON.stringify(
      client.received.filter(({ type, deviceId }) => type !== 'telemetry' || deviceId !== inside.id),
    );
    expect(about.split(outside.id).length - 1).toBe(client.received.filter(({ value }) => value === 103).length - 1);
    client.socket.close();
  });

  it('[ASVS 8.3.2] end within a second when their principal becomes limited', async () => {
    const person = await app.aPerson('user');
    const client = await aLiveClient(app, person.accessToken);
    client.say({ type: 'subscribe', id: 1, channel: 'telemetry' });
    await client.next();
    const before = performance.now();
    expect((await limit(person, [group])).status).toBe(200);
    expect(await client.closed).toBe(4401);
    expect(performance.now() - before).toBeLessThan(1_000);
  });
});

describe('groups', () => {
  it('are renamed, filled, listed and deleted; who was limited to one sees less and not more', async () => {
    const created = await made('/device-groups', { name: 'Short-lived', deviceIds: [outside.id] });
    expect(created).toMatchObject({ name: 'Short-lived', devices: 1, people: 0, apiKeys: 0, deviceIds: [outside.id] });
    expect(said(await byAdmin('POST', '/device-groups', { name: 'short-LIVED' }))).toBe('409 conflict');
    expect(said(await byAdmin('PATCH', `/device-groups/${created.id}`, { name: 'ward 7' }))).toBe('409 conflict');
    expect(said(await byAdmin('PATCH', `/device-groups/${created.id}`, { deviceIds: [randomUUID()] }))).toBe(
      '400 invalid_request',
    );
    const person = await app.aPerson('user');
    expect((await limit(person, [created.id])).json).toMatchObject({
      deviceScope: 'limited',
      deviceGroupIds: [created.id],
    });
    expect(idsIn(await as(person.accessToken)('GET', '/devices'))).toEqual([outside.id]);
    expect((await byAdmin('DELETE', `/device-groups/${created.id}`)).status).toBe(204);
    expect(idsIn(await as(person.accessToken)('GET', '/devices'))).toEqual([]);
    expect(said(await byAdmin('GET', `/device-groups/${created.id}`))).toBe('404 not_found');
  });

  it('the device list shows one group’s devices, and of them only what is seen', async () => {
    const both = (await made('/device-groups', { name: 'Of both', deviceIds: [inside.id, outside.id] })).id;
    const listed = async (by: typeof byAdmin, query: string) => idsIn(await by('GET', `/devices?${query}`)).toSorted();
    expect(await listed(byAdmin, `groupId=${group}`)).toEqual([inside.id]);
    expect(await listed(byAdmin, `groupId=${both}`)).toEqual([inside.id, outside.id].toSorted());
    expect(await listed(byAdmin, `groupId=${both}&text=outs`)).toEqual([outside.id]);
    expect(await listed(byAdmin, `groupId=${randomUUID()}`)).toEqual([]);
    expect(await listed(byLimited, `groupId=${both}`)).toEqual([inside.id]);
  });

  it('count the keys that are limited to them, and no longer those that were revoked', async () => {
    const { id } = await made('/device-groups', { name: 'Of keys', deviceIds: [] });
    const key = await app.aKey(admin, 'operator', ['device:read'], { deviceGroupIds: [id] });
    const keys = async () => (await byAdmin('GET', `/device-groups/${id}`)).json.apiKeys;
    expect(await keys()).toBe(1);
    expect((await byAdmin('DELETE', `/api-keys/${key.id}`)).status).toBe(204);
    expect(await keys()).toBe(0);
  });
});
