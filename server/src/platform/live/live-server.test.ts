import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../log/log.ts';
import { createMetrics } from '../metrics/metrics.ts';
import type { LiveConnection } from './connection.ts';
import { createLiveServer, type LiveLimits, type LiveServer } from './live-server.ts';
import { outboxLimits } from './outbox.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface SetUp {
  readonly live: LiveServer;
  readonly http: Server;
  readonly port: number;
  readonly connections: LiveConnection[];
  open(path?: string, options?: { autoPong?: boolean }): Promise<WebSocket>;
}

async function setUp(limits: Partial<LiveLimits> = {}): Promise<SetUp> {
  const live = createLiveServer({
    path: '/api/v1/live',
    log: createLogger({ level: 'fatal', clock: systemClock, write: () => {} }),
    metrics: createMetrics(),
    addressOf: (request) => ({ address: request.socket.remoteAddress ?? '', key: request.socket.remoteAddress ?? '' }),
    refusalHeaders: { 'x-content-type-options': 'nosniff' },
    limits: { closeGraceMs: 200, ...limits },
  });
  const http = createServer();
  live.attach(http);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const port = (http.address() as AddressInfo).port;
  const connections: LiveConnection[] = [];
  live.onConnection((connection) => connections.push(connection));
  cleanUps.push(async () => {
    await live.close();
    http.close();
  });
  const open: SetUp['open'] = async (path = '/api/v1/live', options = {}) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
    client.on('error', () => {});
    await once(client, 'open');
    return client;
  };
  return { live, http, port, connections, open };
}

const closeCode = async (client: WebSocket): Promise<number> => Number((await once(client, 'close'))[0]);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The raw answer to a raw request. */
async function answerTo(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(request);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  await once(socket, 'close');
  return text;
}
const upgradeRequest = (method: string, path: string): string =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

describe('the handshake', () => {
  test.each([
    ['another path', 'GET', '/api/v1/other', /^HTTP\/1.1 404 /],
    ['a token in the address line', 'GET', '/api/v1/live?token=x', /^HTTP\/1.1 404 /],
    ['another method', 'POST', '/api/v1/live', /^HTTP\/1.1 405 /],
  ])('%s is refused', async (_, method, path, expected) => {
    const { port, connections } = await setUp();
    expect(await answerTo(port, upgradeRequest(method, path))).toMatch(expected);
    expect(connections).toEqual([]);
  });

  test('a refusal of the gate is an HTTP answer with our headers', async () => {
    const { port, live } = await setUp();
    live.onHandshake(() => ({ status: 429, retryAfterSeconds: 2.1 }));
    const answer = await answerTo(port, upgradeRequest('GET', '/api/v1/live'));
    expect(answer).toMatch(/^HTTP\/1.1 429 /);
    expect(answer).toContain('retry-after: 3\r\n');
    expect(answer).toContain('x-content-type-options: nosniff\r\n');
  });

  test('one address cannot take every place, and a place becomes free again', async () => {
    const { open, live } = await setUp({ connectionsPerAddress: 2 });
    const [first] = [await open(), await open()];
    await expect(open()).rejects.toThrow('429');
    first?.close();
    await expect.poll(() => live.size).toBe(1);
    await open();
    expect(live.size).toBe(2);
  });

  test('a full house answers 503', async () => {
    const { open } = await setUp({ connections: 1 });
    await open();
    await expect(open()).rejects.toThrow('503');
  });
});

describe('frames', () => {
  test('larger than the limit close the connection with 1009', async () => {
    const { open, connections } = await setUp({ frameBytes: 1000 });
    const client = await open();
    const seen: string[] = [];
    connections[0]?.onMessage((text) => seen.push(text));
    client.send('x'.repeat(1000));
    client.send('x'.repeat(1001));
    expect(await closeCode(client)).toBe(1009);
    expect(seen).toEqual(['x'.repeat(1000)]);
  });

  test('of bytes close with 1003', async () => {
    const { open } = await setUp();
    const client = await open();
    client.send(Buffer.from('x'));
    expect(await closeCode(client)).toBe(1003);
  });

  test('of broken UTF-8 close with 1007', async () => {
    const { open } = await setUp();
    const client = await open();
    client.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await closeCode(client)).toBe(1007);
  });

  test('in thousands of tiny fragments close with 1008', async () => {
    const { open } = await setUp();
    const client = await open();
    for (let n = 0; n < 2000; n += 1) client.send('', { fin: false });
    expect(await closeCode(client)).toBe(1008);
  });

  test('after our close are not heard', async () => {
    const { open, connections } = await setUp();
    const client = await open();
    const seen: string[] = [];
    connections[0]?.onMessage((text) => seen.push(text));
    connections[0]?.close(4401, 'expired');
    client.send('late');
    expect(await closeCode(client)).toBe(4401);
    expect(seen).toEqual([]);
  });
});

describe('a held connection', () => {
  test('is not read from until every reason is gone', async () => {
    const { open, connections } = await setUp();
    const client = await open();
    const [connection] = connections;
    const seen: string[] = [];
    connection?.onMessage((text) => seen.push(text));
    connection?.hold('handling');
    connection?.hold('checking');
    client.send('one');
    await sleep(50);
    connection?.release('handling');
    await sleep(50);
    expect(seen).toEqual([]);
    connection?.release('checking');
    await expect.poll(() => seen).toEqual(['one']);
  });

  test('can still be closed at once', async () => {
    const { open, connections } = await setUp();
    const client = await open();
    connections[0]?.hold('handling');
    connections[0]?.close(4401, 'expired');
    expect(await closeCode(client)).toBe(4401);
  });
});

