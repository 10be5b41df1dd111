import { type Revealable, rates } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';

// A mask is lifted for one who may, who has just proven who they are and says why: what was asked for, recorded before it is told.

const clock = manualClock(Date.now());
const logLines: string[] = [];
let app: TestApp;
let admin: Person;
let operator: Person;
let analyst: Person;
let user: Person;
let subjectId: string;
let deviceId: string;
let channelId: string;

const REASON = 'Called by the ward: whose monitor is it?';
const NAME = 'Wilhelmina Reveal';
const SERIAL = 'SN-reveal-4410';
const TARGET = 'night.reveal@channels.example';

beforeAll(async () => {
  app = await anApp({
    clock,
    env: { VALTRONICS_LOG_LEVEL: 'trace', VALTRONICS_ACCESS_TOKEN_MINUTES: '60' },
    onLogLine: (line) => logLines.push(line),
  });
  [admin, operator] = [await app.aPerson('admin'), await app.aPerson('operator')];
  [analyst, user] = [await app.aPerson('analyst'), await app.aPerson('user')];
  const as = { token: admin.accessToken };
  const body = { reference: 'MRN-reveal-17', name: NAME };
  subjectId = (await app.call('POST', '/api/v1/subjects', { ...as, body })).json.id;
  deviceId = (await app.aDevice(admin, { serial: SERIAL })).id;
  await app.call('POST', `/api/v1/devices/${deviceId}/assignments`, { ...as, body: { subjectId } });
  const channel = { name: 'Night shift', kind: 'email', target: TARGET };
  channelId = (await app.call('POST', '/api/v1/notification-channels', { ...as, body: channel })).json.channel.id;
});
afterAll(() => app?.stop());
// Nobody runs out of their allowance but who is meant to, and everybody has just proven who they are.
beforeEach(async () => {
  clock.advance((rates.revealPrincipal.burst / rates.revealPrincipal.perSecond) * 1_000);
  for (const person of [admin, operator, analyst, user]) await app.freshProof(person);
});

const reveal = (person: Person, resource: Revealable, id: string, fields: readonly string[], more: object = {}) =>
  app.call('POST', `/api/v1/${resource}/${id}/reveal`, {
    token: person.accessToken,
    from: freshAddress(),
    body: { fields, reason: REASON, ...more },
  });

async function recorded() {
  const found = await app.database.admin.query(
    `select actor_id, resource_kind, resource_id, details from audit_events where event = 'field.revealed' order by at, id`,
  );
  return found.rows;
}

