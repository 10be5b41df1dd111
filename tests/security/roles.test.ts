import { type Permission, permissions } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aLiveClient } from '../support/live.ts';

// Roles of an organisation's own: what they give, how fast a change of them holds, and that they are no way to more rights.

const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;

beforeAll(async () => {
  app = await anApp({ clock, env: { VALTRONICS_ACCESS_TOKEN_MINUTES: '60' } });
  admin = await app.aPerson('admin');
});
beforeEach(async () => {
  clock.advance(5_000);
  await app.freshProof(admin);
});
afterAll(() => app?.stop());

const as = (person: Person) => (method: string, path: string, body?: unknown) =>
  app.call(method, `/api/v1${path}`, {
    token: person.accessToken,
    from: freshAddress(),
    ...(body === undefined ? {} : { body }),
  });
const said = ({ status, json }: Answer) => `${status} ${json?.code ?? ''}`.trim();
const eventsOf = async (resourceId: string) =>
  (
    await app.database.admin.query(
      'select event, actor_id, details from audit_events where resource_id = $1 order by at',
      [resourceId],
    )
  ).rows;

let count = 0;
async function aRole(list: readonly Permission[], more: Record<string, unknown> = {}): Promise<string> {
  count += 1;
  const name = `role-${count}`;
  const created = await as(admin)('POST', '/roles', { name, permissions: list, ...more });
  expect(created.status).toBe(201);
  return name;
}

