import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { aDetection } from '../../../../tests/support/detections.ts';
import { anOrganisation } from '../../../../tests/support/devices.ts';
import { anAddress, aShield } from '../../../../tests/support/shield.ts';
import { newId } from '../../lib/ids.ts';
import { openBlocks } from './blocks.ts';

let database: TestDatabase;
let shield: Awaited<ReturnType<typeof aShield>>;
const closing: (() => Promise<void>)[] = [];
const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const by = { kind: 'cli', id: 'cli:0', label: null } as const;

beforeAll(async () => {
  database = await aDatabase();
  shield = await aShield(database);
});
afterAll(async () => {
  for (const close of [...closing, () => shield.close()]) await close();
  await database?.drop();
});

async function another(exempt: readonly string[] = []) {
  const made = await aShield(database, shield.clock, exempt);
  closing.push(made.close);
  return made;
}
const rowsOf = async (value: string) =>
  (await database.admin.query(`select * from blocks where value = $1 order by created_at, id`, [value])).rows;
const secondsOf = (block: { created_at: Date; expires_at: Date }): number =>
  (block.expires_at.getTime() - block.created_at.getTime()) / SECOND;
async function until(holds: () => boolean, withinMs = 1_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!holds() && Date.now() < deadline) await sleep(5);
  expect(holds()).toBe(true);
}
const banOf = (value: string, more: Parameters<typeof aDetection>[0] = {}) =>
  aDetection({ subject: { scope: 'ip', value }, response: { decision: 'ban', opensIncident: false }, ...more });

