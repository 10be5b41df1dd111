import { setTimeout as sleep } from 'node:timers/promises';
import { deviceTopics, type Rate, telemetryTopics, topics } from '@valtronics/contract';
import { afterEach, describe, expect, test } from 'vitest';
import { anMqttClient, eventually, settlesWithin } from '../../../../tests/support/mqtt-client.ts';
import { heardEvents } from '../../../../tests/support/security-events.ts';
import { aSelfSignedCertificate } from '../../../../tests/support/self-signed-certificate.ts';
import { noBlocks } from '../../../../tests/support/shield.ts';
import { systemClock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, Problem } from '../../lib/problem.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createMqttBroker } from '../../platform/mqtt/broker.ts';
import type { DevicePrincipal } from '../access/principal.ts';
import type { RevocationMatch } from '../access/revocations.ts';
import { createLimiter } from '../shield/limiter.ts';
import { createTopicGate } from './topic-gate.ts';
import type { TopicHandler, TopicMessage } from './topics.ts';

const certificate = aSelfSignedCertificate('localhost');
const noRefusedTokens = { isKnownBad: () => false, refused: async () => undefined };
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The gate before a real broker; devices and their tokens are a plain table. */
async function aGate(handler: TopicHandler = async () => {}, options: { ingestRate?: Rate } = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ level: 'info', clock: systemClock, write: (line) => lines.push(JSON.parse(line)) });
  const tokens = new Map<string, DevicePrincipal>();
  const listeners: ((match: RevocationMatch) => void)[] = [];
  const gapListeners: (() => void)[] = [];
  const lookUp = { delayMs: 0, fails: false };
  const gate = createTopicGate({
    blocks: noBlocks,
    credentials: {
      async verify(token) {
        if (lookUp.fails) throw new Error('database away');
        const principal = tokens.get(token) ?? null;
        if (lookUp.delayMs > 0) await sleep(lookUp.delayMs);
        return principal;
      },
      verifyCertificate: async () => null,
    },
    revocations: {
      onRevoked: (listener) => listeners.push(listener),
      onGap: (listener) => gapListeners.push(listener),
    },
    refusedTokens: noRefusedTokens,
    limiter: createLimiter({ clock: systemClock, maxKeys: 1000 }),
    metrics: { gateRefused: () => {}, mqttReceived: () => {} },
    ...heardEvents().door,
    clock: systemClock,
    log,
    ...options,
  });
  const messages: TopicMessage[] = [];
  for (const topic of topics) {
    if (topic.direction === 'publish')
      gate.onTopic(topic, (message) => {
        messages.push(message);
        return handler(message);
      });
  }
  const broker = await createMqttBroker({
    log,
    clock: systemClock,
    handlers: gate.handlers,
    limits: { retryAfterMs: 50 },
  });
  gate.attach(broker);
  closing.push(() => {
    gate.close();
    return broker.close();
  });
  const { port } = await broker.listenTls({ host: '127.0.0.1', port: 0, secureContext: certificate });

  function aDevice(expiresAt: Date | null = null) {
    const id = newId();
    const token = `vtd_${id}`;
    const principal: DevicePrincipal = {
      kind: 'device',
      deviceId: id,
      organisationId: 1,
      credentialId: newId(),
      deviceType: 'thermometer',
      expiresAt,
    };
    tokens.set(token, principal);
    return { id, token, principal, topic: (rest: string) => `valtronics/devices/${id}/${rest}` };
  }
  async function connect(device: { id: string; token: string }, clientOptions = {}) {
    const client = await anMqttClient(port, { username: device.id, password: device.token, ...clientOptions });
    closing.push(() => client.end());
    return client;
  }
  const revoke = (match: RevocationMatch) => {
    for (const listener of listeners) listener(match);
  };
  const gap = () => {
    for (const listener of gapListeners) listener();
  };
  return { gate, broker, port, messages, lines, tokens, lookUp, aDevice, connect, revoke, gap };
}

