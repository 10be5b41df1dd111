import { randomUUID } from 'node:crypto';
import { type Endpoint, endpoints } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, type Person, type TestApp } from '../support/app.ts';

// Another organisation's id is a missing one: the same status, the same bytes. Endpoints come from the contract; a new one with an id in
// its path is asked as well, and fails here until somebody says which id of ours belongs to it.
const clock = manualClock(Date.now());
let app: TestApp;
let people: { admin: Person; user: Person };
let device: { id: string; token: string };

beforeAll(async () => {
  app = await anApp({ clock, webFolder: import.meta.dirname });
  people = { admin: await app.aPerson('admin'), user: await app.aPerson('user') };
  device = await app.aDevice(people.admin);
});
afterAll(() => app?.stop());

// What is open asks nobody who they are: its names are public.
const withIds: [string, Endpoint][] = Object.entries(endpoints).filter(
  // Scenarios are the same for everybody and their ids public: a change of one is of the own organisation's use of it.
  ([name, { params, access }]) => params && access.kind !== 'open' && name !== 'detectionScenarioChange',
);
const pathOf = (endpoint: Endpoint, ids: Record<string, string>): string =>
  `/api/v1${endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? randomUUID())}`;

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

/** Of whoever runs the instance: everybody else is refused before any id is looked at. */
const ofTheInstance = new Set(['allowListRemove', 'bouncerDelete']);

/** So that the answer depends on the id alone. */
const validBodies: Record<string, unknown> = {
  deviceChange: { name: 'Renamed by a stranger', type: 'temperature' },
  credentialCreate: {},
  certificateIssue: {},
  commandSend: { name: 'reboot' },
  userChange: { name: 'Renamed by a stranger' },
  alertRuleChange: aRule,
  alertAcknowledge: {},
  alertResolve: {},
  alertNote: { note: 'by a stranger' },
  channelChange: { name: 'Renamed by a stranger' },
  channelTest: {},
  identityProviderChange: { name: 'Renamed by a stranger' },
  deviceGroupChange: { name: 'Renamed by a stranger' },
  roleChange: { description: 'by a stranger' },
  blockLift: {},
  incidentAcknowledge: {},
  incidentContain: {},
  incidentResolve: { note: 'by a stranger' },
  incidentReopen: { note: 'by a stranger' },
  incidentNote: { note: 'by a stranger' },
  incidentAssign: { ownerId: null },
  incidentSeverityChange: { severity: 'low', note: 'by a stranger' },
  incidentBreachFlag: {},
  incidentBreachNotified: { note: 'by a stranger' },
  incidentBreachWithdraw: { note: 'by a stranger' },
  siemDestinationChange: { name: 'Renamed by a stranger' },
  siemDestinationBackfill: { from: '2026-01-01T00:00:00.000Z' },
  subjectChange: { name: 'Renamed by a stranger' },
  subjectReveal: { fields: ['name'], reason: 'asked for by a stranger' },
  deviceReveal: { fields: ['serial'], reason: 'asked for by a stranger' },
  userReveal: { fields: ['email'], reason: 'asked for by a stranger' },
  channelReveal: { fields: ['target'], reason: 'asked for by a stranger' },
  deviceUnassign: { until: '2036-01-01T00:00:00.000Z' },
};

