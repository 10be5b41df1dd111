import { type Endpoint, endpoints, type Permission, rolePermissions } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { newId } from '../../server/src/lib/ids.ts';
import { fieldOf } from '../../server/src/security/fields/catalogue.ts';
import { sightOn } from '../../server/src/security/fields/show.ts';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { dataKeysOf, sealClear } from '../support/data-keys.ts';

// Unique values are planted in the fields of the catalogue, everybody asks for everything there is, and what comes back is searched as the
// bytes it is: no value may stand in an answer to whoever may not see it in clear.

let app: TestApp;
let admin: Person;
let colleague: Person;
const ids: Record<string, string> = {};

/** One value of each field that is shown to some and not to others. */
const planted: Readonly<Record<string, string>> = {
  'users.email': 'quentin.canary@colleagues.example',
  'users.phone': '+4915199887766',
  'subjects.reference': 'MRN-canary-5521',
  'subjects.name': 'Wilhelmina Canary',
  'devices.serial': 'SN-canary-7781',
  'device_commands.payload': 'payload-canary-31',
  'device_commands.response': 'response-canary-32',
  'notification_channels.target': 'night.canary@channels.example',
  'notification_channels.last_error': '550 no such canary here',
  'sessions.address': '203.0.113.77',
  'sessions.user_agent': 'CanaryBrowser/9',
  'api_keys.last_used_address': '203.0.113.78',
  'audit_events.details': 'details-canary-41',
};

const roles: Readonly<Record<string, readonly Permission[]>> = {
  ...rolePermissions,
  'people-only': ['user:manage'],
  'evidence-only': ['system:admin'],
  'channels-only': ['config:manage', 'alert:read'],
  'commands-only': ['device:write', 'alert:acknowledge', 'alert:read'],
};
const people = new Map<string, Person>();

beforeAll(async () => {
  app = await anApp({ webFolder: import.meta.dirname });
  for (const name of Object.keys(roles).filter((role) => !(role in rolePermissions)))
    await app.aRole(name, roles[name] ?? []);
  for (const name of Object.keys(roles)) people.set(name, await app.aPerson(name));
  admin = people.get('admin') as Person;
  colleague = await app.aPerson('operator');
  await plant();
});
afterAll(() => app?.stop());

/** In clear, as an older release left it, and then sealed as at a start. */
async function putPersonal(column: 'email' | 'name' | 'phone', value: string | null | undefined): Promise<void> {
  const index = column === 'phone' ? '' : `, ${column}_index = null`;
  await app.database.admin.query(`update users set ${column} = $1, ${column}_sealed = null${index} where id = $2`, [
    value,
    colleague.userId,
  ]);
  await sealClear(app.database, await dataKeysOf(app));
}

