import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../server/src/features/telemetry/telemetry.builders.ts';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { Person, TestApp } from '../support/app.ts';
import { aSignInTest, type SignInTest } from '../support/signing-in.ts';

// Whoever can write to the database alters sealed values. What they altered is told as such, to whoever reads it and as a security event; nothing else
// suffers from it, and nobody writes over it without saying so.

const clock = manualClock(Date.now());
let test: SignInTest;
let app: TestApp;
let admin: Person;

beforeAll(async () => {
  test = await aSignInTest(clock);
  app = test.app;
  admin = await test.person('admin');
});
beforeEach(async () => {
  clock.advance(5_000);
  await app.freshProof(admin);
});
afterAll(() => app?.stop());

const ask = (method: string, path: string, body?: unknown, by = admin) =>
  app.call(method, `/api/v1${path}`, { token: by.accessToken, ...(body === undefined ? {} : { body }) });
/** As the owner of the database. */
const damage = (column: string, id: string, table = 'users', at = 75) =>
  app.database.admin.query(
    `update ${table} set ${column} = set_byte(${column}, $2::int, get_byte(${column}, $2::int) # 1) where id = $1`,
    [id, at],
  );
const stored = async (id: string) =>
  (await app.database.admin.query('select email_sealed, name_sealed, phone_sealed from users where id = $1', [id]))
    .rows[0];
const listed = async (id: string, query = '?limit=1000') => {
  const { status, json } = await ask('GET', `/users${query}`);
  expect(status).toBe(200);
  return json.items.find((one: { id: string }) => one.id === id);
};
const told = async (row: string) => {
  const { json } = await ask('GET', '/security-events?action=data.tampered&limit=1000');
  return json.items.filter(({ details }: { details: { row?: string } }) => details.row === row);
};

describe('people', () => {
  it('whose address somebody altered are told as such, and everybody else is listed as ever', async () => {
    const [whole, hurt] = [await test.person('user'), await test.person('operator')];
    const before = await listed(whole.userId);
    await damage('email_sealed', hurt.userId);
    expect(await listed(hurt.userId)).toMatchObject({ email: 'unreadable', unreadable: ['email'], role: 'operator' });
    expect(await listed(whole.userId)).toEqual(before);
    expect(before).toMatchObject({ email: whole.email, unreadable: [] });
    expect((await ask('GET', `/users/${hurt.userId}`)).json).toMatchObject({ unreadable: ['email'] });
    expect((await ask('GET', `/users?text=${encodeURIComponent(whole.email)}`)).json.items).toHaveLength(1);
  });

  it('go on signing in and working, and can be disabled', async () => {
    const hurt = await test.person('operator');
    const cookie = await test.browserOf(hurt);
    await damage('email_sealed', hurt.userId);
    expect((await test.meOf({ token: hurt.accessToken })).json).toMatchObject({ email: 'unreadable' });
    expect((await test.meOf({ cookie })).status).toBe(200);
    expect((await test.signIn(hurt)).accessToken).toBeDefined();
    expect((await ask('GET', `/users/${hurt.userId}/sessions`)).status).toBe(200);
    expect((await ask('GET', '/audit-events')).status).toBe(200);
    expect((await ask('PATCH', `/users/${hurt.userId}`, { status: 'disabled' })).json).toMatchObject({
      status: 'disabled',
      unreadable: ['email'],
    });
    expect((await test.meOf({ cookie })).status).toBe(401);
  });

  it('keep what does not open byte for byte until another value is given', async () => {
    const { userId } = await test.person('user');
    const change = (body: unknown) => ask('PATCH', `/users/${userId}`, body);
    await change({ name: 'Ada', phone: '+15551234567' });
    for (const column of ['email_sealed', 'name_sealed', 'phone_sealed']) await damage(column, userId);
    const before = await stored(userId);
    expect((await change({ role: 'operator' })).json).toMatchObject({
      name: null,
      phone: null,
      unreadable: ['email', 'name', 'phone'],
    });
    expect(await stored(userId)).toEqual(before);
    expect((await change({ name: 'Grace' })).json).toMatchObject({ name: 'Grace', unreadable: ['email', 'phone'] });
    expect((await change({ phone: null })).json).toMatchObject({ phone: null, unreadable: ['email'] });
    expect(await test.eventsOf(userId, 'user.changed')).toMatchObject([
      { details: { changed: ['name', 'phone'] } },
      { details: { changed: ['role'] } },
      { details: { changed: ['name'] } },
      { details: { changed: ['phone'] } },
    ]);
  });

  it('are reported once for each value and reason, as critical, and become an incident', async () => {
    const hurt = await test.person('user');
    await damage('email_sealed', hurt.userId);
    for (let time = 0; time < 3; time += 1) await listed(hurt.userId);
    await eventually(async () => (await told(hurt.userId)).length > 0, 'it is told');
    await damage('email_sealed', hurt.userId, 'users', 0);
    await listed(hurt.userId);
    await eventually(async () => (await told(hurt.userId)).length > 1, 'the other reason is told');
    const common = {
      level: 'critical',
      count: 1,
      details: { table: 'users', column: 'email_sealed', row: hurt.userId },
    };
    expect(await told(hurt.userId)).toMatchObject([
      { ...common, reason: 'unknown-version' },
      { ...common, reason: 'refused' },
    ]);
    await eventually(async () => {
      const { rows } = await app.database.admin.query("select 1 from detections where scenario = 'evidence-tampering'");
      return rows.length > 0;
    }, 'it is detected');
  });
});

