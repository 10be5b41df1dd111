import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { aDevice, aLiveHouse, aUser, type LiveHouse, type LiveHouseOptions } from '../../../../tests/support/live.ts';
import { manualClock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { Problem } from '../../lib/problem.ts';

const houses: LiveHouse[] = [];
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});
async function aHouse(options: LiveHouseOptions = {}): Promise<LiveHouse> {
  const house = await aLiveHouse(options);
  houses.push(house);
  return house;
}

describe('a subscription', () => {
  test('gets what its handler sends, under its own id, until it is ended', async () => {
    const house = await aHouse();
    const client = await house.enter(aUser());
    const deviceId = newId();
    client.say({ type: 'subscribe', id: 'a', channel: 'telemetry', deviceId });
    client.say({ type: 'subscribe', id: 7, channel: 'telemetry', metric: 'temperature' });
    expect([await client.next(), await client.next()]).toEqual([
      { type: 'subscribed', id: 'a' },
      { type: 'subscribed', id: 7 },
    ]);
    expect(house.subscriptions.map(({ filter }) => filter)).toEqual([{ deviceId }, { metric: 'temperature' }]);
    house.subscriptions[1]?.send({ type: 'telemetry', value: 1, id: 'forged' });
    expect(await client.next()).toEqual({ type: 'telemetry', id: 7, value: 1 });
    client.say({ type: 'unsubscribe', id: 7 });
    expect(await client.next()).toEqual({ type: 'unsubscribed', id: 7 });
    expect(house.ended).toEqual([1]);
    house.subscriptions[1]?.send({ type: 'telemetry', value: 2 });
    house.subscriptions[0]?.send({ type: 'telemetry', value: 3 });
    expect(await client.next()).toEqual({ type: 'telemetry', id: 'a', value: 3 });
  });

  test('ends with its connection', async () => {
    const house = await aHouse();
    const client = await house.enter(aUser());
    client.say({ type: 'subscribe', id: 1, channel: 'telemetry' });
    await client.next();
    client.socket.close();
    await expect.poll(() => house.ended).toEqual([0]);
    house.subscriptions[0]?.send({ type: 'telemetry' });
  });

  test('under an id that an earlier one had gets nothing the earlier one left waiting', async () => {
    const house = await aHouse();
    const client = await house.enter(aUser());
    client.say({ type: 'subscribe', id: 1, channel: 'telemetry' });
    await client.next();
    client.socket.pause();
    const filling = 'x'.repeat(1000);
    for (let n = 0; n < 20_000; n += 1) {
      house.subscriptions[0]?.send({ type: 'telemetry', from: 'first', n, filling }, `series-${n % 50}`);
      if (n % 100 === 0) await sleep(1);
    }
    client.say({ type: 'unsubscribe', id: 1 });
    client.say({ type: 'subscribe', id: 1, channel: 'telemetry' });
    await expect.poll(() => house.ended).toEqual([0]);
    client.socket.resume();
    await expect.poll(() => house.subscriptions.length).toBe(2);
    house.subscriptions[1]?.send({ type: 'telemetry', from: 'second' }, 'series-0');
    await expect.poll(() => client.received.at(-1)).toMatchObject({ from: 'second', id: 1 });
    const ended = client.received.findIndex(({ type }) => type === 'unsubscribed');
    expect(client.received.slice(ended).filter(({ from }) => from === 'first')).toEqual([]);
  });

  test('of which there are two hundred leaves no room for one more', async () => {
    const clock = manualClock(Date.now());
    const house = await aHouse({ clock });
    const client = await house.enter(aUser());
    for (let id = 0; id <= 200; id += 1) {
      client.say({ type: 'subscribe', id, channel: 'telemetry' });
      if (id === 100) {
        await expect.poll(() => house.subscriptions.length).toBe(101);
        clock.advance(2000);
      }
    }
    // A refusal waits for nothing, while that somebody watches is recorded first: each answer names its request.
    const answers = [];
    for (let turn = 0; turn <= 200; turn += 1) answers.push(await client.next());
    expect(answers.filter(({ type }) => type === 'subscribed')).toHaveLength(200);
    expect(answers.filter(({ type }) => type === 'error')).toMatchObject([
      { type: 'error', id: 200, problem: { code: 'conflict' } },
    ]);
  });
});

