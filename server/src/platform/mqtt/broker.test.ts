import { setTimeout as sleep } from 'node:timers/promises';
import mqttPacket from 'mqtt-packet';
import { afterEach, describe, expect, test } from 'vitest';
import { anMqttClient, aRawConnection, eventually, settlesWithin } from '../../../../tests/support/mqtt-client.ts';
import { aSelfSignedCertificate } from '../../../../tests/support/self-signed-certificate.ts';
import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../log/log.ts';
import { createMqttBroker } from './broker.ts';
import type { IncomingMessage, MqttHandlers } from './broker.types.ts';
import type { MqttLimits } from './limits.ts';

const certificate = aSelfSignedCertificate('localhost');
const log = createLogger({ level: 'fatal', clock: systemClock });
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Lets in every user whose password is `secret`; hands what is published to `take`. */
async function aBroker(
  take: (message: IncomingMessage) => Promise<void> | undefined = () => undefined,
  options: { limits?: Partial<MqttLimits>; handlers?: Partial<MqttHandlers<string>> } = {},
) {
  const messages: IncomingMessage[] = [];
  const broker = await createMqttBroker<string>({
    log,
    clock: systemClock,
    limits: options.limits,
    handlers: {
      async authenticate({ username = '', password }) {
        return password?.toString() === 'secret'
          ? { accept: true, identity: username, context: username, expiresAt: null }
          : { accept: false, code: 4 };
      },
      authorizeSubscribe: (connection, filter) => filter.startsWith(`for/${connection.identity}/`),
      onPublish(_connection, message) {
        messages.push(message);
        return take(message);
      },
      ...options.handlers,
    },
  });
  closing.push(() => broker.close());
  const { port } = await broker.listenTls({ host: '127.0.0.1', port: 0, secureContext: certificate });
  const client = async (username: string, clientOptions = {}) => {
    const connected = await anMqttClient(port, { username, password: 'secret', ...clientOptions });
    closing.push(() => connected.end());
    return connected;
  };
  return { broker, port, messages, client };
}

const connectPacket = (username = 'ann') =>
  mqttPacket.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId: 'raw',
    clean: true,
    keepalive: 60,
    username,
    password: Buffer.from('secret'),
  });

describe('acknowledgement', () => {
  test.each([1, 2] as const)('QoS %i is acknowledged only after the handler is done', async (qos) => {
    const gate = Promise.withResolvers<void>();
    const { client, messages } = await aBroker(() => gate.promise);
    const ann = await client('ann');
    const published = ann.publish('t', 'x', qos);
    await eventually('the message arrives', () => messages.length === 1);
    expect(await settlesWithin(100, published)).toBe(false);
    gate.resolve();
    await published;
  });

  test('a QoS 2 packet sent twice with the same number is handled once', async () => {
    const { port, messages } = await aBroker();
    const { socket, bytes } = await aRawConnection(port);
    socket.write(connectPacket());
    await eventually('CONNACK', () => bytes.length >= 4);
    const publish = { cmd: 'publish', topic: 't', payload: 'x', qos: 2, messageId: 7, retain: false } as const;
    socket.write(mqttPacket.generate({ ...publish, dup: false }));
    await eventually('the first PUBREC', () => bytes.length >= 8);
    socket.write(mqttPacket.generate({ ...publish, dup: true }));
    await eventually('the second PUBREC', () => bytes.length >= 12);
    socket.write(mqttPacket.generate({ cmd: 'pubrel', messageId: 7 }));
    await eventually('PUBCOMP', () => bytes.length >= 16);
    expect(bytes.slice(4).map((byte, at) => (at % 4 === 0 ? byte >> 4 : 0))).toEqual([
      5, 0, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0,
    ]);
    expect(messages).toHaveLength(1);
    socket.destroy();
  });

  test('a message the handler could not take is not acknowledged, and the connection ends so that it is sent again', async () => {
    const { client } = await aBroker(async () => Promise.reject(new Error('database away')), {
      limits: { retryAfterMs: 50 },
    });
    const ann = await client('ann');
    const outcome = ann.publish('t', 'x', 1).then(
      () => 'acknowledged',
      () => 'not acknowledged',
    );
    await ann.closed;
    ann.client.end(true);
    expect(await outcome).toBe('not acknowledged');
  });

  test('a long run of QoS 0 messages arrives whole and in order', async () => {
    const { port, messages } = await aBroker();
    const { socket, bytes } = await aRawConnection(port);
    socket.write(connectPacket());
    const publish = (n: number) =>
      mqttPacket.generate({ cmd: 'publish', topic: 't', payload: String(n), qos: 0, dup: false, retain: false });
    socket.write(Buffer.concat([...Array.from({ length: 20_000 }, (_, n) => publish(n)), Buffer.from([0xc0, 0])]));
    await eventually('the ping behind them is answered', () => bytes.length === 6);
    expect(messages.map(({ payload }) => Number(payload))).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
    socket.destroy();
  });

  test('thousands of pipelined messages all arrive and are all acknowledged', async () => {
    const { client, messages } = await aBroker((message) => (message.payload.length % 2 ? sleep(1) : undefined));
    const ann = await client('ann');
    await Promise.all(
      Array.from({ length: 5000 }, (_, n) => ann.publish('t', 'x'.repeat(n % 50), n % 3 === 0 ? 2 : 1)),
    );
    expect(messages).toHaveLength(5000);
  });
});