describe('a detection that asks for a decision', () => {
  it('becomes one row with its evidence, however often it is asked for', async () => {
    const address = anAddress();
    const detection = banOf(address, {
      severity: 'high',
      technique: 'T1110.003',
      count: 40,
      events: [newId(), newId()],
    });
    for (let n = 0; n < 3; n += 1) await shield.decisions.follow(detection);
    const rows = await rowsOf(address);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      scope: 'ip',
      kind: 'ban',
      origin: 'detection',
      scenario: detection.scenario,
      detection_id: detection.id,
      reason: detection.name,
      nth: 1,
      evidence: { count: 40, severity: 'high', technique: 'T1110.003', events: detection.events },
    });
    expect(secondsOf(rows[0])).toBe(300);
    expect(shield.blocks.of(address)).toMatchObject({ id: rows[0].id, kind: 'ban' });
    const events = await database.admin.query(
      `select actor_id, details from audit_events where event = 'block.created' and resource_id = $1`,
      [rows[0].id],
    );
    expect(events.rows).toEqual([
      {
        actor_id: 'detection',
        details: expect.objectContaining({
          scope: 'ip',
          value: address,
          scenario: detection.scenario,
          kind: 'ban',
          nth: 1,
        }),
      },
    ]);
    shield.clock.advance(300 * SECOND - 1);
    expect(shield.blocks.of(address)).toBeDefined();
    shield.clock.advance(1);
    expect(shield.blocks.of(address)).toBeUndefined();
  });

  it('asked for at once by several, it is still one', async () => {
    const [address, other] = [anAddress(), await another()];
    const detection = banOf(address);
    await Promise.all(Array.from({ length: 10 }, (_, n) => (n % 2 ? shield : other).decisions.follow(detection)));
    expect(await rowsOf(address)).toHaveLength(1);
  });

  it('lasts twice as long with each within a day, whatever led to those before, and never longer than a day', async () => {
    const address = anAddress();
    await shield.wrong(5, { address, account: `${address}@example.org` });
    const seconds: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      shield.clock.advance((shield.blocks.of(address)?.expires_at.getTime() ?? 0) - shield.clock.now());
      await shield.decisions.follow(banOf(address));
      const block = shield.blocks.of(address);
      if (block) seconds.push(secondsOf(block));
    }
    expect(seconds).toEqual([600, 1_200, 2_400, 4_800, 9_600]);
    // And the guesser after that.
    shield.clock.advance(9_600 * SECOND);
    for (let n = 0; n < 5; n += 1) await shield.guess({ address, account: `${n}-${address}@example.org` });
    expect(shield.blocks.of(address)).toMatchObject({ origin: 'guessing', nth: 7 });
    await database.admin.query(
      `update blocks set created_at = $2, expires_at = $2::timestamptz + interval '1 second' where value = $1`,
      [address, shield.clock.date()],
    );
    for (let n = 0; n < 3; n += 1)
      await database.admin.query(
        `insert into blocks (id, scope, value, reason, created_at, expires_at) values (gen_random_uuid(), 'ip', $1, 'before', $2, $3)`,
        [address, shield.clock.date(), new Date(shield.clock.now() + SECOND)],
      );
    shield.clock.advance(DAY - SECOND);
    await shield.decisions.follow(banOf(address));
    expect((await rowsOf(address)).map(secondsOf).at(-1)).toBe(86_400);
    shield.clock.advance(2 * DAY);
    await shield.decisions.follow(banOf(address));
    expect((await rowsOf(address)).map(secondsOf).at(-1)).toBe(300);
  });

  it('does not extend what is in force; a ban falls over a block, and not the other way round', async () => {
    const address = anAddress();
    const block = () => banOf(address, { response: { decision: 'block', opensIncident: false } });
    await shield.decisions.follow(block());
    await shield.decisions.follow(block());
    expect((await rowsOf(address)).map(({ kind }) => kind)).toEqual(['block']);
    await shield.decisions.follow(banOf(address));
    expect((await rowsOf(address)).map(({ kind, nth }) => [kind, nth])).toEqual([
      ['block', 1],
      ['ban', 2],
    ]);
    expect(shield.blocks.of(address)).toMatchObject({ kind: 'ban' });
    await shield.decisions.follow(block());
    expect(await rowsOf(address)).toHaveLength(2);
  });

  it('of a scenario that is tried out is written down, keeps nobody out and counts for nothing', async () => {
    const address = anAddress();
    await shield.decisions.follow(banOf(address, { simulated: true }));
    expect(await rowsOf(address)).toMatchObject([{ simulated: true, nth: 1 }]);
    expect([shield.blocks.of(address), (await another()).blocks.of(address)]).toEqual([undefined, undefined]);
    expect(await shield.right({ address, account: `${address}@example.org` })).toBe('right');
    await shield.decisions.follow(banOf(address));
    expect((await rowsOf(address)).map(({ simulated, nth }) => [simulated, nth])).toEqual([
      [true, 1],
      [false, 1],
    ]);
  });

  it('that names no decision, or nobody in particular, decides nothing', async () => {
    const before = (await database.admin.query('select 1 from blocks')).rows.length;
    await shield.decisions.follow(banOf(anAddress(), { response: { decision: 'none', opensIncident: true } }));
    for (const scope of ['organisation', 'instance', 'user', 'device'] as const)
      await shield.decisions.follow(banOf('x', { subject: { scope, value: newId() } }));
    await shield.decisions.follow(banOf('no address'));
    expect((await database.admin.query('select 1 from blocks')).rows).toHaveLength(before);
  });

  it('of a person or a device holds for them wherever they come from, and belongs to their organisation', async () => {
    const person = await anOrganisation(database);
    const { organisationId } = person;
    const deviceId = newId();
    const subjects = [
      { scope: 'user', value: person.userId },
      { scope: 'device', value: deviceId },
    ] as const;
    for (const subject of subjects) await shield.decisions.follow(aDetection({ subject, organisationId }));
    expect(await rowsOf(person.userId)).toMatchObject([{ organisation_id: organisationId, scope: 'user' }]);
    const device = {
      kind: 'device',
      deviceId,
      organisationId,
      credentialId: newId(),
      deviceType: 'x',
      expiresAt: null,
    } as const;
    expect(shield.blocks.ofPrincipal(person)).toMatchObject({ scope: 'user' });
    expect(shield.blocks.ofPrincipal(device)).toMatchObject({ scope: 'device' });
    expect(shield.blocks.ofPrincipal({ ...device, deviceId: newId() })).toBeUndefined();
    const key = {
      kind: 'apiKey',
      keyId: newId(),
      label: 'k',
      userId: newId(),
      role: 'admin',
      creator: { userId: person.userId, role: 'admin' },
      organisationId,
      permissions: person.permissions,
      viewers: [],
      expiresAt: new Date(),
    } as const;
    expect(shield.blocks.ofPrincipal(key)).toMatchObject({ value: person.userId });
    const ownKey = { ...key, keyId: newId(), creator: { userId: newId(), role: 'admin' } };
    expect(shield.blocks.ofPrincipal(ownKey)).toBeUndefined();
    await shield.decisions.follow(aDetection({ subject: { scope: 'user', value: ownKey.keyId }, organisationId }));
    expect(shield.blocks.ofPrincipal(ownKey)).toMatchObject({ value: ownKey.keyId });
  });
});

