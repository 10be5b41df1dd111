import * as contract from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { anOrganisation, devicesUnderTest } from '../../../../tests/support/devices.ts';
import { settlesWithin } from '../../../../tests/support/mqtt-client.ts';
import { newId } from '../../lib/ids.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import { tokenHash } from '../../security/crypto/tokens.ts';

let database: TestDatabase;
let subject: Awaited<ReturnType<typeof devicesUnderTest>>;
let ann: UserPrincipal;
let eve: UserPrincipal;

beforeAll(async () => {
  database = await aDatabase();
  subject = await devicesUnderTest(database);
  [ann, eve] = [await anOrganisation(database), await anOrganisation(database)];
});
afterAll(async () => {
  await subject.stop();
  await database.drop();
});

const register = (fields: Record<string, unknown> = {}, by = ann) =>
  subject.call(by, contract.deviceRegister, { body: { name: 'Fridge 1', type: 'thermometer', ...fields } });
const auditOf = async (resourceId: string) =>
  (
    await database.admin.query('select event, details from audit_events where resource_id = $1 order by id', [
      resourceId,
    ])
  ).rows;

describe('register', () => {
  test('gives the token once, stores only its hash, and is recorded without it', async () => {
    const { device, credential } = await register({ location: 'Lab', metadata: { floor: 3 } });
    expect(device).toMatchObject({
      status: 'offline',
      location: 'Lab',
      metadata: { floor: 3 },
      silenceTimeoutSeconds: 120,
    });
    const { rows } = await database.admin.query('select * from device_credentials where device_id = $1', [device.id]);
    expect(rows).toMatchObject([{ id: credential.id, token_hash: tokenHash(credential.token) }]);
    const dump = JSON.stringify([await auditOf(device.id), rows]);
    expect(dump).toContain('device.registered');
    expect(dump).not.toContain(credential.token);
  });

  test('an owner must be a person of the organisation', async () => {
    await expect(register({ ownerId: eve.userId })).rejects.toMatchObject({ errors: [{ path: 'ownerId' }] });
    const { device } = await register({ ownerId: ann.userId });
    expect(device.ownerId).toBe(ann.userId);
  });
});

describe('another organisation', () => {
  test('every endpoint with an id answers like one that never was', async () => {
    const { device, credential } = await register();
    const body = { name: 'reboot' };
    const { command } = { command: await subject.call(ann, contract.commandSend, { params: { id: device.id }, body }) };
    expect(command.status).toBe('pending');
    const endpoints = [
      [contract.deviceGet, {}],
      [contract.deviceChange, { name: 'mine now' }],
      [contract.deviceDelete, {}],
      [contract.credentialsList, {}],
      [contract.credentialCreate, {}],
      [contract.credentialRevoke, {}],
      [contract.commandsList, {}],
      [contract.commandSend, body],
      [contract.deviceEventsList, {}],
    ] as const;
    for (const [endpoint, input] of endpoints) {
      const ask = async (id: string) => {
        const params = endpoint === contract.credentialRevoke ? { id, credentialId: credential.id } : { id };
        return subject.call(eve, endpoint, { params, body: input }).then(
          () => 'answered',
          (error: { code: string; detail?: string; errors?: unknown }) => [error.code, error.detail, error.errors],
        );
      };
      expect([endpoint.path, await ask(device.id)]).toEqual([endpoint.path, ['not_found', undefined, undefined]]);
      expect(await ask(device.id)).toEqual(await ask(newId()));
    }
    expect(await subject.call(ann, contract.deviceGet, { params: { id: device.id } })).toMatchObject({
      name: 'Fridge 1',
    });
    expect((await subject.call(eve, contract.devicesList)).items).toEqual([]);
    expect((await subject.call(eve, contract.devicesSummary)).total).toBe(0);
  });

  test('every endpoint of the contract is handled', () => {
    // Whom a device measures belongs to the subjects feature.
    const declared = Object.values(contract.endpoints).filter(
      ({ path }) => /^\/(\.well-known\/)?device(?!-groups)/.test(path) && !path.includes('/assignments'),
    );
    expect([...subject.handled()].map(({ path }) => path).sort()).toEqual(declared.map(({ path }) => path).sort());
  });
});

