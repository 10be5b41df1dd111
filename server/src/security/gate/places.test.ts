import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { newId } from '../../lib/ids.ts';
import { type Notices, openNotices } from '../../platform/db/notices.ts';
import { createLogger } from '../../platform/log/log.ts';
import type { Principal } from '../access/principal.ts';
import { createTransactions } from '../audit/transactions.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { SecurityReport } from '../events/security-event.ts';
import { createPlaces } from './places.ts';

// Several servers on one real database, with its real notices. What follows from a move is detection's, and tested there.

const [HOME, OFFICE, CAFE] = ['192.0.2.7', '198.51.100.7', '203.0.113.7'];
const HOUR_MS = 3_600_000;
const QUIET_MS = 400;

let database: TestDatabase;
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database?.drop());

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const aTime = () => {
  let now = Date.parse('2026-06-01T12:00:00Z');
  return {
    clock: { now: () => now, date: () => new Date(now) },
    pass(ms: number) {
      now += ms;
    },
  };
};
type Time = ReturnType<typeof aTime>;

const log = createLogger({ level: 'fatal', clock: aTime().clock });

async function aServer(
  { clock }: Pick<Time, 'clock'>,
  as: { deaf?: boolean; transactions?: Pick<Transactions, 'unaudited'> } = {},
) {
  const reports: SecurityReport[] = [];
  const notices = await openNotices(database.connection('server'), database.server, log);
  const heard: Notices = as.deaf ? { ...notices, onNotice() {} } : notices;
  const places = createPlaces({
    transactions: as.transactions ?? createTransactions(database),
    notices: heard,
    events: { report: (report) => void reports.push(report) },
    clock,
    log,
  });
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    await places.stop();
    await notices.close();
  };
  stops.push(stop);
  return {
    places,
    reports,
    stop,
    /** Uses a credential, and waits until it is written down and told. */
    async use(principal: Principal, address: string) {
      places.seen(principal, address, 'http');
      await delay(QUIET_MS);
    },
    moves: () => reports.map(({ details }) => [details?.from, details?.to]),
  };
}

const aSession = () =>
  ({
    kind: 'user',
    sessionId: newId(),
    userId: newId(),
    email: 'ada@example.org',
    organisationId: 1,
  }) as unknown as Principal;
const aCredential = () =>
  ({ kind: 'device', deviceId: newId(), credentialId: newId(), organisationId: 1 }) as unknown as Principal;

const written = async () =>
  (await database.admin.query('select credential, network from last_places order by 1')).rows as {
    credential: string;
    network: string;
  }[];
const row = async (principal: Principal) => {
  const { sessionId, credentialId } = principal as { sessionId?: string; credentialId?: string };
  return (await written()).find(({ credential }) => credential.endsWith(`:${sessionId ?? credentialId}`));
};

describe('on one server', () => {
  it('a session that goes there and back at once moved twice, and each move says whose it is', async () => {
    const server = await aServer(aTime());
    const session = aSession();
    for (const address of [HOME, OFFICE, HOME]) server.places.seen(session, address, 'websocket');
    await vi.waitFor(() => expect(server.reports).toHaveLength(2));
    const { userId, sessionId } = session as { userId: string; sessionId: string };
    expect(server.reports[0]).toEqual({
      action: 'session.moved',
      outcome: 'success',
      level: 'warning',
      transport: 'websocket',
      address: OFFICE,
      organisationId: 1,
      user: { id: userId, label: 'ada@example.org' },
      details: { from: '192.0.2.0/24', to: '198.51.100.0/24', credential: `session:${sessionId}` },
    });
    expect(server.moves()[1]).toEqual(['198.51.100.0/24', '192.0.2.0/24']);
  });

  it('within one network nobody moves: a /24 of IPv4, a /64 of IPv6', async () => {
    const server = await aServer(aTime());
    for (const [one, other, elsewhere] of [
      [HOME, '192.0.2.200', '192.0.3.7'],
      ['2001:db8::1', '2001:db8::ffff:2', '2001:db8:0:1::1'],
    ] as const) {
      const device = aCredential();
      await server.use(device, one);
      await server.use(device, other);
      expect(server.reports).toEqual([]);
      await server.use(device, elsewhere);
      expect(server.reports.splice(0)).toMatchObject([{ action: 'device.moved', address: elsewhere }]);
    }
  });

  it('what was not used for an hour has no place any more; what is used all the time has one', async () => {
    const time = aTime();
    const server = await aServer(time);
    const [idle, busy] = [aSession(), aSession()];
    await server.use(idle, HOME);
    await server.use(busy, HOME);
    for (let n = 0; n < 7; n += 1) {
      time.pass(HOUR_MS / 6);
      // Each time from another address of the same network, which must not keep the row from being confirmed.
      await server.use(busy, n % 2 === 0 ? '192.0.2.9' : HOME);
    }
    await server.use(idle, OFFICE);
    expect(server.reports).toEqual([]);
    await server.use(busy, OFFICE);
    expect(server.moves()).toEqual([['192.0.2.0/24', '198.51.100.0/24']]);
    time.pass(HOUR_MS + 1);
    await server.places.job.run(new AbortController().signal);
    expect(await written()).toEqual([]);
  });
});