describe('lists of other things', () => {
  it('show the rest of devices, channels and keys where one value is altered', async () => {
    const [first, second] = [
      await ask('POST', '/devices', aDevice('SN-1')),
      await ask('POST', '/devices', aDevice('SN-2')),
    ];
    await damage('serial_sealed', first.json.device.id, 'devices');
    const devices = (await ask('GET', '/devices')).json.items;
    expect(devices).toContainEqual(expect.objectContaining({ serial: null, unreadable: 'serial' }));
    expect(devices).toContainEqual(
      expect.objectContaining({ id: second.json.device.id, serial: 'SN-2', unreadable: null }),
    );

    const channel = (target: string) =>
      ask('POST', '/notification-channels', { name: target, kind: 'email', target, minimumSeverity: 'info' });
    const [hurt, whole] = [await channel('night@example.org'), await channel('day@example.org')];
    await damage('target_sealed', hurt.json.channel.id, 'notification_channels');
    const channels = (await ask('GET', '/notification-channels')).json.items;
    expect(channels).toContainEqual(expect.objectContaining({ target: null, unreadable: ['target'] }));
    expect(channels).toContainEqual(expect.objectContaining({ id: whole.json.channel.id, target: 'day@example.org' }));
    const path = `/notification-channels/${hurt.json.channel.id}`;
    expect((await ask('PATCH', path, { target: 'other@example.org' })).json).toMatchObject({ unreadable: [] });

    // Whose name stands in them.
    const owner = await test.person('operator');
    await damage('email_sealed', owner.userId);
    await damage('name_sealed', owner.userId);
    await ask('POST', '/api-keys', { label: 'nightly', ownerId: owner.userId, permissions: ['telemetry:read'] });
    expect((await ask('GET', '/api-keys')).status).toBe(200);
  });

  it('tell who may not see a serial number not even that there is one', async () => {
    const analyst = await test.person('analyst');
    const { json } = await ask('POST', '/devices', aDevice('SN-3'));
    await damage('serial_sealed', json.device.id, 'devices');
    const seen = (await ask('GET', `/devices/${json.device.id}`, undefined, analyst)).json;
    const without = (await ask('POST', '/devices', { name: 'Without', type: 'thermometer' })).json.device;
    const other = (await ask('GET', `/devices/${without.id}`, undefined, analyst)).json;
    expect([seen.serial, seen.unreadable]).toEqual([other.serial, other.unreadable]);
  });

  const aDevice = (serial: string) => ({ name: `Device ${serial}`, type: 'thermometer', serial });
});