const refusals = (lines: Record<string, unknown>[]) => lines.filter(({ event }) => event === 'access.refused');

describe('topics', () => {
  test('a device reaches the handlers of its own topics in both schemes, with their parameters', async () => {
    const { aDevice, connect, messages } = await aGate();
    const device = aDevice();
    const client = await connect(device);
    await client.publish(device.topic('telemetry'), '1');
    await client.publish(device.topic('telemetry/temperature'), '2');
    await client.publish(device.topic('responses/abc'), '3');
    await client.publish(`valtronics/${device.id}/heartbeat`, '4');
    expect(messages.map(({ params, payload }) => [params, payload.toString()])).toEqual([
      [{}, '1'],
      [{ metric: 'temperature' }, '2'],
      [{ requestId: 'abc' }, '3'],
      [{}, '4'],
    ]);
    expect(messages.every((message) => message.device === device.principal)).toBe(true);
  });

  test.each([
    ['current', (other: string) => `valtronics/devices/${other}/telemetry`],
    ['older', (other: string) => `valtronics/${other}/telemetry`],
    ['nobody’s', () => 'valtronics/devices'],
    ['system', () => '$SYS/broker/clients'],
  ])(
    'another device’s topic (%s) is refused, recorded, and ends the connection; its owner is undisturbed',
    async (_scheme, topicOf) => {
      const { aDevice, connect, messages, lines } = await aGate();
      const [mine, other] = [aDevice(), aDevice()];
      const owner = await connect(other);
      await owner.subscribe(other.topic('commands/#'), other.topic('errors'));
      const intruder = await connect(mine);
      intruder.publish(topicOf(other.id), '{"points":[]}').catch(() => {});
      expect(await settlesWithin(1000, intruder.closed)).toBe(true);
      expect(messages).toEqual([]);
      expect(refusals(lines)).toMatchObject([{ principal: `device:${mine.id}`, action: 'publish' }]);
      await owner.publish(other.topic('telemetry'), '1');
      expect(owner.received).toEqual([]);
    },
  );

  test.each([
    ['commands of another', (_own: string, other: string) => `valtronics/devices/${other}/commands/#`],
    ['everybody', () => 'valtronics/devices/+/commands/#'],
    ['everything', () => '#'],
    ['everything of its own', (own: string) => `valtronics/devices/${own}/#`],
    ['beside its own', (own: string) => `valtronics/devices/${own}/commandsx`],
  ])('a subscription to %s is answered with a failure', async (_what, filterOf) => {
    const { aDevice, connect } = await aGate();
    const [mine, other] = [aDevice(), aDevice()];
    const client = await connect(mine);
    expect(await client.subscribe(filterOf(mine.id, other.id))).toEqual([128]);
    expect(await client.subscribe(mine.topic('commands/+'), mine.topic('errors'))).toEqual([1, 1]);
  });

  test('a last will on another device’s topic is not published', async () => {
    const { aDevice, connect, messages, broker } = await aGate();
    const [mine, other] = [aDevice(), aDevice()];
    const will = { topic: other.topic('status'), payload: Buffer.from('offline'), qos: 1, retain: false } as const;
    (await connect(mine, { will })).vanish();
    await eventually('it is gone', () => !broker.isConnected(mine.id));
    await sleep(50);
    expect(messages).toEqual([]);
  });

  test('a last will on its own topic is marked as one', async () => {
    const { aDevice, connect, messages } = await aGate();
    const device = aDevice();
    const will = { topic: device.topic('status'), payload: Buffer.from('offline'), qos: 1, retain: true } as const;
    (await connect(device, { will })).vanish();
    await eventually('the will arrives', () => messages.length === 1);
    expect(messages[0]).toMatchObject({ lastWill: true, device: { deviceId: device.id } });
  });
});

