import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { anApp, type CallOptions, type Person, type TestApp } from '../support/app.ts';
import { aRedisServer, hasRedis, type TestRedis } from '../support/redis-server.ts';
import { twoServers } from '../support/sessions-in-redis.ts';

// The owner of a session or of a device on one server, whoever copied it on the other: a balancer that goes by the address of the client
// sends them so. A restart between two uses is in tests/faults/detection-kill.test.ts, all else in security/gate/places.test.ts.

const HOME = '127.9.11.1';
const ELSEWHERE = '127.9.12.1';
const WITHIN = { timeout: 10_000, interval: 200 };

interface Servers {
  a: TestApp;
  b: TestApp;
  stop(): Promise<void>;
}

async function twoWithoutRedis(): Promise<Servers> {
  const a = await anApp();
  const b = await anApp({ beside: a });
  return { a, b, stop: () => b.stop().then(a.stop) };
}

async function twoOnRedis(): Promise<Servers> {
  const redis: TestRedis = await aRedisServer();
  const servers = await twoServers(redis);
  return { ...servers, stop: () => servers.stop().then(redis.stop) };
}

describe.each([
  ['two servers on one Redis', twoOnRedis, hasRedis],
  ['two servers without Redis', twoWithoutRedis, true],
])('%s', (_, start, isPossible) => {
  if (!isPossible) return it.skip('needs redis-server', () => {});
  let servers: Servers;
  let admin: Person;
  beforeAll(async () => {
    servers = await start();
    admin = await servers.a.aPerson('admin');
  });
  afterAll(() => servers?.stop());

  const listed = async (path: string) =>
    (await servers.a.call('GET', `/api/v1/${path}`, { token: admin.accessToken })).json.items;
  const use = async (server: TestApp, as: CallOptions, device: boolean) => {
    const answer = device
      ? await server.call('POST', '/api/v1/telemetry', { ...as, body: { points: [{ metric: 't', value: 1 }] } })
      : await server.call('GET', '/api/v1/auth/me', as);
    expect(answer.status).toBe(200);
  };

  it.each([
    ['a session', 'session.moved', 'session-from-two-networks'],
    ['the token of a device', 'device.moved', 'device-token-in-two-places'],
  ])('%s that is used through both from two networks', async (_what, action, scenario) => {
    const isDevice = action === 'device.moved';
    const device = isDevice ? await servers.a.aDevice(admin) : undefined;
    const person = device ? undefined : await servers.a.aPerson('user');
    const token = device?.token ?? person?.accessToken ?? '';
    const subject = device?.id ?? person?.userId ?? '';
    // Often enough that sessions come out of Redis where there is one.
    for (let n = 0; n < 3; n += 1)
      for (const server of [servers.a, servers.b]) await use(server, { token, from: HOME }, isDevice);
    await delay(1_000);
    expect(await listed(`security-events?action=${action}`)).toEqual([]);
    await use(servers.b, { token, from: ELSEWHERE }, isDevice);
    await vi.waitFor(async () => {
      expect(await listed(`security-events?action=${action}`)).toMatchObject([{ address: ELSEWHERE }]);
    }, WITHIN);
    expect(await listed(`detections?scenario=${scenario}`)).toEqual([]);
    // From where it was before, on the server that saw nothing of all this.
    await vi.waitFor(async () => {
      await use(servers.a, { token, from: HOME }, isDevice);
      expect(await listed(`detections?scenario=${scenario}`)).toMatchObject([
        { count: 2, subject: { value: subject } },
      ]);
    }, WITHIN);
    const moves = await listed(`security-events?action=${action}`);
    expect(moves.map(({ address }: { address: string }) => address).sort()).toEqual([HOME, ELSEWHERE]);
  });
});