describe('push-back', () => {
  test('reading stops while handlers are at work and goes on when they are done', async () => {
    const gate = Promise.withResolvers<void>();
    const { broker, port, messages } = await aBroker(() => gate.promise, { limits: { heldPackets: 50 } });
    const { socket, bytes } = await aRawConnection(port);
    socket.write(connectPacket());
    await eventually('CONNACK', () => bytes.length >= 4);
    const payload = Buffer.alloc(10_000);
    for (let n = 1; n <= 2000; n += 1) {
      socket.write(
        mqttPacket.generate({ cmd: 'publish', topic: 't', payload, qos: 1, messageId: n, dup: false, retain: false }),
      );
    }
    await eventually('the first arrive', () => messages.length > 0);
    await sleep(200);
    expect(messages.length).toBeLessThan(60);
    expect(broker.counts().heldBytes).toBeLessThan(1_000_000);
    expect(socket.writableLength).toBeGreaterThan(1_000_000);
    gate.resolve();
    await eventually('all are acknowledged', () => bytes.length === 4 + 2000 * 4, 10_000);
    expect(broker.counts().heldBytes).toBe(0);
    socket.destroy();
  });

  test('messages that come one by one are held up to the limit only', async () => {
    const gate = Promise.withResolvers<void>();
    const { client, messages } = await aBroker(() => gate.promise, { limits: { heldPackets: 20 } });
    const ann = await client('ann');
    const published: Promise<void>[] = [];
    for (let n = 0; n < 60; n += 1) {
      published.push(ann.publish('t', 'x'));
      await sleep(2);
    }
    expect(messages).toHaveLength(20);
    gate.resolve();
    await Promise.all(published);
  });

  test('a client that is kept waiting does not hold up another', async () => {
    const { client, messages } = await aBroker(
      (message) => (message.topic === 'slow' ? new Promise<void>(() => {}) : undefined),
      { limits: { heldPackets: 5, drainMs: 50 } },
    );
    const ann = await client('ann');
    for (let n = 0; n < 50; n += 1) ann.publish('slow', 'x').catch(() => {});
    await eventually('ann is held', () => messages.length >= 5);
    const bob = await client('bob');
    await bob.publish('quick', 'x');
    ann.client.end(true);
  });

  test('the total over all connections is bounded too, and everybody goes on when it is free again', async () => {
    const gate = Promise.withResolvers<void>();
    const { broker, client } = await aBroker(() => gate.promise, { limits: { heldBytesInTotal: 200_000 } });
    const clients = await Promise.all(['a', 'b', 'c', 'd'].map((name) => client(name)));
    const published = clients.flatMap((each) =>
      Array.from({ length: 20 }, () => each.publish('t', Buffer.alloc(50_000))),
    );
    await eventually('the limit is reached', () => broker.counts().heldBytes >= 200_000);
    await sleep(100);
    // Each connection may finish the one read it is at.
    expect(broker.counts().heldBytes).toBeLessThan(700_000);
    gate.resolve();
    await Promise.all(published);
  });
});