describe('a role of the organisation', () => {
  it('is listed behind the built-in ones with what it gives and who holds it, and recorded', async () => {
    const name = await aRole(['device:read', 'alert:read'], { description: 'Looks, touches nothing' });
    await app.aPerson(name);
    const { json } = await as(admin)('GET', '/roles');
    expect(json.items.slice(0, 4).map((role: { name: string; builtIn: boolean }) => [role.name, role.builtIn])).toEqual(
      [
        ['admin', true],
        ['operator', true],
        ['analyst', true],
        ['user', true],
      ],
    );
    expect(json.items.find((role: { name: string }) => role.name === name)).toEqual({
      name,
      description: 'Looks, touches nothing',
      permissions: ['device:read', 'alert:read'],
      requiresFactor: false,
      builtIn: false,
      people: 1,
    });
    expect(await eventsOf(name)).toMatchObject([{ event: 'role.created', actor_id: admin.userId }]);
  });

  it.each([
    ['the name of a built-in one', { name: 'admin', permissions: [] }],
    ['a name with a capital', { name: 'Nurse', permissions: [] }],
    ['a permission nobody knows', { name: 'nurse', permissions: ['everything'] }],
    ['a permission twice', { name: 'nurse', permissions: ['device:read', 'device:read'] }],
  ])('is refused with %s', async (_, body) => {
    expect((await as(admin)('POST', '/roles', body)).status).toBe(400);
  });

  it('has a name of its own: fifty who create it at once make one', async () => {
    const create = () => as(admin)('POST', '/roles', { name: 'only-once', permissions: ['device:read'] });
    const answers = await Promise.all(Array.from({ length: 50 }, create));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
  });

  it('[ASVS 8.3.2] that is changed holds from the next request on, by every credential, and is recorded', async () => {
    const name = await aRole(['device:read']);
    const holder = await app.aPerson(name);
    expect((await as(holder)('GET', '/alerts')).status).toBe(403);
    expect((await as(admin)('PATCH', `/roles/${name}`, { permissions: ['alert:read'] })).status).toBe(200);
    expect((await as(holder)('GET', '/alerts')).status).toBe(200);
    expect((await as(holder)('GET', '/devices')).status).toBe(403);
    expect((await as(holder)('GET', '/auth/me')).json).toMatchObject({ role: name, permissions: ['alert:read'] });
    expect((await eventsOf(name)).at(-1)).toMatchObject({
      event: 'role.changed',
      details: { added: ['alert:read'], removed: ['device:read'] },
    });
  });

  it('[ASVS 8.3.2] that is changed ends open connections within a second, and only those of its holders', async () => {
    const name = await aRole(['device:read']);
    const [holder, other] = [await app.aPerson(name), await app.aPerson('user')];
    const [held, kept] = [await aLiveClient(app, holder.accessToken), await aLiveClient(app, other.accessToken)];
    for (const client of [held, kept]) {
      client.say({ type: 'subscribe', id: 1, channel: 'devices' });
      expect(await client.next()).toMatchObject({ type: 'subscribed' });
    }
    const before = performance.now();
    expect((await as(admin)('PATCH', `/roles/${name}`, { permissions: [] })).status).toBe(200);
    expect(await held.closed).toBe(4401);
    expect(performance.now() - before).toBeLessThan(1_000);
    kept.say({ type: 'ping' });
    expect(await kept.next()).toMatchObject({ type: 'pong' });
    kept.socket.close();
  });

  it('whose words alone change ends no connection', async () => {
    const name = await aRole(['device:read']);
    const client = await aLiveClient(app, (await app.aPerson(name)).accessToken);
    client.say({ type: 'ping' });
    await client.next();
    expect((await as(admin)('PATCH', `/roles/${name}`, { description: 'Other words' })).status).toBe(200);
    client.say({ type: 'ping' });
    expect(await client.next()).toMatchObject({ type: 'pong' });
    client.socket.close();
  });

  it('[ASVS 10.3.4] that asks for a second factor keeps out who has not proven one', async () => {
    const name = await aRole(['device:read'], { requiresFactor: true });
    const holder = await app.aPerson(name);
    expect(said(await as(holder)('GET', '/devices'))).toBe('403 pending');
    expect((await as(admin)('PATCH', `/roles/${name}`, { requiresFactor: false })).status).toBe(200);
    expect((await as(holder)('GET', '/devices')).status).toBe(200);
  });

  it('is deleted only when nobody holds it, and then gives nothing to anybody', async () => {
    const name = await aRole(['device:read']);
    const holder = await app.aPerson(name);
    expect(said(await as(admin)('DELETE', `/roles/${name}`))).toBe('409 conflict');
    // Around the rule, as a restore or a slip would: a name that stands for nothing gives nothing.
    await app.database.admin.query('delete from custom_roles where name = $1', [name]);
    expect((await as(holder)('GET', '/devices')).status).toBe(403);
    expect((await as(holder)('GET', '/auth/me')).json.permissions).toEqual([]);
    const unheld = await aRole(['device:read']);
    expect((await as(admin)('DELETE', `/roles/${unheld}`)).status).toBe(204);
    expect(said(await as(admin)('DELETE', `/roles/${unheld}`))).toBe('404 not_found');
  });

  it('given and deleted at the same moment is never held without being there', async () => {
    for (let round = 0; round < 10; round += 1) {
      const name = await aRole(['device:read']);
      const person = await app.aPerson('user');
      const [given, deleted] = await Promise.all([
        as(admin)('PATCH', `/users/${person.userId}`, { role: name }),
        as(admin)('DELETE', `/roles/${name}`),
      ]);
      expect([
        [200, 409],
        [400, 204],
      ]).toContainEqual([given.status, deleted.status]);
    }
  });

  it('that does not exist is given to nobody', async () => {
    const person = await app.aPerson('user');
    expect(said(await as(admin)('PATCH', `/users/${person.userId}`, { role: 'no-such-role' }))).toBe(
      '400 invalid_request',
    );
    const invited = await as(admin)('POST', '/users', { email: 'x@example.org', role: 'no-such-role' });
    expect(said(invited)).toBe('400 invalid_request');
  });

  it('of another organisation is not there: its name gives nothing here', async () => {
    const name = await aRole(['device:read']);
    const others = await app.anotherOrganisation();
    const [stranger, theirs] = [await app.aPerson(name, others), await app.aPerson('admin', others)];
    const user = await app.aPerson('user', others);
    expect((await as(stranger)('GET', '/devices')).status).toBe(403);
    expect((await as(theirs)('GET', '/roles')).json.items).toHaveLength(4);
    expect(said(await as(theirs)('PATCH', `/users/${user.userId}`, { role: name }))).toBe('400 invalid_request');
  });
});