describe('another organisation', () => {
  it('[ASVS 8.4.1] finds every id of ours as missing, with the same bytes but for the request id', async () => {
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
    const provider = await created('/identity-providers', {
      slug: 'ours',
      name: 'Our provider',
      issuer: 'https://accounts.example',
      clientId: 'ours',
      clientSecret: 'a-secret-of-ours',
      enabled: true,
    });
    const ownKey = await created('/auth/api-keys', { label: 'Mine', permissions: ['device:read'] });
    const subject = await created('/subjects', { reference: 'MRN-1', name: 'Ours' });
    const assignment = await created(`/devices/${device.id}/assignments`, { subjectId: subject.id });
    const claim = await created('/device-provisioning/claims', { deviceType: 'temperature' });
    const certificate = await created(`/devices/${device.id}/certificates`, {});
    const credentials = await app.call('GET', `/api/v1/devices/${device.id}/credentials`, { token: admin.accessToken });
    await app.freshProof(admin);
    await app.freshProof(strangers);
    const block = await created('/blocks', {
      scope: 'user',
      value: people.user.userId,
      kind: 'block',
      seconds: 3_600,
      reason: 'a test',
    });
    const { entry } = await created('/allow-list', { network: '192.0.2.0/24' });
    const { bouncer } = await created('/bouncers', { name: 'Ours' });
    const incident = await created('/incidents', { title: 'Of ours', severity: 'low' });
    const siem = await created('/siem-destinations', { kind: 'file', name: 'Ours', target: 'ours' });
    const event = await app.database.admin.query(`select id from audit_events where event = 'device.registered'`);
    const owned: Record<string, string> = {
      '/audit-events': event.rows[0].id,
      '/blocks': block.id,
      '/allow-list': entry.id,
      '/bouncers': bouncer.id,
      '/incidents': incident.id,
      '/siem-destinations': siem.destination.id,
      '/devices': device.id,
      '/device-provisioning/claims': claim.claims[0].id,
      '/users': people.user.userId,
      '/subjects': subject.id,
      '/alert-rules': rule.id,
      '/notification-channels': channel.id ?? channel.channel?.id,
      '/identity-providers': provider.id,
      '/alerts': randomUUID(),
      '/auth/api-keys': ownKey.key.id,
      '/auth': randomUUID(),
      '/roles': await app.aRole('night-shift', ['device:read']),
      '/device-groups': (await created('/device-groups', { name: 'Ward 7', deviceIds: [device.id] })).id,
      '/api-keys': (await app.aKey(admin, 'user', ['device:read'])).id,
    };
    const wrong: string[] = [];
    for (const [name, endpoint] of withIds) {
      const id = owned[Object.keys(owned).find((prefix) => endpoint.path.startsWith(prefix)) ?? ''];
      if (id === undefined) {
        wrong.push(`${name}: say here which id of ours belongs to ${endpoint.path}`);
        continue;
      }
      const body = name === 'deviceAssign' ? { subjectId: subject.id } : validBodies[name];
      const ask = async (ids: Record<string, string>) => {
        clock.advance(endpoint.rate === 'login' ? 1_000 : 100);
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
      const ours = await ask({
        id,
        name: id,
        credentialId: credentials.json.items[0].id,
        provider: provider.slug,
        assignmentId: assignment.id,
        certificateId: certificate.certificate.id,
      });
      const missing = await ask({
        id: randomUUID(),
        name: 'no-such-role',
        credentialId: randomUUID(),
        assignmentId: randomUUID(),
        certificateId: randomUUID(),
      });
      const status = ofTheInstance.has(name) ? 403 : 404;
      if (missing.status !== status) wrong.push(`${name}: a missing one gives ${missing.status} ${missing.bytes}`);
      if (JSON.stringify(ours) !== JSON.stringify(missing))
        wrong.push(`${name}: ${JSON.stringify(ours)} tells that it exists`);
    }
    expect(wrong).toEqual([]);
    // And nothing of ours was changed by trying.
    const still = await app.call('GET', `/api/v1/devices/${device.id}`, { token: admin.accessToken });
    expect(still.json).toMatchObject({ id: device.id, name: 'A device' });
    const measured = await app.call('GET', `/api/v1/devices/${device.id}/assignments`, { token: admin.accessToken });
    expect(measured.json.items).toMatchObject([{ id: assignment.id, until: null, subject: { name: 'Ours' } }]);
  });

  it('[ASVS 8.4.1] cannot be reached through ids inside a body either', async () => {
    const strangers = await app.aPerson('admin', await app.anotherOrganisation());
    const theirDevice = await app.aDevice(strangers);
    const ourSubject = await app.call('POST', '/api/v1/subjects', {
      token: people.admin.accessToken,
      body: { reference: 'MRN-2', name: 'Ours' },
    });
    const post = (path: string, body: unknown) =>
      app.call('POST', `/api/v1${path}`, { token: strangers.accessToken, body });
    const bytes = ({ status, text }: Answer, id: string) =>
      `${status} ${text.replace(/"requestId":"[^"]+"/, '').replaceAll(id, '')}`;
    const bodies: [string, string, (id: string) => unknown][] = [
      ['/devices', people.user.userId, (id) => ({ name: 'Theirs', type: 'temperature', ownerId: id })],
      [`/devices/${theirDevice.id}/assignments`, ourSubject.json.id, (id) => ({ subjectId: id })],
      ['/alert-rules', device.id, (id) => ({ ...aRule, deviceId: id })],
      ['/alert-rules/dry-run', device.id, (id) => ({ rule: { ...aRule, deviceId: id }, ...aRange })],
      ['/api-keys', people.user.userId, (id) => ({ label: 'Theirs', ownerId: id, permissions: ['device:read'] })],
      ['/device-groups', device.id, (id) => ({ name: 'Theirs', deviceIds: [id] })],
      ['/telemetry/health', device.id, (id) => ({ deviceId: id })],
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