describe('what is wrong with a message', () => {
  test.each([0, 1, 2] as const)(
    'a malformed one (QoS %i) is acknowledged and told on the errors topic',
    async (qos) => {
      const { aDevice, connect } = await aGate(async () => Promise.reject(invalidField('points[0].value', 'a number')));
      const device = aDevice();
      const client = await connect(device);
      await client.subscribe(device.topic('errors'));
      await client.publish(device.topic('telemetry'), '{', qos);
      await eventually('it is told', () => client.received.length === 1);
      expect(JSON.parse(client.received[0]?.text ?? '')).toEqual({
        code: 'invalid_request',
        detail: expect.any(String),
        errors: [{ path: 'points[0].value', message: 'a number' }],
        topic: device.topic('telemetry'),
        at: expect.stringMatching(/Z$/),
      });
    },
  );

  test('an undeclared topic of its own and a payload over the limit of the topic are told, not handled', async () => {
    const { aDevice, connect, messages } = await aGate();
    const device = aDevice();
    const client = await connect(device);
    await client.subscribe(device.topic('errors'));
    await client.publish(device.topic('telemetry/a/b'), '1');
    await client.publish(device.topic('commands/1'), 'forged');
    await client.publish(device.topic('status'), 'x'.repeat(257));
    await eventually('all are told', () => client.received.length === 3);
    expect(client.received.map(({ text }) => JSON.parse(text).code)).toEqual(['not_found', 'not_found', 'too_large']);
    expect(messages).toEqual([]);
  });

  test.each([
    ['a fault of ours', () => new Error('bug')],
    ['not now', () => new Problem('overloaded')],
  ])('%s leaves it unacknowledged and ends the connection', async (_what, error) => {
    const { aDevice, connect } = await aGate(async () => Promise.reject(error()));
    const device = aDevice();
    const client = await connect(device);
    const outcome = client.publish(device.topic('telemetry'), '1').then(
      () => 'acknowledged',
      () => 'not acknowledged',
    );
    await client.closed;
    client.client.end(true);
    expect(await outcome).toBe('not acknowledged');
  });
});

describe('rate', () => {
  test('a device above its rate is slowed down: everything arrives, in order, none dropped', async () => {
    const { aDevice, connect, messages } = await aGate(undefined, { ingestRate: { perSecond: 100, burst: 20 } });
    const device = aDevice();
    const client = await connect(device);
    const started = Date.now();
    await Promise.all(Array.from({ length: 70 }, (_, n) => client.publish(device.topic('telemetry'), String(n))));
    expect(Date.now() - started).toBeGreaterThan(450);
    expect(messages.map(({ payload }) => Number(payload))).toEqual(Array.from({ length: 70 }, (_, n) => n));
  });

  test('one device above its rate does not slow another', async () => {
    const { aDevice, connect } = await aGate(undefined, { ingestRate: { perSecond: 5, burst: 5 } });
    const [flooding, other] = [aDevice(), aDevice()];
    const flood = await connect(flooding);
    for (let n = 0; n < 1000; n += 1) flood.publish(flooding.topic('telemetry'), '1', 0).catch(() => {});
    const client = await connect(other);
    expect(await settlesWithin(500, client.publish(other.topic('telemetry'), '1'))).toBe(true);
    flood.vanish();
  });
});

