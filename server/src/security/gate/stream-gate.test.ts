import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { devicesStream, type Stream, telemetryStream } from '@valtronics/contract';
import { afterEach, describe, expect, test } from 'vitest';
import {
  aDevice,
  aLiveHouse,
  aUser,
  type LiveHouse,
  type LiveHouseOptions,
  publicOrigin,
} from '../../../../tests/support/live.ts';
import { heardEvents } from '../../../../tests/support/security-events.ts';
import { noBlocks } from '../../../../tests/support/shield.ts';
import { manualClock, systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createMetrics } from '../../platform/metrics/metrics.ts';
import { createLimiter } from '../shield/limiter.ts';
import { SESSION_COOKIE } from './credential.ts';
import { createStreamGate } from './stream-gate.ts';

const houses: LiveHouse[] = [];
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});
async function aHouse(options: LiveHouseOptions = {}): Promise<LiveHouse> {
  const house = await aLiveHouse(options);
  houses.push(house);
  return house;
}
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const cookie = (token: string): string => `theme=dark; ${SESSION_COOKIE}=${token}`;

describe('before anybody is known', () => {
  test('who says nothing is closed with 4401 when the time is up', async () => {
    const house = await aHouse({ authenticateWithinMs: 100 });
    expect(await (await house.connect()).closed).toBe(4401);
  });

  test('who keeps an endless frame going is closed long before the frame limit', async () => {
    const house = await aHouse();
    const socket = connectTls({ port: house.port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.on('error', () => {});
    socket.write(
      'GET /api/v1/live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(socket, 'data');
    const head = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff, 1, 2, 3, 4]);
    socket.write(Buffer.concat([head, Buffer.alloc(17_000)]));
    const [frame] = (await once(socket, 'data')) as [Buffer];
    expect(frame.readUInt16BE(2)).toBe(1009);
  });

  test.each([
    ['a wrong token', { type: 'auth', token: 'wrong' }],
    ['another request first', { type: 'subscribe', id: 1, channel: 'telemetry' }],
    ['no JSON', 'hello'],
    ['a polluting key', '{"type":"auth","token":"good","__proto__":{}}'],
  ])('%s is closed with 4401, answered nothing, and said to the log', async (_, message) => {
    const house = await aHouse();
    house.tokens.set('good', aUser());
    const client = await house.connect();
    client.say(message);
    expect(await client.closed).toBe(4401);
    expect(client.received).toEqual([]);
    expect(house.log.join()).toContain('access.refused');
    expect(house.log.join()).not.toContain('wrong');
  });

  test('a look-up that fails is "try again later", not "your token is wrong"', async () => {
    const house = await aHouse({ bearer: () => Promise.reject(new Error('no database')) });
    const client = await house.connect();
    client.say({ type: 'auth', token: 'x' });
    expect(await client.closed).toBe(1013);
  });

  test('guessing tokens makes the address pay until its handshakes are refused', async () => {
    // Time stands still, so that a slow machine earns the guesser nothing.
    const house = await aHouse({ clock: manualClock(Date.now()) });
    const guess = async (): Promise<number> => {
      const client = await house.connect();
      client.say({ type: 'auth', token: 'guess' });
      return client.closed;
    };
    await expect(
      (async () => {
        for (let n = 0; n < 200; n += 10) await Promise.all(Array.from({ length: 10 }, guess));
      })(),
    ).rejects.toThrow('429');
  });

  test('messages sent right behind the token are served in order once it is checked', async () => {
    const house = await aHouse({ bearer: () => sleep(50).then(() => aUser()) });
    const client = await house.connect();
    client.say({ type: 'auth', token: 'x' });
    // A stream whose readers are not recorded first: those are answered once they are.
    client.say({ type: 'subscribe', id: 1, channel: 'devices' });
    client.say({ type: 'ping' });
    expect([await client.next(), await client.next()]).toEqual([{ type: 'subscribed', id: 1 }, { type: 'pong' }]);
  });
});

describe('the session cookie', () => {
  test('lets the own pages in without a message', async () => {
    const house = await aHouse({ authenticateWithinMs: 200 });
    house.sessions.set('good', aUser({ via: 'cookie' }));
    const client = await house.connect({ cookie: cookie('good'), origin: publicOrigin });
    client.say({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
    await sleep(300);
    client.say({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
  });

  test.each([
    ['of another site', { origin: 'https://evil.example.org' }],
    ['of the same host on another port', { origin: `${publicOrigin}:8443` }],
    ['that starts like ours', { origin: `${publicOrigin}.evil.example.org` }],
    ['of a sandboxed page', { origin: 'null' }],
    ['that is missing', {}],
  ])('[ASVS 4.4.2] with an Origin %s is closed with 4403 and served nothing', async (_, headers) => {
    const house = await aHouse();
    house.sessions.set('good', aUser({ via: 'cookie' }));
    const client = await house.connect({ cookie: cookie('good'), ...headers });
    client.say({ type: 'subscribe', id: 1, channel: 'telemetry' });
    expect(await client.closed).toBe(4403);
    expect(house.subscriptions).toEqual([]);
    expect(client.received).toEqual([]);
  });

  test('that has run out leaves room for a token', async () => {
    const house = await aHouse();
    house.tokens.set('good', aUser());
    const client = await house.connect({ cookie: cookie('old'), origin: publicOrigin });
    client.say({ type: 'auth', token: 'good' });
    client.say({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
  });
});

describe('the end of an entitlement', () => {
  test('at its expiry the connection is closed with 4401', async () => {
    const house = await aHouse();
    const client = await house.enter(aUser({ expiresAt: new Date(Date.now() + 300) }));
    const began = performance.now();
    expect(await client.closed).toBe(4401);
    expect(performance.now() - began).toBeLessThan(1300);
  });

  test('an entitlement of years does not end at once because no timer is that long', async () => {
    const house = await aHouse();
    const client = await house.enter(aDevice({ expiresAt: new Date(Date.now() + 10 * 365 * 86_400_000) }));
    await sleep(50);
    client.say({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
  });

  test('a revoked session, user, device or credential is closed within a second, and nobody else', async () => {
    const house = await aHouse();
    const user = aUser();
    const sibling = aUser({ userId: user.userId });
    const device = aDevice();
    const otherCredential = aDevice({ deviceId: device.deviceId });
    const bystander = await house.enter(aUser());
    const [one, two, three, four] = await Promise.all([user, sibling, device, otherCredential].map(house.enter));
    const revokedWithin = async (match: Parameters<LiveHouse['revoke']>[0], client = one): Promise<number> => {
      const began = performance.now();
      house.revoke(match);
      expect(await client?.closed).toBe(4401);
      return performance.now() - began;
    };
    house.revoke({});
    house.revoke({ userId: user.userId, deviceId: device.deviceId });
    expect(await revokedWithin({ sessionId: user.sessionId }, one)).toBeLessThan(1000);
    two?.say({ type: 'ping' });
    expect(await two?.next()).toEqual({ type: 'pong' });
    expect(await revokedWithin({ userId: user.userId }, two)).toBeLessThan(1000);
    expect(await revokedWithin({ deviceId: device.deviceId, credentialId: device.credentialId }, three)).toBeLessThan(
      1000,
    );
    four?.say({ type: 'ping' });
    expect(await four?.next()).toEqual({ type: 'pong' });
    expect(await revokedWithin({ deviceId: device.deviceId }, four)).toBeLessThan(1000);
    bystander.say({ type: 'ping' });
    expect(await bystander.next()).toEqual({ type: 'pong' });
  });

  test('a peer that does not read is gone within a second too, its subscriptions ended', async () => {
    const house = await aHouse();
    const user = aUser();
    const client = await house.enter(user);
    client.say({ type: 'subscribe', id: 1, channel: 'telemetry' });
    await client.next();
    client.socket.pause();
    house.revoke({ userId: user.userId });
    const [subscription] = house.subscriptions;
    subscription?.send({ type: 'telemetry', secret: true });
    await expect.poll(() => house.ended, { timeout: 1000 }).toEqual([0]);
    expect(house.live.size).toBe(0);
    client.socket.resume();
    await client.closed;
    expect(client.received.some((message) => 'secret' in message)).toBe(false);
  });

  test('a change of role is looked at again: who may still is kept, who may not is closed', async () => {
    let valid = true;
    const house = await aHouse({ isStillValid: async () => valid });
    const user = aUser();
    const client = await house.enter(user);
    house.revoke({ userId: user.userId, recheck: true });
    client.say({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
    valid = false;
    house.revoke({ userId: user.userId, recheck: true });
    client.say({ type: 'ping' });
    expect(await client.closed).toBe(4401);
    expect(client.received).toHaveLength(2);
  });

  test('a change that cannot be looked at within a second ends the connection', async () => {
    const house = await aHouse({ isStillValid: () => new Promise(() => {}) });
    const user = aUser();
    const client = await house.enter(user);
    const began = performance.now();
    house.revoke({ userId: user.userId, recheck: true });
    expect(await client.closed).toBe(4401);
    expect(performance.now() - began).toBeLessThan(1000);
  });

  test('a revocation heard while the token is being looked up is not lost', async () => {
    const user = aUser();
    let revoke = (): void => {};
    const house = await aHouse({
      bearer: async () => {
        revoke();
        return user;
      },
      isStillValid: async () => false,
    });
    revoke = () => house.revoke({ userId: user.userId });
    const client = await house.connect();
    client.say({ type: 'auth', token: 'x' });
    expect(await client.closed).toBe(4401);
  });

  test('after missed messages everybody is looked at; a failing look-up throws nobody out', async () => {
    const revoked = aUser();
    const unknown = aUser();
    const house = await aHouse({
      isStillValid: async (principal) => {
        if (principal === unknown) throw new Error('no database');
        return principal !== revoked;
      },
    });
    const [one, two] = [await house.enter(revoked), await house.enter(unknown)];
    house.gap();
    expect(await one.closed).toBe(4401);
    two.say({ type: 'ping' });
    expect(await two.next()).toEqual({ type: 'pong' });
  });
});

test('one principal cannot take a hundred connections and one', async () => {
  const house = await aHouse();
  const user = aUser();
  for (let n = 0; n < 10; n += 1) await Promise.all(Array.from({ length: 10 }, () => house.enter(user)));
  house.tokens.set('again', user);
  const client = await house.connect();
  client.say({ type: 'auth', token: 'again' });
  expect(await client.closed).toBe(4429);
});

describe('at the start', () => {
  const aGate = () =>
    createStreamGate({
      recordReading: async () => {},
      live: { onConnection: () => {}, onHandshake: () => {} },
      authentication: {
        session: async () => null,
        bearer: async () => null,
        isStillValid: async () => false,
        sightOf: async () => ({ sees: () => true }),
      },
      revocations: { onRevoked: () => {}, onGap: () => {} },
      limiter: createLimiter({ clock: systemClock, maxKeys: 10 }),
      blocks: noBlocks,
      publicOrigin,
      log: createLogger({ level: 'fatal', clock: systemClock, write: () => {} }),
      clock: systemClock,
      metrics: createMetrics(),
      ...heardEvents().door,
    });

  test('a declared stream that nobody handles stops the server', async () => {
    const gate = aGate();
    gate.onSubscribe(telemetryStream, () => () => {});
    expect(() => gate.assertComplete()).toThrow(
      'no handler for the live streams publish telemetry, subscribe devices, subscribe alerts, subscribe security',
    );
    const house = await aHouse();
    expect(() => house.gate.assertComplete()).not.toThrow();
  });

  test('a stream handled twice, or with a policy this door cannot enforce, stops the server', () => {
    const gate = aGate();
    gate.onSubscribe(devicesStream, () => () => {});
    expect(() => gate.onSubscribe(devicesStream, () => () => {})).toThrow('handled twice');
    const open: Stream = { ...devicesStream, channel: 'x', access: { kind: 'open', why: 'a test' } };
    expect(() => gate.onSubscribe(open, () => () => {})).toThrow('cannot be open');
    const audited: Stream = { ...devicesStream, channel: 'x', audit: { kind: 'records', event: 'device.registered' } };
    expect(() => gate.onSubscribe(audited, () => () => {})).toThrow('cannot record');
    expect(() => gate.onPublish(devicesStream, async () => ({}))).toThrow('wrong direction');
  });
});