describe('whom it never falls on', () => {
  it('trusted proxies and the allow-list: not an address, not a range they are in, nor their /64', async () => {
    const site = await another(['198.51.100.7', '2001:db8:aaaa:1::7']);
    for (const [scope, value] of [
      ['ip', '198.51.100.7'],
      ['ip', '::ffff:198.51.100.7'],
      ['range', '198.51.100.0/24'],
      ['ip', '2001:db8:aaaa:1::9'],
      ['range', '2001:db8:aaaa::/48'],
    ] as const)
      await site.decisions.follow(banOf(value, { subject: { scope, value } }));
    const made = await database.admin.query(
      `select value from blocks where value like '198.51.100%' or value like '2001:db8:aaaa%'`,
    );
    expect(made.rows).toEqual([]);
    await site.decisions.follow(banOf('198.51.100.8'));
    expect(site.blocks.of('198.51.100.8')).toBeDefined();
  });

  it('whoever works on the host itself is blocked at most, and everybody else of loopback can be banned', async () => {
    for (const [address, kind] of [
      ['127.0.0.1', 'block'],
      ['::1', 'block'],
      ['127.0.0.66', 'ban'],
    ] as const) {
      await shield.decisions.follow(banOf(address));
      expect([address, shield.blocks.of(address)?.kind]).toEqual([address, kind]);
      await shield.blocks.lift(address, by);
      expect(shield.blocks.of(address)).toBeUndefined();
    }
  });

  it('nor by a network that the host is in', async () => {
    for (const [value, address] of [
      ['127.0.0.0/8', '127.0.0.1'],
      ['::/16', '::1'],
    ] as const) {
      await shield.decisions.follow(banOf('', { subject: { scope: 'range', value } }));
      expect([value, shield.blocks.of(address)]).toMatchObject([value, { scope: 'range', kind: 'block' }]);
      await shield.blocks.lift(value, by);
    }
  });
});

describe('a range', () => {
  it('holds for every address in it and no other, of IPv6 too, beside blocks of single ones', async () => {
    await shield.decisions.follow(banOf('', { subject: { scope: 'range', value: '203.0.113.77/25' } }));
    await shield.decisions.follow(banOf('', { subject: { scope: 'range', value: '2001:db8:beef::/48' } }));
    expect(shield.blocks.of('203.0.113.0')).toMatchObject({ value: '203.0.113.0/25' });
    expect(shield.blocks.of('::ffff:203.0.113.127')).toMatchObject({ kind: 'ban' });
    expect(shield.blocks.of('203.0.113.128')).toBeUndefined();
    expect(shield.blocks.of('2001:db8:beef:ffff::1')).toMatchObject({ value: '2001:db8:beef::/48' });
    expect(shield.blocks.of('2001:db8:bef0::1')).toBeUndefined();
    await shield.wrong(5, { address: '203.0.113.200', account: 'range@example.org' });
    expect(shield.blocks.of('203.0.113.200')).toMatchObject({ scope: 'ip', kind: 'block' });
    await shield.blocks.lift('203.0.113.3/25', by);
    expect(shield.blocks.of('203.0.113.0')).toBeUndefined();
  });
});

describe('after a block was lifted', () => {
  it('no detection decides on the same for ten minutes, however much came before; then it may', async () => {
    const address = anAddress();
    await shield.decisions.follow(banOf(address));
    await shield.blocks.lift(address, by);
    expect(await rowsOf(address)).toMatchObject([
      { lifted_by: 'cli:0', grace_until: new Date(shield.clock.now() + 600 * SECOND) },
    ]);
    shield.clock.advance(600 * SECOND - 1);
    await shield.decisions.follow(banOf(address));
    expect(shield.blocks.of(address)).toBeUndefined();
    shield.clock.advance(1);
    await shield.decisions.follow(banOf(address));
    // What was lifted is forgiven: it is the first again.
    expect(shield.blocks.of(address)).toMatchObject({ nth: 1 });
  });
});