describe('credentials', () => {
  test.each([
    ['an unknown token', (device: { id: string }) => ({ id: device.id, token: 'vtd_unknown' })],
    ['a username that is no device id', (device: { token: string }) => ({ id: 'admin', token: device.token })],
    ['an empty token', (device: { id: string }) => ({ id: device.id, token: '' })],
  ])('%s is refused', async (_what, change) => {
    const { aDevice, connect, lines } = await aGate();
    await expect(connect(change(aDevice()))).rejects.toMatchObject({ code: 4 });
    expect(refusals(lines)).toHaveLength(1);
  });

  test('a good token under another device’s name is refused, and that device stays connected', async () => {
    const { aDevice, connect } = await aGate();
    const [mine, other] = [aDevice(), aDevice()];
    const owner = await connect(other, { clientId: 'x' });
    await expect(connect({ id: other.id, token: mine.token }, { clientId: 'x' })).rejects.toMatchObject({ code: 4 });
    await owner.publish(other.topic('telemetry'), '1');
  });

  test('after five failures in a row a device is refused unverified; the others at its address are not', async () => {
    const { aDevice, connect, lookUp } = await aGate();
    const [wrong, other] = [aDevice(), aDevice()];
    for (let n = 0; n < 5; n += 1)
      await expect(connect({ id: wrong.id, token: 'vtd_old' })).rejects.toMatchObject({ code: 4 });
    lookUp.fails = true;
    await expect(connect(wrong)).rejects.toMatchObject({ code: 5 });
    lookUp.fails = false;
    await connect(other);
  });

  test('a look-up that fails is "try later", not "wrong"', async () => {
    const { aDevice, connect, lookUp } = await aGate();
    lookUp.fails = true;
    await expect(connect(aDevice())).rejects.toMatchObject({ code: 3 });
  });

  test('a revoked credential ends its connections within a second; another of the same device goes on', async () => {
    const { aDevice, connect, revoke, tokens } = await aGate();
    const device = aDevice();
    const second = { ...device.principal, credentialId: newId() };
    tokens.set('vtd_second', second);
    const [first, other] = [await connect(device), await connect({ id: device.id, token: 'vtd_second' })];
    revoke({ deviceId: device.id, credentialId: device.principal.credentialId });
    expect(await settlesWithin(1000, first.closed)).toBe(true);
    await other.publish(device.topic('telemetry'), '1');
    revoke({ deviceId: device.id });
    expect(await settlesWithin(1000, other.closed)).toBe(true);
  });

  test('a revocation between look-up and connection is not missed', async () => {
    const { aDevice, connect, revoke, lookUp } = await aGate();
    const device = aDevice();
    lookUp.delayMs = 200;
    const connecting = connect(device);
    setTimeout(() => revoke({ deviceId: device.id }), 100);
    await expect(connecting).rejects.toMatchObject({ code: 4 });
  });

  test('after a gap in the news of revocations every connection is checked again', async () => {
    const { aDevice, connect, gap, tokens } = await aGate();
    const [gone, stays] = [aDevice(), aDevice()];
    const [first, second] = [await connect(gone), await connect(stays)];
    tokens.delete(gone.token);
    gap();
    expect(await settlesWithin(1000, first.closed)).toBe(true);
    await second.publish(stays.topic('telemetry'), '1');
  });

  test('an expired credential ends the connection', async () => {
    const { aDevice, connect } = await aGate();
    const client = await connect(aDevice(new Date(Date.now() + 300)));
    expect(await settlesWithin(2500, client.closed)).toBe(true);
  });
});

describe('start-up', () => {
  test('a declared topic without a handler, one handled twice, and one to subscribe to are refused', () => {
    const gate = createTopicGate({
      blocks: noBlocks,
      credentials: { verify: async () => null, verifyCertificate: async () => null },
      revocations: { onRevoked: () => {}, onGap: () => {} },
      refusedTokens: noRefusedTokens,
      limiter: createLimiter({ clock: systemClock, maxKeys: 10 }),
      metrics: { gateRefused: () => {}, mqttReceived: () => {} },
      ...heardEvents().door,
      clock: systemClock,
      log: createLogger({ level: 'fatal', clock: systemClock }),
    });
    gate.onTopic(telemetryTopics.points, async () => {});
    expect(() => gate.assertComplete()).toThrow(/no handler for the topic .*\/status/);
    expect(() => gate.onTopic(telemetryTopics.points, async () => {})).toThrow('twice');
    expect(() => gate.onTopic(deviceTopics.commands, async () => {})).toThrow('not a topic that devices publish to');
    const undeclared = { ...telemetryTopics.points, pattern: 'valtronics/devices/{deviceId}/other' } as const;
    expect(() => gate.onTopic(undeclared, async () => {})).toThrow('not declared');
  });
});