describe('a reader that stops reading', () => {
  const message = (n: number, key: string) => ({ type: 'telemetry', key, n, filling: 'x'.repeat(500) });

  test('costs bounded memory and then gets the newest of each key with what was left out', async () => {
    const { open, connections } = await setUp();
    const client = await open();
    const received: { key: string; n: number; skipped?: number }[] = [];
    client.on('message', (data) => received.push(JSON.parse(data.toString())));
    client.pause();
    const [connection] = connections;
    const keys = Array.from({ length: 50 }, (_, n) => `series-${n}`);
    const rounds = 2000;
    globalThis.gc?.();
    const before = process.memoryUsage();
    for (let round = 1; round <= rounds; round += 1) {
      for (const key of keys) connection?.send(message(round, key), key);
      if (round % 50 === 0) await sleep(1);
    }
    const grown = process.memoryUsage();
    // 100,000 messages are 55 MB as text; what we hold is the slow threshold and one message a key.
    expect(grown.external + grown.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(8_000_000);
    client.resume();
    await expect.poll(() => received.findLast(({ key }) => key === 'series-49')?.n, { timeout: 10_000 }).toBe(rounds);
    for (const key of keys) {
      const own = received.filter((one) => one.key === key);
      expect(own.at(-1)?.n).toBe(rounds);
      expect(own.reduce((sum, { skipped = 0 }) => sum + 1 + skipped, 0)).toBe(rounds);
      expect(own.some(({ skipped = 0 }) => skipped > 0)).toBe(true);
    }
    expect(client.readyState).toBe(WebSocket.OPEN);
  });

  test('is closed when even what may not be left out does not fit any more', async () => {
    const { open, connections } = await setUp();
    const client = await open();
    client.pause();
    const ended = new Promise((resolve) => connections[0]?.onEnd(resolve));
    for (let n = 0; n < 40_000 && connections[0]?.isOpen; n += 1) {
      connections[0].send(message(n, 'x'));
      if (n % 500 === 0) await sleep(1);
    }
    expect(await ended).toBe(4408);
  });

  test('is not read from while our answers wait', async () => {
    const { open, connections } = await setUp({
      outbox: { ...outboxLimits, slowBytes: 1000, queuedMessages: 1_000_000, queuedCharacters: 1e9 },
    });
    const client = await open();
    let asked = 0;
    connections[0]?.onMessage(() => {
      asked += 1;
      connections[0]?.send(message(asked, 'x'.repeat(100_000)));
    });
    client.pause();
    for (let n = 0; n < 2000; n += 1) client.send('more');
    await sleep(300);
    expect(asked).toBeLessThan(500);
    client.resume();
    await expect.poll(() => asked, { timeout: 10_000 }).toBe(2000);
  });
});

describe('the heartbeat', () => {
  test('ends a peer without a sign of life and keeps one that answers', async () => {
    const { open, live } = await setUp({ heartbeatSeconds: 0.2 });
    const silent = await open('/api/v1/live', { autoPong: false });
    const lively = await open();
    expect(await closeCode(silent)).toBe(1006);
    await sleep(600);
    expect(lively.readyState).toBe(WebSocket.OPEN);
    expect(live.size).toBe(1);
  });

  test('does not blame a peer for what we hold', async () => {
    const { open, connections } = await setUp({ heartbeatSeconds: 0.1 });
    const client = await open();
    connections[0]?.hold('handling');
    await sleep(500);
    expect(client.readyState).toBe(WebSocket.OPEN);
    connections[0]?.release('handling');
    await sleep(300);
    expect(client.readyState).toBe(WebSocket.OPEN);
  });

  test('a flood of pings is closed as too fast', async () => {
    const { open } = await setUp();
    const client = await open();
    for (let n = 0; n < 1000; n += 1) client.ping();
    expect(await closeCode(client)).toBe(4429);
  });
});

test('a restart tells everybody with 1012, takes nobody new, and does not wait for the deaf', async () => {
  const { live, open, connections } = await setUp();
  const clients = [await open(), await open()];
  const deaf = await open();
  deaf.pause();
  const ends: number[] = [];
  for (const connection of connections) connection.onEnd((code) => ends.push(code));
  const closes = Promise.all(clients.map(closeCode));
  const began = performance.now();
  const closed = live.close();
  await expect(open()).rejects.toThrow('503');
  await closed;
  expect(await closes).toEqual([1012, 1012]);
  expect(performance.now() - began).toBeLessThan(1500);
  await expect.poll(() => live.size).toBe(0);
  expect(ends).toEqual([1012, 1012, 1012]);
});

test('2,000 idle connections cost little and do not delay a message', async () => {
  const { open, connections, live } = await setUp({ connectionsPerAddress: 5000 });
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 20; n += 1) {
    cleanUps.push(
      ...(await Promise.all(Array.from({ length: 100 }, () => open()))).map((c) => async () => c.terminate()),
    );
  }
  expect(live.size).toBe(2000);
  // Both ends live in this process.
  expect((process.memoryUsage().rss - before) / 2000).toBeLessThan(100_000);
  const client = await open();
  const began = performance.now();
  connections.at(-1)?.send({ hello: 1 });
  await once(client, 'message');
  expect(performance.now() - began).toBeLessThan(200);
});
