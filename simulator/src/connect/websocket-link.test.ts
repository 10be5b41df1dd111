import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type LiveRequest, liveCloseCodes, liveRequest } from '@valtronics/contract';
import { afterEach, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { aSelfSignedCertificate } from '../../../tests/support/self-signed-certificate.ts';
import { eventually, somePoints } from '../support/eventually.ts';
import { type LinkOptions, LinkRefused } from './link.ts';
import { openWebSocketLink } from './websocket-link.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

type Answer = (request: LiveRequest, socket: WebSocket, connection: number) => unknown;

const accept = (request: LiveRequest): unknown =>
  request.type === 'publish'
    ? { type: 'accepted', id: request.id, accepted: request.points.length, duplicates: 0, rejected: [] }
    : undefined;

/** A real TLS WebSocket server on the live path. What it hears must be what the contract allows. */
async function aServer(answer: Answer = accept) {
  const certificate = aSelfSignedCertificate('localhost');
  const server = createServer(certificate);
  const live = new WebSocketServer({ server, path: '/api/v1/live' });
  const heard: LiveRequest[] = [];
  let connections = 0;
  live.on('connection', (socket) => {
    const connection = ++connections;
    let signedIn = false;
    socket.on('message', async (data) => {
      // As the real server: whoever has not been let in yet may not say much.
      if (!signedIn && String(data).length > 4096) return socket.close(1009);
      const request = liveRequest.parse(JSON.parse(String(data)));
      heard.push(request);
      if (request.type === 'ping') {
        await new Promise((resolve) => setTimeout(resolve, 20));
        signedIn = true;
        socket.send('{"type":"pong"}');
      }
      const reply = answer(request, socket, connection);
      if (reply !== undefined) socket.send(JSON.stringify(reply));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(async () => {
    for (const socket of live.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}`,
    ca: certificate.cert,
    heard,
    published: () => heard.flatMap((request) => (request.type === 'publish' ? request.points : [])),
    cut: () => {
      for (const socket of live.clients) socket.terminate();
    },
  };
}

function aLink(server: { url: string; ca: string }, options: Partial<LinkOptions> = {}) {
  const problems: string[] = [];
  const link = openWebSocketLink({
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

test('the token goes in the first message, then the points, each message answered for', async () => {
  const server = await aServer();
  const { link } = aLink(server);
  await link.send(somePoints(1200));
  await link.flush();
  expect(server.heard[0]).toEqual({ type: 'auth', token: 'secret' });
  expect(server.published()).toEqual(somePoints(1200));
  expect(link.counts()).toMatchObject({ queued: 0, acknowledged: 1200, dropped: 0, reconnects: 0 });
});

test('what was not answered for when the connection broke is sent again on the next one', async () => {
  const server = await aServer((request, _socket, connection) => (connection === 1 ? undefined : accept(request)));
  const { link } = aLink(server, { batchPoints: 5 });
  await link.send(somePoints(50));
  await eventually('a window is on the wire', () => server.published().length === 20);
  server.cut();
  await link.flush();
  expect(new Set(server.published().map((point) => JSON.stringify(point))).size).toBe(50);
  expect(link.counts()).toMatchObject({ acknowledged: 50, dropped: 0, reconnects: 1 });
});

test('a connection without an answer in time is given up and opened anew', async () => {
  const server = await aServer((request, _socket, connection) => (connection === 1 ? undefined : accept(request)));
  const { link, problems } = aLink(server, { answerTimeoutMs: 200 });
  await link.send(somePoints(3));
  await link.flush();
  expect(problems[0]).toContain('no answer');
  expect(link.counts().acknowledged).toBe(3);
});

test('a server under pressure is asked again; a refused message is counted; a listed point too', async () => {
  const fates = [
    (id: unknown) => ({
      type: 'error',
      id,
      problem: { status: 503, code: 'overloaded', title: 'Too much work is waiting' },
      retryAfterSeconds: 0.5,
    }),
    (id: unknown) => ({
      type: 'accepted',
      id,
      accepted: 1,
      duplicates: 1,
      rejected: [{ index: 2, code: 'conflict', detail: 'x' }],
    }),
    (id: unknown) => ({ type: 'error', id, problem: { status: 400, code: 'invalid_request', title: 'Not valid' } }),
  ];
  const server = await aServer((request) => (request.type === 'publish' ? fates.shift()?.(request.id) : undefined));
  const { link } = aLink(server);
  const asked = performance.now();
  await link.send(somePoints(3));
  await link.flush();
  expect(performance.now() - asked).toBeGreaterThanOrEqual(490);
  await link.send(somePoints(2, 3));
  await link.flush();
  expect(link.counts()).toMatchObject({ acknowledged: 5, rejected: 3, dropped: 0 });
});

test('a closed door (4401) ends the link', async () => {
  const server = await aServer((_request, socket) => socket.close(liveCloseCodes.notAuthenticated));
  const { link, problems } = aLink(server);
  await eventually('it is refused', () => problems.some((text) => text.includes('4401')));
  await expect(link.send(somePoints(1))).rejects.toThrow(LinkRefused);
  expect(problems.join()).not.toContain('secret');
  expect(server.heard.filter(({ type }) => type === 'auth')).toHaveLength(1);
});
