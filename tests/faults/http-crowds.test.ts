import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aSocket } from '../support/raw-http.ts';

// Some hold sockets, some trickle, some flood; others keep working. (10,000 idle sockets are in tests/soak.)

let app: TestApp;
let person: Person;
const sockets: Socket[] = [];

beforeAll(async () => {
  app = await anApp({ webFolder: import.meta.dirname });
  person = await app.aPerson('user');
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await app?.stop();
});

interface Watched {
  socket: Socket;
  openedAt: number;
  closedAt: number | undefined;
  received: string;
}

function watch(socket: Socket): Watched {
  sockets.push(socket);
  const one: Watched = { socket, openedAt: performance.now(), closedAt: undefined, received: '' };
  socket.on('data', (chunk: Buffer) => {
    one.received += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    one.closedAt = performance.now();
  });
  return one;
}

/** Opens many without a storm of handshakes. */
async function many(count: number, open: () => Promise<Socket>): Promise<Watched[]> {
  const all: Watched[] = [];
  while (all.length < count)
    all.push(...(await Promise.all(Array.from({ length: Math.min(50, count - all.length) }, open))).map(watch));
  return all;
}
const secure = () => aSocket(app);
/** Connected, and silent before the first byte of TLS. */
const silent = () =>
  new Promise<Socket>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: app.httpPort }, () => resolve(socket));
    socket.once('error', reject);
  });

/** What somebody else notices meanwhile: every request is answered, and the slowest took this long. */
async function othersAreServed(untilDone: Promise<unknown>): Promise<{ served: number; slowestMs: number }> {
  let done = false;
  const end = untilDone.finally(() => {
    done = true;
  });
  const other = freshAddress();
  let served = 0;
  let slowestMs = 0;
  do {
    const from = performance.now();
    const answer = await app.call('GET', '/api/v1/auth/me', { token: person.accessToken, from: other });
    slowestMs = Math.max(slowestMs, performance.now() - from);
    expect(answer.status).toBe(200);
    served += 1;
    await delay(20);
  } while (!done);
  await end;
  return { served, slowestMs };
}

const closedWithin = async (all: Watched[], milliseconds: number): Promise<number> => {
  const until = performance.now() + milliseconds;
  while (performance.now() < until && all.some(({ closedAt }) => closedAt === undefined)) await delay(100);
  return all.filter(({ closedAt }) => closedAt === undefined).length;
};

describe('slow-loris', () => {
  it('heads and bodies that trickle end within about ten seconds, while others are served', async () => {
    const heads = await many(25, secure);
    const bodies = await many(25, secure);
    for (const { socket } of heads) socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n');
    for (const { socket } of bodies)
      socket.write(
        'POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{',
      );
    const trickle = setInterval(() => {
      for (const { socket } of heads) if (!socket.destroyed) socket.write('X-A: b\r\n');
      for (const { socket } of bodies) if (!socket.destroyed) socket.write(' ');
    }, 500);
    const all = [...heads, ...bodies];
    try {
      const { served } = await othersAreServed(closedWithin(all, 15_000));
      expect(served).toBeGreaterThan(20);
    } finally {
      clearInterval(trickle);
    }
    expect(all.filter(({ closedAt }) => closedAt === undefined).length).toBe(0);
    // 5 s for a head and 8 s for the whole, looked at every second; the rest is for a busy machine.
    for (const { closedAt = 0, openedAt } of heads) expect(closedAt - openedAt).toBeLessThan(10_000);
    for (const { closedAt = 0, openedAt } of bodies) expect(closedAt - openedAt).toBeLessThan(13_000);
    for (const { received } of heads) expect(received).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe('2,000 idle sockets', () => {
  it('[ASVS 15.2.2] do not keep others from being served, and those that never said a word are gone soon', async () => {
    const opened: Watched[] = [];
    const open = async () => opened.push(...(await many(1_800, silent)), ...(await many(200, secure)));
    const { served } = await othersAreServed(open());
    expect([opened.length, served > 0]).toEqual([2_000, true]);
    const after = await othersAreServed(closedWithin(opened, 15_000));
    expect(after.served).toBeGreaterThan(0);
    expect(opened.filter(({ closedAt }) => closedAt === undefined).length).toBe(0);
  });
});

describe('one client flooding', () => {
  it('[ASVS 15.2.2] is told to slow down, while another is served', async () => {
    const flooder = freshAddress();
    const statuses: number[] = [];
    const lane = async () => {
      for (let count = 0; count < 30; count += 1)
        statuses.push((await app.call('GET', '/api/v1/openapi.json', { from: flooder })).status);
    };
    const from = performance.now();
    const { served } = await othersAreServed(Promise.all(Array.from({ length: 20 }, lane)));
    const seconds = (performance.now() - from) / 1_000;
    expect(served).toBeGreaterThan(2);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(20 + Math.ceil(seconds * 10));
  });

  it('with wrong tokens is refused before they are looked up', async () => {
    const flooder = freshAddress();
    const token = `vtd_${'A'.repeat(43)}`;
    const from = performance.now();
    const ask = () => app.call('GET', '/api/v1/auth/me', { token, from: flooder });
    const answers = await Promise.all(Array.from({ length: 400 }, ask));
    const seconds = (performance.now() - from) / 1_000;
    const lookedUp = answers.filter(({ status }) => status === 401).length;
    expect(lookedUp).toBeLessThanOrEqual(20 + Math.ceil(seconds * 10));
    expect(answers.filter(({ status }) => status === 429).length).toBe(400 - lookedUp);
  });

  it('with large bodies nobody asked for is refused before they are read', async () => {
    const body = 'x'.repeat(60_000);
    const before = process.memoryUsage().arrayBuffers;
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        app.call('POST', index % 2 ? '/api/v1/devices' : '/api/v1/nothing', { rawBody: body, from: freshAddress() }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 404]));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
  });
});