describe('managing people is no way to more rights', () => {
  let manager: Person;
  let role: string;
  let [person, lower] = [{} as Person, {} as Person];
  beforeAll(async () => {
    role = await app.aRole('people-desk', ['user:manage', 'device:read']);
    manager = await app.aPerson(role);
    person = await app.aPerson('user');
    lower = await app.aPerson(await aRole([]));
  });
  beforeEach(() => app.freshProof(manager));

  it.each(permissions.filter((permission) => !['user:manage', 'device:read'].includes(permission)))(
    '[ASVS 8.2.1, 8.3.1] whoever does not hold %s puts it into no role and gives it to nobody',
    async (permission) => {
      const higher = await aRole([permission]);
      const desk = as(manager);
      const tries = [
        await desk('POST', '/roles', { name: 'my-own', permissions: ['device:read', permission] }),
        await desk('PATCH', `/roles/${higher}`, { description: 'mine now' }),
        await desk('DELETE', `/roles/${higher}`),
        await desk('PATCH', `/users/${lower.userId}`, { role: higher }),
        await desk('POST', '/users', { email: `new-${higher}@example.org`, role: higher }),
        await desk('POST', '/service-accounts', { name: 'A program', role: higher }),
        await desk('POST', '/auth/api-keys', { label: 'Mine', permissions: [permission] }),
        // What a person holds who may more is not theirs to take either.
        await desk('PATCH', `/users/${person.userId}`, { role }),
      ];
      expect(tries.map(said)).toEqual(tries.map(() => '403 forbidden'));
    },
  );

  it('[ASVS 8.2.1] makes no administrators, and disables none', async () => {
    const desk = as(manager);
    const lower = await app.aPerson(await aRole(['device:read']));
    expect(said(await desk('PATCH', `/users/${lower.userId}`, { role: 'admin' }))).toBe('403 forbidden');
    expect(said(await desk('PATCH', `/users/${admin.userId}`, { status: 'disabled' }))).toBe('403 forbidden');
    expect((await desk('PATCH', `/users/${lower.userId}`, { status: 'disabled' })).status).toBe(200);
  });

  it('nobody edits the role they hold, nor a built-in one', async () => {
    expect(said(await as(manager)('PATCH', `/roles/${role}`, { permissions: ['device:read'] }))).toBe('403 forbidden');
    expect(said(await as(manager)('DELETE', `/roles/${role}`))).toBe('403 forbidden');
    expect(said(await as(admin)('PATCH', '/roles/user', { permissions: [] }))).toBe('403 forbidden');
    expect(said(await as(admin)('DELETE', '/roles/user'))).toBe('403 forbidden');
  });

  it('what is within one’s own rights works: a role of it is made, given and taken', async () => {
    const desk = as(manager);
    const created = await desk('POST', '/roles', { name: 'reader', permissions: ['device:read'] });
    expect(created.status).toBe(201);
    const person = await app.aPerson('reader');
    expect((await desk('PATCH', `/users/${person.userId}`, { role })).status).toBe(200);
    expect((await desk('PATCH', '/roles/reader', { permissions: [] })).status).toBe(200);
    expect((await desk('DELETE', '/roles/reader')).status).toBe(204);
  });

  it('[ASVS 7.5.3] an old proof is not enough', async () => {
    clock.advance(301_000);
    expect(said(await as(manager)('POST', '/roles', { name: 'late', permissions: [] }))).toBe('401 step_up_required');
  });

  it('the last administrator is a person: a program that holds the role does not count', async () => {
    const others = await app.anotherOrganisation();
    const [one, two] = [await app.aPerson('admin', others), await app.aPerson('admin', others)];
    expect((await as(one)('POST', '/service-accounts', { name: 'A program', role: 'admin' })).status).toBe(201);
    expect((await as(one)('PATCH', `/users/${two.userId}`, { role: 'user' })).status).toBe(200);
    await app.database.admin.query(`update users set role = 'admin' where id = $1`, [two.userId]);
    const answers = await Promise.all([
      as(one)('PATCH', `/users/${two.userId}`, { role: 'user' }),
      as(two)('PATCH', `/users/${one.userId}`, { role: 'user' }),
    ]);
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    const left = await app.database.admin.query(
      `select 1 from users where organisation_id = $1 and role = 'admin' and kind = 'person' and status = 'active'`,
      [others],
    );
    expect(left.rows.length).toBeGreaterThanOrEqual(1);
  });
});
