import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { aSelfSignedCertificate } from '../../../tests/support/self-signed-certificate.ts';
import { eventually, somePoints } from '../support/eventually.ts';
import { openHttpLink, retryAfterMs } from './http-link.ts';
import { type LinkOptions, LinkRefused } from './link.ts';

interface Seen {
  readonly authorization: string | undefined;
  readonly path: string | undefined;
  readonly points: { value: number }[];
  readonly at: number;
}
type Answer = { status: number; headers?: Record<string, string>; body?: unknown } | 'none' | 'hang up';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const receipt = (points: number, rejected: unknown[] = []) => ({
  status: 200,
  body: { accepted: points - rejected.length, duplicates: 0, rejected },
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += part;
  return text;
}

/** A real HTTPS server that answers as told: `answer` gets the number of the request, counted from 1. */
async function aServer(answer: (number: number, points: number) => Answer) {
  const certificate = aSelfSignedCertificate('localhost');
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer(certificate, async (request, response) => {
    const { points } = JSON.parse(await textOf(request));
    seen.push({ authorization: request.headers.authorization, path: request.url, points, at: Date.now() });
    const given = answer(seen.length, points.length);
    if (given === 'hang up') request.socket.destroy();
    else if (given !== 'none') response.writeHead(given.status, given.headers).end(JSON.stringify(given.body ?? {}));
  });
  server.on('secureConnection', (socket) => {
    connections++;
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `https://localhost:${port}`, ca: certificate.cert, seen, connections: () => connections };
}

function aLink(server: { url: string; ca: string }, options: Partial<LinkOptions> = {}) {
  const problems: string[] = [];
  const link = openHttpLink({
    url: server.url,
    ca: server.ca,
    deviceId: 'd',
    token: 'secret',
    backoff: () => 20,
    onProblem: (text) => problems.push(text),
    ...options,
  });
  ends.push(link.close);
  return { link, problems };
}

test('points are posted with the device token over one kept-alive connection', async () => {
  const server = await aServer((_, points) => receipt(points));
  const { link } = aLink(server);
  await link.send(somePoints(1200));
  await link.flush();
  expect(server.seen.flatMap(({ points }) => points)).toEqual(somePoints(1200));
  expect(server.seen[0]).toMatchObject({ authorization: 'Bearer secret', path: '/api/v1/telemetry' });
  expect(server.connections()).toBe(1);
  expect(link.counts()).toMatchObject({ queued: 0, acknowledged: 1200, dropped: 0 });
});

test('503 with Retry-After is honoured, and no point is lost over it', async () => {
  const server = await aServer((number, points) =>
    number === 1 ? { status: 503, headers: { 'retry-after': '1' } } : receipt(points),
  );
  const { link, problems } = aLink(server);
  await link.send(somePoints(5));
  await link.flush();
  const [first, second] = server.seen;
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
  expect(link.counts()).toMatchObject({ acknowledged: 5, dropped: 0 });
  expect(problems).toEqual(['the server asks for patience (HTTP 503)']);
});

test('a connection that breaks and an answer that never comes are tried again', async () => {
  const fates: Answer[] = ['hang up', 'none', { status: 500 }];
  const server = await aServer((_, points) => fates.shift() ?? receipt(points));
  const { link } = aLink(server, { answerTimeoutMs: 300 });
  await link.send(somePoints(5));
  await link.flush();
  expect(server.seen).toHaveLength(4);
  expect(link.counts()).toMatchObject({ acknowledged: 5, rejected: 0, dropped: 0 });
});

test('while the server pushes back the queue stays bounded and counts what it gives up', async () => {
  const server = await aServer(() => ({ status: 503, headers: { 'retry-after': '60' } }));
  const { link } = aLink(server, { queuePoints: 100 });
  for (let first = 0; first < 500; first += 10) await link.send(somePoints(10, first));
  await eventually('the server has been asked', () => server.seen.length === 1);
  expect(link.counts()).toMatchObject({ queued: 100, acknowledged: 0, dropped: 400 });
});

test('points the server lists as bad are counted, and a body it refuses is not repeated', async () => {
  const bad = { index: 1, code: 'conflict', detail: 'another value is stored' };
  const server = await aServer((number, points) => (number === 1 ? receipt(points, [bad]) : { status: 400 }));
  const { link } = aLink(server);
  await link.send(somePoints(5));
  await link.flush();
  await link.send(somePoints(2, 5));
  await link.flush();
  expect(server.seen).toHaveLength(2);
  expect(link.counts()).toMatchObject({ acknowledged: 7, rejected: 3, dropped: 0 });
});

test('401 ends the link: trying on would look like an attack', async () => {
  const server = await aServer(() => ({ status: 401 }));
  const { link, problems } = aLink(server);
  await link.send(somePoints(5));
  await eventually('the link has ended', () => link.counts().dropped === 5);
  await expect(link.send(somePoints(1))).rejects.toThrow(LinkRefused);
  expect(server.seen).toHaveLength(1);
  expect(problems.join()).not.toContain('secret');
});

test('a certificate from another authority is refused before the token is sent', async () => {
  const server = await aServer((_, points) => receipt(points));
  const { link, problems } = aLink({ url: server.url, ca: aSelfSignedCertificate('localhost').cert });
  await link.send(somePoints(1));
  await eventually('it is refused', () => problems.length > 0);
  expect(server.seen).toEqual([]);
});

test('Retry-After is read as seconds or a date, within five minutes', () => {
  const now = Date.UTC(2026, 10, 25);
  expect(retryAfterMs('3', now)).toBe(3000);
  expect(retryAfterMs(new Date(now + 10_000).toUTCString(), now)).toBe(10_000);
  expect(retryAfterMs(new Date(now - 10_000).toUTCString(), now)).toBe(0);
  expect(retryAfterMs('999999', now)).toBe(300_000);
  expect(retryAfterMs('soon', now)).toBeUndefined();
  expect(retryAfterMs(undefined, now)).toBeUndefined();
});