describe('across a restart', () => {
  it('the next server knows where each was', async () => {
    const time = aTime();
    const [session, device] = [aSession(), aCredential()];
    const before = await aServer(time);
    before.places.seen(session, HOME, 'http');
    before.places.seen(device, HOME, 'mqtt');
    await before.stop();
    const after = await aServer(time);
    await after.use(session, OFFICE);
    await after.use(device, CAFE);
    expect(after.reports).toMatchObject([
      { action: 'session.moved', details: { from: '192.0.2.0/24', to: '198.51.100.0/24' } },
      { action: 'device.moved', details: { from: '192.0.2.0/24', to: '203.0.113.0/24' } },
    ]);
  });
});

describe('on two servers', () => {
  it('owner on the one and thief on the other: each turn is a move', async () => {
    const time = aTime();
    const [a, b] = [await aServer(time), await aServer(time)];
    const session = aSession();
    for (let turn = 0; turn < 3; turn += 1) {
      await a.use(session, HOME);
      time.pass(1_000);
      await b.use(session, OFFICE);
      time.pass(1_000);
    }
    expect([a.moves(), b.moves()]).toEqual([
      Array(2).fill(['198.51.100.0/24', '192.0.2.0/24']),
      Array(3).fill(['192.0.2.0/24', '198.51.100.0/24']),
    ]);
  });

  it('one person whose requests go to both moves once, and is told once', async () => {
    const time = aTime();
    const servers = [await aServer(time), await aServer(time), await aServer(time)];
    const session = aSession();
    for (const server of servers) await server.use(session, HOME);
    time.pass(1_000);
    // Before any of them hears of the others.
    for (const server of servers) server.places.seen(session, OFFICE, 'http');
    await delay(QUIET_MS);
    for (const server of servers) await server.use(session, OFFICE);
    expect(servers.flatMap(({ reports }) => reports)).toHaveLength(1);
  });

  it('one that hears nothing of the other learns where it is within a quarter of an hour', async () => {
    const time = aTime();
    const [deaf, other] = [await aServer(time, { deaf: true }), await aServer(time)];
    const session = aSession();
    await deaf.use(session, HOME);
    time.pass(1_000);
    await other.use(session, OFFICE);
    await deaf.use(session, HOME);
    expect(deaf.reports).toEqual([]);
    time.pass(HOUR_MS / 4);
    await deaf.use(session, HOME);
    expect(deaf.moves()).toEqual([['198.51.100.0/24', '192.0.2.0/24']]);
  });

  it('what was seen earlier and is written later puts nobody back, a wrong clock in the future does not blind', async () => {
    const time = aTime();
    const slow = { now: () => time.clock.now() - 5_000, date: () => new Date(time.clock.now() - 5_000) };
    const wrong = { now: () => time.clock.now() + HOUR_MS, date: () => new Date(time.clock.now() + HOUR_MS) };
    const [a, behind, ahead] = [await aServer(time), await aServer({ clock: slow }), await aServer({ clock: wrong })];
    const session = aSession();
    await a.use(session, HOME);
    await behind.use(session, OFFICE);
    expect([behind.reports, (await row(session))?.network]).toEqual([[], '192.0.2.0/24']);
    time.pass(10_000);
    await behind.use(session, OFFICE);
    expect(behind.reports).toHaveLength(1);
    await ahead.use(session, OFFICE);
    await a.use(session, HOME);
    expect((await row(session))?.network).toBe('192.0.2.0/24');
  });
});

describe('without the database', () => {
  it('nobody waits and nothing grows; what was seen meanwhile is seen again at its next use', async () => {
    const time = aTime();
    const real = createTransactions(database);
    let isAway = false;
    const transactions: Pick<Transactions, 'unaudited'> = {
      unaudited: (...call) => (isAway ? Promise.reject(new Error('away')) : real.unaudited(...call)),
    };
    const server = await aServer(time, { transactions });
    const session = aSession();
    await server.use(session, HOME);
    isAway = true;
    time.pass(1_000);
    await server.use(session, OFFICE);
    expect(server.reports).toEqual([]);
    isAway = false;
    server.places.seen(session, OFFICE, 'http');
    await vi.waitFor(() => expect(server.moves()).toEqual([['192.0.2.0/24', '198.51.100.0/24']]), { timeout: 3_000 });
  });

  it('twenty thousand wait at most; those beyond are written when they come again', async () => {
    const server = await aServer(aTime());
    const before = (await written()).length;
    const crowd = Array.from({ length: 20_001 }, aCredential);
    for (const device of crowd) server.places.seen(device, HOME, 'mqtt');
    await vi.waitFor(async () => expect(await written()).toHaveLength(before + 20_000), { timeout: 20_000 });
    const late = crowd.at(-1) as Principal;
    expect(await row(late)).toBeUndefined();
    await server.use(late, HOME);
    expect(await row(late)).toMatchObject({ network: '192.0.2.0/24' });
  });
});
