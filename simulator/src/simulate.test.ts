import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { liveRequest, point } from '@valtronics/contract';
import { afterEach, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { aSelfSignedCertificate } from '../../tests/support/self-signed-certificate.ts';
import { pointsBetween, type SimulatedDevice, type SimulatedPoint, type Transport } from './device.ts';
import { demoFleet } from './fleet.ts';
import { type FleetProgress, runFleet } from './simulate.ts';
import { aTlsBroker } from './support/tls-broker.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** One HTTPS server for points over HTTP and WebSocket; what comes is kept by transport. */
async function aWebServer(token: string, certificate: { key: string; cert: string }) {
  const http: SimulatedPoint[] = [];
  const websocket: SimulatedPoint[] = [];
  const server = createServer(certificate, async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    if (request.headers.authorization !== `Bearer ${token}`) return response.writeHead(401).end();
    const { points } = JSON.parse(body);
    http.push(...points);
    return response.end(JSON.stringify({ accepted: points.length, duplicates: 0, rejected: [] }));
  });
  const live = new WebSocketServer({ server, path: '/api/v1/live' });
  live.on('connection', (socket) => {
    socket.on('message', (data) => {
      const request = liveRequest.parse(JSON.parse(String(data)));
      if (request.type === 'ping') socket.send('{"type":"pong"}');
      if (request.type !== 'publish') return;
      websocket.push(...(request.points as SimulatedPoint[]));
      socket.send(
        JSON.stringify({
          type: 'accepted',
          id: request.id,
          accepted: request.points.length,
          duplicates: 0,
          rejected: [],
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(async () => {
    for (const socket of live.clients) socket.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `https://localhost:${port}`, http, websocket };
}

async function aTarget() {
  const certificate = aSelfSignedCertificate('localhost');
  const broker = await aTlsBroker({ password: 'secret', certificate });
  ends.push(broker.close);
  const web = await aWebServer('secret', certificate);
  return { broker, web, target: { httpUrl: web.url, mqttUrl: broker.url, ca: certificate.cert } };
}

/** A device of the demo fleet, made to measure every second. */
function aDevice(transport: Transport): SimulatedDevice {
  const device = demoFleet().find((each) => each.transport === transport);
  if (!device) throw new Error(`no device over ${transport}`);
  return { ...device, intervalSeconds: 1 };
}

test('each device sends over its own transport what its model says, joining the history without a seam', async () => {
  const { broker, web, target } = await aTarget();
  const devices = (['mqtt', 'http', 'websocket'] as const).map((transport, index) => ({
    device: aDevice(transport),
    deviceId: `019ab000-0000-7000-8000-00000000000${index}`,
    token: 'secret',
  }));
  const progress: FleetProgress[] = [];
  const sinceMs = Date.now() - 120_000;
  const stop = AbortSignal.timeout(3500);
  const final = await runFleet({ devices, target, sinceMs, signal: stop, onProgress: (each) => progress.push(each) });

  for (const [index, arrived] of [broker.telemetry(), web.http, web.websocket].entries()) {
    const device = devices[index]?.device ?? aDevice('mqtt');
    const last = arrived.at(-1)?.timestamp ?? 0;
    expect(arrived).toEqual([...pointsBetween(device, sinceMs, last + 1)]);
    expect(last).toBeGreaterThan(sinceMs + 121_000);
    expect(last).toBeLessThanOrEqual(Date.now());
  }
  expect(final).toMatchObject({ devices: 3, queued: 0, dropped: 0, refused: 0 });
  expect(final.acknowledged).toBe(broker.telemetry().length + web.http.length + web.websocket.length);
  expect(progress.length).toBeGreaterThanOrEqual(3);
  expect(progress.at(-1)).toEqual(final);
});

test('a device the server refuses is counted and does not stop the others', async () => {
  const { web, target } = await aTarget();
  const device = aDevice('http');
  const stop = AbortSignal.timeout(3000);
  const problems: string[] = [];
  const final = await runFleet({
    devices: [
      { device, deviceId: 'a', token: 'revoked' },
      { device: { ...device, serial: 'X-1', name: 'Other' }, deviceId: 'b', token: 'secret' },
    ],
    target,
    signal: stop,
    onProblem: (name, text) => problems.push(`${name}: ${text}`),
  });
  expect(final.refused).toBe(1);
  expect(web.http.length).toBeGreaterThan(0);
  expect(problems.join()).toContain(device.name);
  expect(problems.join()).not.toContain('revoked');
});

test('a fleet answers commands', async () => {
  const { broker, target } = await aTarget();
  const stop = new AbortController();
  const deviceId = '019ab000-0000-7000-8000-000000000001';
  const device = aDevice('mqtt');
  const running = runFleet({ devices: [{ device, deviceId, token: 'secret' }], target, signal: stop.signal });
  const base = `valtronics/devices/${deviceId}`;
  await expect.poll(() => broker.published.length, { timeout: 10_000 }).toBeGreaterThan(0);
  await broker.send(`${base}/commands/r1`, '{"name":"identify"}');
  const answer = () => broker.published.find(({ topic }) => topic === `${base}/responses/r1`)?.text ?? 'null';
  await expect
    .poll(() => JSON.parse(answer()), { timeout: 10_000 })
    .toMatchObject({
      status: 'ok',
      command: 'identify',
      serial: device.serial,
    });
  stop.abort();
  expect((await running).commands).toBe(1);
});

test('at a higher speed the world moves faster while the times stay real', async () => {
  const { broker, target } = await aTarget();
  const deviceId = '019ab000-0000-7000-8000-000000000001';
  const started = Date.now();
  await runFleet({
    devices: [
      { device: { ...aDevice('mqtt'), model: (at) => ({ freezer_temperature: at }) }, deviceId, token: 'secret' },
    ],
    target,
    speed: 600,
    signal: AbortSignal.timeout(3200),
  });
  const arrived = broker.telemetry();
  expect(arrived.length).toBeGreaterThanOrEqual(2);
  const [first, second] = arrived;
  expect((second?.timestamp ?? 0) - (first?.timestamp ?? 0)).toBe(1000);
  expect(Number(second?.value) - Number(first?.value)).toBe(600_000);
  for (const each of arrived) {
    expect(point.safeParse(each).error).toBeUndefined();
    expect(each.timestamp).toBeGreaterThanOrEqual(started);
    expect(each.timestamp).toBeLessThanOrEqual(Date.now());
  }
});