describe('revealing a masked field', () => {
  it('shows what was asked for and nothing else, and records who asked, for what and why, never the value', async () => {
    const before = (await recorded()).length;
    const answer = await reveal(analyst, 'subjects', subjectId, ['name']);
    expect([answer.status, answer.json]).toEqual([200, { id: subjectId, values: { name: NAME } }]);
    expect(answer.text).not.toContain('MRN-reveal');
    expect((await reveal(analyst, 'devices', deviceId, ['serial'])).json.values).toEqual({ serial: SERIAL });
    expect((await recorded()).slice(before)).toEqual([
      {
        actor_id: analyst.userId,
        resource_kind: 'subject',
        resource_id: subjectId,
        details: { fields: ['name'], reason: REASON },
      },
      {
        actor_id: analyst.userId,
        resource_kind: 'device',
        resource_id: deviceId,
        details: { fields: ['serial'], reason: REASON },
      },
    ]);
    // What was revealed once is masked again at the next look.
    const seen = await app.call('GET', `/api/v1/subjects/${subjectId}`, { token: analyst.accessToken });
    expect(seen.json).toMatchObject({ name: '********', masked: true });
  });

  it('is for those the catalogue names: acknowledging alerts or exporting, and not looking alone', async () => {
    const before = (await recorded()).length;
    expectProblem(await reveal(user, 'subjects', subjectId, ['name']), 403, 'forbidden');
    expectProblem(await reveal(user, 'devices', deviceId, ['serial']), 403, 'forbidden');
    expectProblem(await reveal(analyst, 'notification-channels', channelId, ['target']), 403, 'forbidden');
    expectProblem(await reveal(operator, 'users', admin.userId, ['email']), 403, 'forbidden');
    expect((await recorded()).length).toBe(before);
    expect((await reveal(operator, 'notification-channels', channelId, ['target'])).json.values).toEqual({
      target: TARGET,
    });
    const evidence = await app.aRole('evidence', ['system:admin']);
    const investigator = await app.aPerson(evidence);
    expect((await reveal(investigator, 'users', analyst.userId, ['email', 'phone'])).json.values).toEqual({
      email: analyst.email,
      phone: null,
    });
    expectProblem(await reveal(investigator, 'users', analyst.userId, ['password_hash']), 400, 'invalid_request');
  });

  it('[ASVS 7.5.3] needs a fresh proof, and is closed to API keys', async () => {
    clock.advance(301_000);
    expectProblem(await reveal(analyst, 'subjects', subjectId, ['name']), 401, 'step_up_required');
    await app.freshProof(analyst);
    expect((await reveal(analyst, 'subjects', subjectId, ['name'])).status).toBe(200);
    await app.freshProof(admin);
    const key = await app.aKey(admin, 'analyst', ['device:read', 'analytics:export']);
    const byKey = await app.call('POST', `/api/v1/subjects/${subjectId}/reveal`, {
      token: key.secret,
      body: { fields: ['name'], reason: REASON },
    });
    expectProblem(byKey, 403, 'forbidden');
  });

  it('[ASVS 16.5.3] what cannot be recorded is not told', async () => {
    await app.database.admin.query('revoke insert on audit_events from valtronics_server');
    try {
      const answer = await reveal(analyst, 'subjects', subjectId, ['name']);
      expect(answer.status).toBe(500);
      expect(answer.text).not.toContain(NAME);
    } finally {
      await app.database.admin.query('grant insert on audit_events to valtronics_server');
    }
  });

  it('[ASVS 2.2.1] wants a reason of some words, and each field once', async () => {
    for (const more of [
      { reason: undefined },
      { reason: '          ' },
      { reason: 'because' },
      { reason: 'x'.repeat(301) },
    ])
      expectProblem(await reveal(analyst, 'subjects', subjectId, ['name'], more), 400, 'invalid_request');
    for (const fields of [[], ['name', 'name'], ['id'], ['registered_by']])
      expectProblem(await reveal(analyst, 'subjects', subjectId, fields), 400, 'invalid_request');
  });

  it('is a security event of reading data, and nobody reveals one after the other without an end', async () => {
    await reveal(analyst, 'devices', deviceId, ['serial']);
    const look = async () => {
      const path = '/api/v1/security-events?action=field.revealed&category=data_access';
      return (await app.call('GET', path, { token: admin.accessToken })).json.items;
    };
    await expect.poll(async () => (await look()).length, { timeout: 8_000 }).toBeGreaterThan(0);
    const statuses: number[] = [];
    for (let n = 0; n < rates.revealPrincipal.burst; n += 1)
      statuses.push((await reveal(analyst, 'devices', deviceId, ['serial'])).status);
    expect([statuses[0], statuses.at(-1)]).toEqual([200, 429]);
    // The allowance is a person's own.
    expect((await reveal(operator, 'devices', deviceId, ['serial'])).status).toBe(200);
  });

  it('whom one does not see is missing, and reveals nothing', async () => {
    const stranger = await app.aPerson('admin', await app.anotherOrganisation());
    for (const [resource, id, name] of [
      ['subjects', subjectId, 'name'],
      ['devices', deviceId, 'serial'],
      ['notification-channels', channelId, 'target'],
      ['users', analyst.userId, 'email'],
    ] as const)
      expectProblem(await reveal(stranger, resource, id, [name]), 404, 'not_found');
  });
});

it('tells a person which of their masks can be lifted', async () => {
  const of = async (person: Person) =>
    (await app.call('GET', '/api/v1/auth/me', { token: person.accessToken })).json.maskedFields;
  expect(await of(admin)).toEqual([]);
  expect(await of(analyst)).toEqual(
    expect.arrayContaining([
      { field: 'subjects.name', revealable: true },
      { field: 'devices.serial', revealable: true },
      { field: 'notification_channels.target', revealable: false },
    ]),
  );
  expect(await of(user)).toEqual(expect.arrayContaining([{ field: 'subjects.name', revealable: false }]));
});

it('the catalogue can be read by those who answer for it, and holds no value', async () => {
  const answer = await app.call('GET', '/api/v1/field-catalogue', { token: admin.accessToken });
  expect(answer.status).toBe(200);
  expect(answer.json.items.find(({ id }: { id: string }) => id === 'users.email')).toMatchObject({
    table: 'users',
    column: 'email',
    path: null,
    class: 'personal',
    clear: ['user:manage'],
    masked: 'members',
    revealBy: ['system:admin'],
  });
  expectProblem(await app.call('GET', '/api/v1/field-catalogue', { token: operator.accessToken }), 403, 'forbidden');
});

it('[ASVS 16.2.5] no value that was revealed stands in the log', () => {
  expect(logLines.length).toBeGreaterThan(3);
  expect(logLines.join('\n')).not.toMatch(/Wilhelmina|SN-reveal|MRN-reveal|night\.reveal|whose monitor/);
});