async function plant(): Promise<void> {
  const { admin: database } = app.database;
  const as = { token: admin.accessToken };
  const device = await app.aDevice(admin, { serial: planted['devices.serial'] });
  const subject = await app.call('POST', '/api/v1/subjects', {
    ...as,
    body: { reference: planted['subjects.reference'], name: planted['subjects.name'] },
  });
  await app.call('POST', `/api/v1/devices/${device.id}/assignments`, { ...as, body: { subjectId: subject.json.id } });
  await app.call('POST', `/api/v1/devices/${device.id}/commands`, {
    ...as,
    body: { name: 'set-limits', payload: { of: planted['device_commands.payload'] } },
  });
  await database.query('update device_commands set response = $1, created_by = $2', [
    JSON.stringify({ of: planted['device_commands.response'] }),
    colleague.userId,
  ]);
  const channel = await app.call('POST', '/api/v1/notification-channels', {
    ...as,
    body: { name: 'Night shift', kind: 'email', target: planted['notification_channels.target'] },
  });
  expect([channel.status, subject.status]).toEqual([201, 201]);
  await database.query('update notification_channels set last_error = $1', [
    planted['notification_channels.last_error'],
  ]);
  await putPersonal('email', planted['users.email']);
  await putPersonal('phone', planted['users.phone']);
  await database.query('update sessions set address = $1, user_agent = $2 where user_id = $3', [
    planted['sessions.address'],
    planted['sessions.user_agent'],
    colleague.userId,
  ]);
  await app.aKey(admin, 'user', ['device:read']);
  await database.query('update api_keys set last_used_address = $1', [planted['api_keys.last_used_address']]);
  const [alert, incident] = [newId(), newId()];
  await database.query(
    `insert into alerts (id, organisation_id, type, device_id, severity, status, title, started_at, raised_at, acknowledged_at, acknowledged_by)
     values ($1, $2, 'device', $3, 'warning', 'acknowledged', 'Too warm', now(), now(), now(), $4)`,
    [alert, app.organisationId, device.id, colleague.userId],
  );
  await database.query(
    `insert into alert_events (id, organisation_id, alert_id, at, kind, by_user) values ($1, $2, $3, now(), 'acknowledged', $4)`,
    [newId(), app.organisationId, alert, colleague.userId],
  );
  await database.query(
    `insert into incidents (id, organisation_id, title, severity, status, opened_at, opened_by, opened_by_hand, first_at, last_at, detections, events, owner_id)
     values ($1, $2, 'A test', 'low', 'open', now(), $3, true, now(), now(), 0, 0, $3)`,
    [incident, app.organisationId, colleague.userId],
  );
  await database.query(
    `insert into audit_events (id, organisation_id, event, outcome, actor_kind, actor_label, details)
     values ($1, $2, 'device.changed', 'success', 'user', $3, $4)`,
    [newId(), app.organisationId, 'quentin', JSON.stringify({ of: planted['audit_events.details'] })],
  );
  Object.assign(ids, {
    '/devices': device.id,
    '/subjects': subject.json.id,
    '/users': colleague.userId,
    '/alerts': alert,
    '/incidents': incident,
    '/notification-channels': channel.json.channel.id,
  });
}

const idOf = (path: string): string => ids[Object.keys(ids).find((prefix) => path.startsWith(prefix)) ?? ''] ?? newId();
const readings: [string, Endpoint][] = Object.entries(endpoints).filter(
  ([, { method, response, access }]) => method === 'GET' && typeof response !== 'string' && access.kind !== 'open',
);
const rangeOfDay = `from=2026-01-01T00:00:00.000Z&to=2026-01-02T00:00:00.000Z`;
/** What some cannot be asked without. */
const queries: Readonly<Record<string, () => string>> = {
  telemetryRaw: () => `?deviceId=${ids['/devices']}&metric=pulse&${rangeOfDay}`,
  telemetryHistory: () => `?deviceId=${ids['/devices']}&metric=pulse&${rangeOfDay}`,
  telemetrySummary: () => `?deviceId=${ids['/devices']}&metric=pulse&${rangeOfDay}`,
  telemetrySparklines: () => `?deviceIds=${ids['/devices']}`,
  auditLogProof: () => '?from=1&to=1',
};

/** Everything this person can read, as bytes, by the endpoint that gave it. */
async function everythingFor({ accessToken }: Person): Promise<Map<string, string>> {
  const told = new Map<string, string>();
  const from = freshAddress();
  for (const [name, { path, root }] of readings) {
    const url = `${root ? '' : '/api/v1'}${path.replace('{id}', idOf(path))}${queries[name]?.() ?? ''}`;
    const answer = await app.call('GET', url, { token: accessToken, from });
    if (answer.status >= 500) throw new Error(`${name} failed: ${answer.text}`);
    if (answer.status === 200) told.set(name, answer.text);
  }
  return told;
}