describe('size', () => {
  test.each([
    ['CONNECT', [0x10, 0xff, 0xff, 0xff, 0x39]],
    ['something other than CONNECT first', [0x30, 0x03, 0, 1, 0x74]],
    ['a packet only servers send', [0x20, 0x02, 0, 0]],
  ])('%s that is not allowed is closed on its first bytes', async (_what, bytes) => {
    const { port } = await aBroker();
    const { socket, closed } = await aRawConnection(port);
    socket.write(Buffer.from(bytes));
    expect(await settlesWithin(1000, closed)).toBe(true);
  });

  test('an announced 120 MB packet is closed before any of it is kept', async () => {
    const { client, port } = await aBroker();
    const before = process.memoryUsage().rss;
    const { socket, closed } = await aRawConnection(port);
    socket.write(connectPacket());
    socket.write(Buffer.from([0x32, 0x80, 0x9c, 0x9c, 0x39]));
    const block = Buffer.alloc(1_000_000);
    for (let n = 0; n < 120 && !socket.destroyed; n += 1) {
      socket.write(block);
      await sleep(1);
    }
    expect(await settlesWithin(1000, closed)).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000);
    await (await client('bob')).publish('t', 'x');
  });

  // Below, at and far above what is read at once; nothing is sent behind it that would make us look again.
  test.each([100, 8_150, 16_350, 16_384, 20_000, 40_000, 65_400, 200_000, 1_048_576])(
    'a payload of %i bytes is taken',
    async (length) => {
      const { client, messages } = await aBroker();
      const ann = await client('ann');
      for (const byte of [7, 8]) {
        expect(await settlesWithin(3000, ann.publish('t', Buffer.alloc(length, byte)))).toBe(true);
        expect(messages.at(-1)?.payload.equals(Buffer.alloc(length, byte))).toBe(true);
      }
    },
  );

  test('a flood of pings is closed; pings that go with work are not', async () => {
    const { port } = await aBroker();
    const flood = await aRawConnection(port);
    flood.socket.write(connectPacket());
    flood.socket.write(Buffer.concat(Array.from({ length: 5000 }, () => Buffer.from([0xc0, 0]))));
    expect(await settlesWithin(1000, flood.closed)).toBe(true);
    const busy = await aRawConnection(port);
    busy.socket.write(connectPacket());
    const publish = mqttPacket.generate({
      cmd: 'publish',
      topic: 't',
      payload: 'x',
      qos: 0,
      dup: false,
      retain: false,
    });
    const pair = Buffer.concat([publish, Buffer.from([0xc0, 0])]);
    busy.socket.write(Buffer.concat(Array.from({ length: 5000 }, () => pair)));
    await eventually('all pings are answered', () => busy.bytes.length === 4 + 5000 * 2);
    busy.socket.destroy();
  });

  test('a packet that never ends is closed', async () => {
    const { port } = await aBroker(undefined, { limits: { unfinishedMs: 100 } });
    const { socket, closed } = await aRawConnection(port);
    socket.write(connectPacket());
    socket.write(Buffer.from([0x32, 0x80, 0x80, 0x01, 0]));
    const drip = setInterval(() => socket.write(Buffer.from([0])), 50);
    expect(await settlesWithin(3000, closed)).toBe(true);
    clearInterval(drip);
  });
});