describe('servers on one database', () => {
  it('agree on a ban and on its end within a second, each telling its doors once', async () => {
    const [address, other] = [anAddress(), await another()];
    const told: string[] = [];
    other.blocks.onImposed(({ value }) => told.push(value));
    await shield.decisions.follow(banOf(address));
    await until(() => other.blocks.of(address) !== undefined);
    await other.blocks.lift(address, by);
    await until(() => shield.blocks.of(address) === undefined);
    expect(told).toEqual([address]);
  });

  it('hear of what a server decided that ended before it could say so, when the detection is answered again', async () => {
    const [address, other] = [anAddress(), await another()];
    const detection = banOf(address);
    await shield.decisions.follow(detection);
    await until(() => other.blocks.of(address) !== undefined);
    const third = await another();
    const [row] = await rowsOf(address);
    await database.admin.query(`update blocks set lifted_at = now(), lifted_by = 'x' where id = $1`, [row.id]);
    await shield.blocks.announceLifted([row]);
    await until(() => third.blocks.of(address) === undefined && other.blocks.of(address) === undefined);
    // As if it had been committed and never told.
    await database.admin.query(`update blocks set lifted_at = null, lifted_by = null where id = $1`, [row.id]);
    await other.decisions.follow(detection);
    for (const server of [shield, other, third]) await until(() => server.blocks.of(address) !== undefined);
  });

  it('read everything once at a time: of two readings at once the older never replaces what was said meanwhile', async () => {
    const [address, gaps] = [anAddress(), [] as (() => void)[]];
    const { promise: answer, resolve: answered } = Promise.withResolvers<void>();
    const warnings: unknown[] = [];
    let [isSlow, readings, most] = [false, 0, 0];
    const blocks = await openBlocks({
      transactions: {
        ...shield.transactions,
        async readAcross(work) {
          readings += 1;
          most = Math.max(most, readings);
          const read = await shield.transactions.readAcross(work);
          if (isSlow) await answer.then(() => sleep(30));
          readings -= 1;
          return read;
        },
      },
      notices: {
        publish: async () => undefined,
        onNotice() {},
        onGap: (listener) => gaps.push(listener),
        async close() {},
      },
      allowList: shield.allowList,
      clock: shield.clock,
      log: { debug() {}, info() {}, warn: (entry: unknown) => warnings.push(entry), error() {} } as never,
    });
    closing.push(async () => blocks.close());
    isSlow = true;
    for (let n = 0; n < 4; n += 1) for (const again of gaps) again();
    await until(() => readings > 0);
    for (const again of gaps) again();
    await shield.decisions.follow(banOf(address));
    const [row] = await rowsOf(address);
    await blocks.announce(row);
    answered();
    const seen = new Set<string | undefined>();
    for (const end = Date.now() + 400; Date.now() < end; await sleep(2)) seen.add(blocks.of(address)?.id);
    expect([warnings, most, [...seen]]).toEqual([[], 1, [row.id]]);
  });

  it('look at a row again when more was said of it meanwhile: what was read before a lift is not imposed after it', async () => {
    const address = anAddress();
    await shield.decisions.follow(banOf(address));
    const [row] = await rowsOf(address);
    const { promise: answer, resolve: answered } = Promise.withResolvers<void>();
    let hear: (body: unknown) => void = () => {};
    let [isSlow, looks] = [false, 0];
    const blocks = await openBlocks({
      transactions: {
        ...shield.transactions,
        async readAcross(work) {
          const read = await shield.transactions.readAcross(work);
          looks += 1;
          if (isSlow) await answer;
          return read;
        },
      },
      notices: {
        publish: async () => undefined,
        onNotice(_, listener) {
          hear = listener;
        },
        onGap() {},
        async close() {},
      },
      allowList: shield.allowList,
      clock: shield.clock,
      log: { debug() {}, info() {}, warn() {}, error() {} } as never,
    });
    closing.push(async () => blocks.close());
    isSlow = true;
    looks = 0;
    hear({ id: row.id });
    await until(() => looks === 1);
    await shield.blocks.lift(address, by);
    await blocks.announceLifted([row]);
    expect(blocks.of(address)).toBeUndefined();
    answered();
    await until(() => looks === 2);
    await sleep(50);
    expect(blocks.of(address)).toBeUndefined();
  });

  it('exempt together what one puts on the allow-list', async () => {
    const [address, other] = [anAddress(), await another()];
    await shield.decisions.follow(banOf(address));
    await until(() => other.blocks.of(address) !== undefined);
    const { organisationId } = await anOrganisation(database);
    await database.admin.query(
      `insert into allow_list (id, organisation_id, network, created_at) values (gen_random_uuid(), $2, $1, now())`,
      [address, organisationId],
    );
    await shield.allowList.changed();
    expect([
      shield.blocks.of(address),
      shield.blocks
        .bans()
        .map(({ value }) => value)
        .includes(address),
    ]).toEqual([undefined, false]);
    await until(() => other.blocks.of(address) === undefined);
    for (let n = 0; n < 6; n += 1) await other.guess({ address, account: `${n}@allowed.example` });
    expect(other.blocks.isExempt(address)).toBe(true);
    expect(other.blocks.of(address)).toBeUndefined();
  });
});

it('while the database is away what is held stays in force, no secret is looked at, and a decision waits until it is back', async () => {
  const own = await aDatabase();
  const site = await aShield(own, shield.clock);
  try {
    const [banned, next] = [anAddress(), anAddress()];
    await site.decisions.follow(banOf(banned));
    await own.admin.query(`update pg_database set datallowconn = false where datname = current_database()`);
    await own.admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    const detection = banOf(next);
    await expect(site.decisions.follow(detection)).rejects.toThrow();
    await expect(site.right({ address: anAddress(), account: 'someone@example.org' })).rejects.toThrow();
    expect(site.blocks.of(banned)).toMatchObject({ kind: 'ban' });
    await own.admin.query(`update pg_database set datallowconn = true where datname = current_database()`);
    await site.decisions.follow(detection);
    expect([site.blocks.of(banned), site.blocks.of(next)]).toMatchObject([{ kind: 'ban' }, { kind: 'ban' }]);
    expect(await site.right({ address: anAddress(), account: 'someone@example.org' })).toBe('right');
  } finally {
    await site.close();
    await own.drop();
  }
});