describe('list', () => {
  let fleet: UserPrincipal;
  beforeAll(async () => {
    fleet = await anOrganisation(database);
    for (const [n, name] of ['b', 'A', 'c', 'B', '100%', '100_', 'e', 'ä'].entries())
      await register(
        { name, type: n % 2 ? 'odd' : 'even', serial: `S-${n}`, location: n < 4 ? 'North' : 'South' },
        fleet,
      );
    // Two heard at the same microsecond, some never.
    await database.admin.query(
      `update devices set last_seen_at = '2026-01-01T00:00:00.000001Z' where organisation_id = $1 and name in ('b', 'A')`,
      [fleet.organisationId],
    );
    await database.admin.query(
      `update devices set last_seen_at = '2026-01-01T00:00:00.000002Z' where organisation_id = $1 and name = 'c'`,
      [fleet.organisationId],
    );
  });

  test.each(['name', '-name', 'lastSeenAt', '-lastSeenAt', 'createdAt', '-createdAt'])(
    'pages by %s hold every device once, in one order',
    async (sort) => {
      const all = await subject.call(fleet, contract.devicesList, { query: { sort } });
      expect(all.nextCursor).toBeNull();
      const paged: string[] = [];
      let cursor: string | null = null;
      do {
        const page: { items: { name: string }[]; nextCursor: string | null } = await subject.call(
          fleet,
          contract.devicesList,
          { query: { sort, limit: '3', ...(cursor ? { cursor } : {}) } },
        );
        paged.push(...page.items.map(({ name }) => name));
        cursor = page.nextCursor;
      } while (cursor);
      expect(paged).toEqual(all.items.map(({ name }) => name));
      expect(new Set(paged).size).toBe(8);
    },
  );

  test('the newest heard come first, those never heard last', async () => {
    const { items } = await subject.call(fleet, contract.devicesList, { query: { sort: '-lastSeenAt' } });
    expect(items.slice(0, 3).map(({ name }) => name.toLowerCase())).toEqual([
      'c',
      expect.stringMatching(/[ab]/),
      expect.stringMatching(/[ab]/),
    ]);
    expect(items.slice(3).every(({ lastSeenAt }) => lastSeenAt === null)).toBe(true);
  });

  test('signs of a pattern in the text are meant literally', async () => {
    const names = async (text: string) =>
      (await subject.call(fleet, contract.devicesList, { query: { text } })).items.map(({ name }) => name);
    expect(await names('100%')).toEqual(['100%']);
    expect(await names('0_')).toEqual(['100_']);
    expect(await names('s-2')).toEqual(['c']);
    expect(await names('\\')).toEqual([]);
  });

  test('filters by type, status and location', async () => {
    const count = async (query: Record<string, string>) =>
      (await subject.call(fleet, contract.devicesList, { query })).items.length;
    expect(await count({ type: 'odd' })).toBe(4);
    expect(await count({ location: 'North', type: 'odd' })).toBe(2);
    expect(await count({ status: 'online' })).toBe(0);
    expect(await count({ status: 'offline' })).toBe(8);
  });

  test.each([
    ['not base64', '!!!'],
    ['of another order', Buffer.from(JSON.stringify(['name', 'a', newId()])).toString('base64url')],
    [
      'with a key that is no time',
      Buffer.from(JSON.stringify(['createdAt', "1' or true", newId()])).toString('base64url'),
    ],
  ])('a cursor %s is refused by name', async (_what, cursor) => {
    const listed = subject.call(fleet, contract.devicesList, { query: { sort: 'createdAt', cursor } });
    await expect(listed).rejects.toMatchObject({ code: 'invalid_request', errors: [{ path: 'cursor' }] });
  });

  test('the summary counts by status and type', async () => {
    expect(await subject.call(fleet, contract.devicesSummary)).toEqual({
      total: 8,
      byStatus: { online: 0, offline: 8, error: 0, maintenance: 0 },
      byType: expect.arrayContaining([
        { type: 'odd', total: 4, online: 0 },
        { type: 'even', total: 4, online: 0 },
      ]),
      locations: ['North', 'South'],
    });
  });
});