describe('a faulty request is answered with its problem and the connection stays', () => {
  test.each([
    ['an unknown channel', { type: 'subscribe', id: 1, channel: 'secrets' }, 1, 400, 'channel'],
    ['a channel the role may not read', { type: 'subscribe', id: 1, channel: 'security' }, 1, 403, undefined],
    [
      'a filter the stream does not have',
      { type: 'subscribe', id: 1, channel: 'alerts', metric: 'x' },
      1,
      400,
      'metric',
    ],
    ['a bad filter', { type: 'subscribe', id: 1, channel: 'telemetry', deviceId: 'x' }, 1, 400, 'deviceId'],
    ['an unknown field', { type: 'ping', extra: 1 }, null, 400, 'extra'],
    ['an unknown type', { type: 'shout', id: 'a' }, 'a', 400, 'type'],
    ['an id already in use', { type: 'subscribe', id: 'used', channel: 'telemetry' }, 'used', 409, undefined],
    ['an id that names nothing', { type: 'unsubscribe', id: 'nothing' }, 'nothing', 404, undefined],
    ['a second token', { type: 'auth', token: 'x' }, null, 409, undefined],
    ['an endless id', { type: 'unsubscribe', id: 'x'.repeat(65) }, null, 400, 'id'],
    ['no JSON', '{"type":', null, 400, undefined],
    ['NaN', '{"type":"publish","id":1,"points":[NaN]}', null, 400, undefined],
    ['a list', '[]', null, 400, ''],
    ['no points', { type: 'publish', id: 1, points: [] }, 1, 400, 'points'],
    [
      'a polluting key',
      '{"type":"publish","id":1,"points":[{"__proto__":{"admin":true}}]}',
      null,
      400,
      'points[0].__proto__',
    ],
    [
      'a polluting key in escapes',
      '{"type":"publish","id":1,"points":[{"\\u005f_proto__":1}]}',
      null,
      400,
      'points[0].__proto__',
    ],
    ['too many points', { type: 'publish', id: 1, points: new Array(5001).fill(0) }, 1, 400, 'points'],
  ])('%s', async (_, message, id, status, path) => {
    const house = await aHouse();
    const client = await house.enter(aUser());
    client.say({ type: 'subscribe', id: 'used', channel: 'telemetry' });
    await client.next();
    client.say(message);
    const answer = await client.next();
    expect(answer).toMatchObject({ type: 'error', id, problem: { status, requestId: expect.any(String) } });
    if (path !== undefined) expect(answer).toMatchObject({ problem: { errors: [{ path }] } });
    client.say({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
  });
});

describe('the permission table', () => {
  const subscribe = { type: 'subscribe', id: 1, channel: 'telemetry' };
  const publish = { type: 'publish', id: 1, points: [1] };
  test.each([
    ['admin', subscribe, 'subscribed'],
    ['operator', subscribe, 'subscribed'],
    ['analyst', subscribe, 'subscribed'],
    ['user', subscribe, 'subscribed'],
    ['admin', publish, 'accepted'],
    ['operator', publish, 'accepted'],
    ['analyst', publish, 'error'],
    ['user', publish, 'error'],
  ] as const)('%s: %o → %s', async (role, message, expected) => {
    const house = await aHouse();
    const client = await house.enter(aUser({ role }));
    client.say(message);
    const answer = await client.next();
    expect(answer.type).toBe(expected);
    if (expected === 'error') expect(answer).toMatchObject({ id: 1, problem: { status: 403, code: 'forbidden' } });
  });

  test('a device may publish and hear nothing', async () => {
    const house = await aHouse();
    const client = await house.enter(aDevice());
    for (const channel of ['telemetry', 'devices', 'alerts']) {
      client.say({ type: 'subscribe', id: channel, channel });
      expect(await client.next()).toMatchObject({ type: 'error', id: channel, problem: { status: 403 } });
    }
    client.say(publish);
    expect(await client.next()).toEqual({ type: 'accepted', id: 1, accepted: 1, duplicates: 0, rejected: [] });
  });
});

describe('publishing', () => {
  test('reaches the handler in the order it was sent, as its sender', async () => {
    const seen: unknown[] = [];
    const device = aDevice();
    const house = await aHouse({
      publish: async ({ points, principal }) => {
        expect(principal).toBe(device);
        seen.push(...points);
        await sleep(seen.length % 3);
        return { accepted: points.length, duplicates: 0, rejected: [] };
      },
    });
    const client = await house.enter(device);
    for (let id = 0; id < 500; id += 1) client.say({ type: 'publish', id, points: [id] });
    const answered: unknown[] = [];
    for (let n = 0; n < 500; n += 1) answered.push((await client.next()).id);
    expect(seen).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(answered.toSorted((a, b) => Number(a) - Number(b))).toEqual(seen);
  });

  test('stops the sender at 64 unanswered and goes on when they are', async () => {
    let inside = 0;
    let most = 0;
    let release = (): void => {};
    const stalled = new Promise<void>((resolve) => {
      release = resolve;
    });
    const house = await aHouse({
      publish: async ({ points }) => {
        most = Math.max(most, ++inside);
        await stalled;
        inside -= 1;
        return { accepted: points.length, duplicates: 0, rejected: [] };
      },
    });
    const client = await house.enter(aDevice());
    for (let id = 0; id < 300; id += 1) client.say({ type: 'publish', id, points: ['x'.repeat(1000)] });
    await expect.poll(() => inside).toBe(64);
    await sleep(100);
    expect(most).toBe(64);
    release();
    for (let n = 0; n < 300; n += 1) expect(await client.next()).toMatchObject({ type: 'accepted' });
    expect(most).toBe(64);
  });

  test('that fails says why when it may, and nothing of our insides when it may not', async () => {
    const failures: Error[] = [
      new Problem('overloaded', { retryAfterSeconds: 3 }),
      new Error('relation "points" does not exist'),
    ];
    const house = await aHouse({
      publish: () => {
        throw failures.shift();
      },
    });
    const client = await house.enter(aDevice());
    client.say({ type: 'publish', id: 1, points: [1] });
    expect(await client.next()).toMatchObject({
      type: 'error',
      id: 1,
      problem: { status: 503, code: 'overloaded' },
      retryAfterSeconds: 3,
    });
    client.say({ type: 'publish', id: 2, points: [1] });
    const answer = await client.next();
    expect(answer).toMatchObject({ type: 'error', id: 2, problem: { status: 500, code: 'internal' } });
    expect(JSON.stringify(answer)).not.toContain('relation');
    expect(house.log.join()).toContain('relation');
  });

  test('an oversized frame closes with 1009', async () => {
    const house = await aHouse();
    const client = await house.enter(aDevice());
    client.say(`{"type":"publish","id":1,"points":["${'x'.repeat(1_048_576)}"]}`);
    expect(await client.closed).toBe(1009);
  });
});

describe('too much', () => {
  test('is refused with the time to wait, and works again after it', async () => {
    const clock = manualClock(Date.now());
    const house = await aHouse({ clock });
    const client = await house.enter(aUser());
    for (let n = 0; n < 220; n += 1) client.say({ type: 'ping' });
    for (let n = 0; n < 199; n += 1) expect(await client.next()).toEqual({ type: 'pong' });
    expect(await client.next()).toMatchObject({
      type: 'error',
      problem: { status: 429, code: 'too_many_requests' },
      retryAfterSeconds: 1,
    });
    while (client.received.length < 221) await client.next();
    clock.advance(1000);
    client.say({ type: 'ping' });
    await expect.poll(() => client.received.at(-1)).toEqual({ type: 'pong' });
  });

  test('counts for the principal, not for the connection', async () => {
    const house = await aHouse({ clock: manualClock(Date.now()) });
    const user = aUser();
    const [one, other] = [await house.enter(user), await house.enter(user)];
    for (let n = 0; n < 200; n += 1) one.say({ type: 'ping' });
    await expect.poll(() => one.received.length).toBe(201);
    other.say({ type: 'ping' });
    expect(await other.next()).toMatchObject({ type: 'error', problem: { status: 429 } });
    const bystander = await house.enter(aUser());
    bystander.say({ type: 'ping' });
    expect(await bystander.next()).toEqual({ type: 'pong' });
  });

  test('kept up all the same closes with 4429', async () => {
    const house = await aHouse();
    const client = await house.enter(aUser());
    for (let n = 0; n < 1000; n += 1) client.say({ type: 'ping' });
    expect(await client.closed).toBe(4429);
  });

  test('a flood that is not even JSON closes with 4429, and others are served meanwhile', async () => {
    const house = await aHouse();
    const [flooder, other] = [await house.enter(aUser()), await house.enter(aUser())];
    for (let n = 0; n < 20_000; n += 1) flooder.say('{');
    const began = performance.now();
    other.say({ type: 'ping' });
    expect(await other.next()).toEqual({ type: 'pong' });
    expect(performance.now() - began).toBeLessThan(2000);
    expect(await flooder.closed).toBe(4429);
  });
});

test('a restart closes everybody with 1012', async () => {
  const house = await aHouse();
  const clients = [await house.enter(aUser()), await house.enter(aDevice()), await house.connect()];
  await house.live.close();
  expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual([1012, 1012, 1012]);
});