describe('who may connect', () => {
  test('a wrong password is refused with CONNACK 4', async () => {
    const { port } = await aBroker();
    const refused = anMqttClient(port, { username: 'ann', password: 'guess' });
    await expect(refused).rejects.toMatchObject({ code: 4 });
  });

  test('MQTT 5 is refused cleanly', async () => {
    const { client } = await aBroker();
    await expect(client('ann', { protocolVersion: 5 })).rejects.toMatchObject({ code: 1 });
  });

  test('the same client id of another identity leaves the owner undisturbed', async () => {
    const { client } = await aBroker();
    const ann = await client('ann', { clientId: 'same' });
    const bob = await client('bob', { clientId: 'same' });
    expect(await settlesWithin(100, ann.closed)).toBe(false);
    await ann.publish('t', 'x');
    await bob.publish('t', 'x');
    const annAgain = await client('ann', { clientId: 'same' });
    expect(await settlesWithin(1000, ann.closed)).toBe(true);
    await annAgain.publish('t', 'x');
  });

  test('what is sent right behind CONNECT is taken once the client is known, and not at all otherwise', async () => {
    const { port, messages } = await aBroker();
    const packets = (username: string) =>
      Buffer.concat([
        mqttPacket.generate({
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: 4,
          clientId: username,
          clean: true,
          keepalive: 0,
          username,
          password: Buffer.from(username === 'ann' ? 'secret' : 'guess'),
        }),
        ...Array.from({ length: 200 }, () =>
          mqttPacket.generate({ cmd: 'publish', topic: username, payload: 'x', qos: 0, dup: false, retain: false }),
        ),
      ]);
    const eve = await aRawConnection(port);
    eve.socket.write(packets('eve'));
    expect(await settlesWithin(1000, eve.closed)).toBe(true);
    const ann = await aRawConnection(port);
    ann.socket.write(packets('ann'));
    await eventually('all 200 arrive', () => messages.length === 200);
    expect(new Set(messages.map(({ topic }) => topic))).toEqual(new Set(['ann']));
    ann.socket.destroy();
  });

  test('idle connections make room for a real client', async () => {
    const { port, client } = await aBroker(undefined, { limits: { strangersPerAddress: 10 } });
    const idle = await Promise.all(Array.from({ length: 30 }, () => aRawConnection(port).catch(() => undefined)));
    await (await client('ann')).publish('t', 'x');
    for (const each of idle) each?.socket.destroy();
  });

  test('a connection that says nothing is closed', async () => {
    const { port } = await aBroker(undefined, { limits: { connectMs: 100 } });
    const { closed } = await aRawConnection(port);
    expect(await settlesWithin(2000, closed)).toBe(true);
  });

  test('[ASVS 12.1.1, 12.1.2] TLS 1.2 is refused', async () => {
    const { client } = await aBroker();
    await expect(client('ann', { maxVersion: 'TLSv1.2' })).rejects.toThrow();
  });

  test('an identity has a bounded number of connections; the oldest goes', async () => {
    const { client } = await aBroker(undefined, { limits: { connectionsPerIdentity: 2 } });
    const first = await client('ann');
    const second = await client('ann');
    await client('ann');
    expect(await settlesWithin(1000, first.closed)).toBe(true);
    await second.publish('t', 'x');
  });

  test('a connection ends when its credential expires', async () => {
    const { client } = await aBroker(undefined, {
      handlers: {
        authenticate: async ({ username = '' }) => ({
          accept: true,
          identity: username,
          context: username,
          expiresAt: new Date(Date.now() + 200),
        }),
      },
    });
    const ann = await client('ann');
    expect(await settlesWithin(2500, ann.closed)).toBe(true);
  });

  test('without TLS it listens on loopback only', async () => {
    const { broker } = await aBroker();
    await expect(broker.listenPlain({ host: '0.0.0.0', port: 0 })).rejects.toThrow('loopback');
  });
});