describe('change and delete', () => {
  test('changes what is given, keeps the rest, and records the names of the fields', async () => {
    const { device } = await register({ location: 'Lab', serial: 'S' });
    const changed = await subject.call(ann, contract.deviceChange, {
      params: { id: device.id },
      body: { name: 'Fridge 2', location: null },
    });
    expect(changed).toMatchObject({ name: 'Fridge 2', location: null, serial: 'S', type: 'thermometer' });
    expect((await auditOf(device.id)).at(-1)).toEqual({
      event: 'device.changed',
      details: { changed: ['name', 'location'] },
    });
  });

  test('a changed device is shown to who watches its organisation, and to nobody else', async () => {
    const { device } = await register();
    const [mine, other] = [subject.watch(ann), subject.watch(eve)];
    await subject.call(ann, contract.deviceChange, { params: { id: device.id }, body: { name: 'Seen' } });
    expect(mine.messages).toMatchObject([{ type: 'device', device: { id: device.id, name: 'Seen' } }]);
    expect(other.messages).toEqual([]);
    mine.end();
    await subject.call(ann, contract.deviceChange, { params: { id: device.id }, body: { name: 'Unseen' } });
    expect(mine.messages).toHaveLength(1);
  });

  test('deleting ends its connections and its credential', async () => {
    const { device, credential } = await register();
    const client = await subject.connect(device.id, credential.token);
    const told: string[] = [];
    subject.devices.onChanged((id) => told.push(id));
    await subject.call(ann, contract.deviceDelete, { params: { id: device.id } });
    expect(await settlesWithin(1000, client.closed)).toBe(true);
    expect(told).toEqual([device.id]);
    await expect(subject.connect(device.id, credential.token)).rejects.toMatchObject({ code: 4 });
    await expect(subject.call(ann, contract.deviceGet, { params: { id: device.id } })).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});

describe('credentials', () => {
  test('an old and a new one work side by side until the overlap ends; the list holds no secret', async () => {
    const { device, credential } = await register();
    const params = { id: device.id };
    const body = { label: 'second', othersExpireInSeconds: 600 };
    const second = await subject.call(ann, contract.credentialCreate, { params, body });
    const clients = [
      await subject.connect(device.id, credential.token),
      await subject.connect(device.id, second.token),
    ];
    const { items } = await subject.call(ann, contract.credentialsList, { params });
    expect(items).toMatchObject([
      { id: second.id, label: 'second', expiresAt: null },
      { id: credential.id, expiresAt: expect.any(String) },
    ]);
    expect(JSON.stringify(items)).not.toContain('vtd_');
    const third = await subject.call(ann, contract.credentialCreate, { params, body: { othersExpireInSeconds: 0 } });
    for (const client of clients) expect(await settlesWithin(1000, client.closed)).toBe(true);
    await expect(subject.connect(device.id, second.token)).rejects.toMatchObject({ code: 4 });
    await (await subject.connect(device.id, third.token)).end();
  });

  test('a revoked one ends its connections within a second and is refused from then on', async () => {
    const { device, credential } = await register();
    const client = await subject.connect(device.id, credential.token);
    const params = { id: device.id.toUpperCase(), credentialId: credential.id.toUpperCase() };
    await subject.call(ann, contract.credentialRevoke, { params });
    expect(await settlesWithin(1000, client.closed)).toBe(true);
    await expect(subject.connect(device.id, credential.token)).rejects.toMatchObject({ code: 4 });
    await subject.call(ann, contract.credentialRevoke, { params });
    expect((await auditOf(device.id)).slice(-2).map(({ details }) => details.outcome)).toEqual([
      'revoked',
      'already revoked',
    ]);
  });

  test('one device’s credential cannot be revoked through another device', async () => {
    const [first, second] = [await register(), await register()];
    const params = { id: second.device.id, credentialId: first.credential.id };
    await expect(subject.call(ann, contract.credentialRevoke, { params })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('there is a bound to their number, and an end in the past is refused', async () => {
    const { device } = await register();
    const create = (body: object) => subject.call(ann, contract.credentialCreate, { params: { id: device.id }, body });
    await expect(create({ expiresAt: '2020-01-01T00:00:00Z' })).rejects.toMatchObject({
      errors: [{ path: 'expiresAt' }],
    });
    for (let n = 1; n < 20; n += 1) await create({});
    await expect(create({})).rejects.toMatchObject({ code: 'conflict' });
  });
});