describe('values of the catalogue in answers', () => {
  it('[ASVS 8.2.3, 14.2.6] nobody gets one in clear that the catalogue does not show them, whatever they ask for', async () => {
    const seen = new Map<string, Set<string>>();
    for (const [role, person] of people) {
      const permissions = new Set(roles[role]);
      const told = await everythingFor(person);
      expect([role, told.size > 3]).toEqual([role, true]);
      for (const [id, value] of Object.entries(planted)) {
        const where = [...told].filter(([, text]) => text.includes(value)).map(([name]) => name);
        if (sightOn(fieldOf(id), { permissions }) !== 'clear') expect([role, id, where]).toEqual([role, id, []]);
        if (where.length > 0) seen.set(id, (seen.get(id) ?? new Set()).add(role));
      }
    }
    // What nobody saw would prove nothing.
    for (const id of Object.keys(planted))
      expect([id, [...(seen.get(id) ?? [])]]).toEqual([id, expect.arrayContaining(['admin'])]);
  });

  it('shows an email address by its mask where somebody without a name acted, and a name as it is', async () => {
    const analyst = people.get('analyst') as Person;
    const ask = async () =>
      (await app.call('GET', `/api/v1/devices/${ids['/devices']}/commands`, { token: analyst.accessToken })).json
        .items[0];
    expect(await ask()).toMatchObject({
      createdBy: 'q************y@colleagues.example',
      payload: '********',
      response: '********',
    });
    await putPersonal('name', 'Quentin Lopez');
    expect((await ask()).createdBy).toBe('Quentin Lopez');
    await putPersonal('name', null);
  });

  it('a person sees their own values in clear, and those of others by their rights', async () => {
    const evidence = people.get('evidence-only') as Person;
    const manager = people.get('people-only') as Person;
    const me = await app.call('GET', '/api/v1/auth/me', { token: evidence.accessToken });
    expect(me.json.email).toBe(evidence.email);
    const own = await app.call('GET', '/api/v1/auth/sessions', { token: manager.accessToken });
    expect(own.json.items[0].address).toMatch(/^127\./);
    const theirs = await app.call('GET', `/api/v1/users/${colleague.userId}/sessions`, { token: manager.accessToken });
    expect(theirs.json.items[0]).toMatchObject({ address: '********', userAgent: planted['sessions.user_agent'] });
  });

  it('a serial is no way to find a device for who sees its mask, nor does the mask tell whether there is one', async () => {
    const without = await app.aDevice(admin, { name: 'Without a serial' });
    const [analyst, operator] = [people.get('analyst') as Person, people.get('operator') as Person];
    const find = async (person: Person, text: string) =>
      (await app.call('GET', `/api/v1/devices?text=${text}`, { token: person.accessToken })).json.items;
    const whole = planted['devices.serial'] ?? '';
    expect(await find(operator, whole.toLowerCase())).toHaveLength(1);
    expect(await find(operator, whole.slice(0, -1))).toEqual([]);
    expect(await find(analyst, whole)).toEqual(await find(analyst, 'SN-nothing-like-it'));
    const shown = await app.call('GET', `/api/v1/devices/${without.id}`, { token: analyst.accessToken });
    expect(shown.json.serial).toBe('********');
    expect(
      (await app.call('GET', `/api/v1/devices/${without.id}`, { token: operator.accessToken })).json.serial,
    ).toBeNull();
  });

  it('live messages are masked as answers are', async () => {
    const heard = async (person: Person) => {
      const socket = new WebSocket(`wss://localhost:${app.httpPort}/api/v1/live`, { ca: app.ca });
      const messages: string[] = [];
      socket.on('message', (data) => messages.push(String(data)));
      await new Promise((done) => socket.once('open', done));
      socket.send(JSON.stringify({ type: 'auth', token: person.accessToken }));
      socket.send(JSON.stringify({ type: 'subscribe', id: 1, channel: 'devices' }));
      socket.send(JSON.stringify({ type: 'subscribe', id: 2, channel: 'alerts' }));
      const until = (wanted: string) => expect.poll(() => messages.join('\n'), { timeout: 8_000 }).toContain(wanted);
      await until('"id":2');
      return { messages, until, end: () => socket.terminate() };
    };
    const [analyst, operator] = [
      await heard(people.get('analyst') as Person),
      await heard(people.get('operator') as Person),
    ];
    try {
      const body = { description: 'changed while they look' };
      await app.call('PATCH', `/api/v1/devices/${ids['/devices']}`, { token: admin.accessToken, body });
      await operator.until('changed while they look');
      await analyst.until('changed while they look');
      expect(operator.messages.join('\n')).toContain(planted['devices.serial']);
      expect(analyst.messages.join('\n')).not.toContain(planted['devices.serial']);
      await app.call('POST', `/api/v1/alerts/${ids['/alerts']}/resolve`, { token: admin.accessToken, body: {} });
      await analyst.until('"type":"alert"');
      expect(analyst.messages.join('\n')).not.toContain(planted['users.email']);
    } finally {
      analyst.end();
      operator.end();
    }
  });
});