describe('what clients may learn of each other', () => {
  test('nothing: a published message reaches no subscriber, retained or not', async () => {
    const { client } = await aBroker();
    const ann = await client('ann');
    expect(await ann.subscribe('for/ann/#')).toEqual([1]);
    const bob = await client('bob');
    await bob.publish('for/ann/x', 'forged');
    await ann.client.publishAsync('for/ann/y', 'kept', { qos: 1, retain: true });
    const annAgain = await client('ann');
    await annAgain.subscribe('for/ann/#');
    await sleep(100);
    expect([...ann.received, ...annAgain.received]).toEqual([]);
  });

  test('a filter that is not granted is answered with a failure and gets nothing', async () => {
    const { broker, client } = await aBroker();
    const bob = await client('bob');
    expect(await bob.subscribe('for/ann/#', 'for/bob/#', '#')).toEqual([128, 1, 128]);
    expect(broker.deliver('ann', { topic: 'for/ann/x', payload: Buffer.from('x'), qos: 1 })).toBe(0);
  });

  test('a delivery reaches every connection that asked for it and tells when it was confirmed', async () => {
    const { broker, client } = await aBroker();
    const first = await client('ann');
    const second = await client('ann');
    await first.subscribe('for/ann/+/x');
    await second.subscribe('for/ann/1/#');
    const confirmed = new Promise<void>((resolve) => {
      const message = { topic: 'for/ann/1/x', payload: Buffer.from('hello'), qos: 1 } as const;
      expect(broker.deliver('ann', message, resolve)).toBe(2);
    });
    await confirmed;
    await eventually('both got it', () => first.received.length + second.received.length === 2);
    expect(broker.deliver('ann', { topic: 'for/ann/2/y', payload: Buffer.from('x'), qos: 1 })).toBe(0);
  });

  test('a session does not outlive its connection', async () => {
    const { broker, client } = await aBroker();
    const ann = await client('ann', { clientId: 'stays', clean: false });
    await ann.subscribe('for/ann/#');
    await ann.end();
    await eventually('it is gone', () => !broker.isConnected('ann'));
    const again = await client('ann', { clientId: 'stays', clean: false });
    expect(broker.deliver('ann', { topic: 'for/ann/x', payload: Buffer.from('x'), qos: 1 })).toBe(0);
    expect(again.received).toEqual([]);
  });
});

describe('last wills and ends', () => {
  const will = { topic: 'gone', payload: Buffer.from('bye'), qos: 1, retain: false } as const;

  test('a will is published for a client that vanishes, not for one that says goodbye', async () => {
    const { broker, client, messages } = await aBroker();
    const ann = await client('ann', { will });
    await ann.end();
    await eventually('it is gone', () => !broker.isConnected('ann'));
    const bob = await client('bob', { will });
    bob.vanish();
    await eventually('the will arrives', () => messages.length === 1);
    await sleep(50);
    expect(messages).toMatchObject([{ topic: 'gone', lastWill: true }]);
  });

  test('disconnecting a client ends its connection at once, without its will', async () => {
    const { broker, client, messages } = await aBroker();
    const ann = await client('ann', { will });
    const bob = await client('bob', { will });
    expect(broker.disconnect(({ identity }) => identity === 'ann', 'revoked')).toBe(1);
    expect(await settlesWithin(500, ann.closed)).toBe(true);
    await bob.publish('t', 'x');
    expect(messages).toMatchObject([{ topic: 't' }]);
  });

  test('closing waits for the handlers at work, acknowledges, and publishes no wills', async () => {
    const gate = Promise.withResolvers<void>();
    const { broker, client, messages } = await aBroker(() => gate.promise);
    const ann = await client('ann', { will });
    const published = ann.publish('t', 'x');
    await eventually('it arrives', () => messages.length === 1);
    const closed = broker.close();
    setTimeout(gate.resolve, 100);
    await published;
    await closed;
    expect(await settlesWithin(500, ann.closed)).toBe(true);
    expect(messages).toHaveLength(1);
  });

  test('goodbye and silence are told apart, with how many connections are left', async () => {
    const ends: unknown[] = [];
    const { client } = await aBroker(undefined, {
      handlers: { onDisconnected: (connection, how) => ends.push({ who: connection.identity, ...how }) },
    });
    const first = await client('ann');
    const second = await client('ann');
    await first.end();
    await eventually('one end', () => ends.length === 1);
    second.vanish();
    await eventually('two ends', () => ends.length === 2);
    expect(ends).toEqual([
      { who: 'ann', goodbye: true, stillConnected: 1 },
      { who: 'ann', goodbye: false, stillConnected: 0 },
    ]);
  });

  test('a client that goes silent beyond its keepalive is closed and its will published', async () => {
    const { port, messages } = await aBroker();
    const { socket, closed } = await aRawConnection(port);
    socket.write(
      mqttPacket.generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clientId: 'raw',
        clean: true,
        keepalive: 1,
        username: 'ann',
        password: Buffer.from('secret'),
        will: { topic: 'gone', payload: Buffer.from('bye'), qos: 0, retain: false },
      }),
    );
    expect(await settlesWithin(4000, closed)).toBe(true);
    await eventually('the will arrives', () => messages.some(({ lastWill }) => lastWill));
  });
});
