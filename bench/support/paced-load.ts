// Sends batches at a steady pace and watches one device over the WebSocket: how long after the acknowledgement of a batch does its marked
// point arrive? Both are seen by this process, so one clock measures both.
import { Agent, request } from 'node:http';
import { WebSocket } from 'ws';

export interface PacedLoad {
  readonly httpPort: number;
  readonly devices: readonly { readonly id: string; readonly token: string }[];
  readonly accessToken: string;
  readonly pointsPerSecond: number;
  readonly seconds: number;
}
export interface PacedResult {
  readonly latenciesMs: number[];
  readonly pointsPerSecond: number;
}

const BATCH = 500;
const START_MS = Date.now() - 3_600_000;

process.once('message', async (load: PacedLoad) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const acknowledgedAt = new Map<number, number>();
  const seenAt = new Map<number, number>();
  const watched = load.devices[0];
  if (!watched) throw new Error('no device');
  const socket = await subscribe(load, watched.id, (marker) => seenAt.set(marker, performance.now()));

  const intervalMs = (BATCH / load.pointsPerSecond) * 1000;
  const batches = Math.round((load.seconds * 1000) / intervalMs);
  // Made up beforehand, so that what is measured is the server and not this process.
  const bodies = Array.from({ length: batches }, (_, batch) => bodyOf(batch));
  const started = performance.now();
  const sending: Promise<void>[] = [];
  for (let batch = 0; batch < batches; batch += 1) {
    const due = started + batch * intervalMs;
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    const device = load.devices[batch % load.devices.length] ?? watched;
    sending.push(
      post(agent, load.httpPort, device.token, batch, bodies[batch] ?? Buffer.alloc(0)).then(() => {
        if (device === watched) acknowledgedAt.set(batch, performance.now());
      }),
    );
  }
  await Promise.all(sending);
  const seconds = (performance.now() - started) / 1000;
  await new Promise((resolve) => setTimeout(resolve, 500));
  socket.close();
  const latenciesMs = [...acknowledgedAt].flatMap(([marker, at]) => {
    const seen = seenAt.get(marker);
    return seen === undefined ? [] : [Math.max(0, seen - at)];
  });
  const answer: PacedResult = { latenciesMs, pointsPerSecond: (batches * BATCH) / seconds };
  process.send?.(answer);
});

/** The marker of a batch is the value of its metric `marker`. */
function subscribe(load: PacedLoad, deviceId: string, seen: (marker: number) => void): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${load.httpPort}/api/v1/live`);
    socket.once('error', reject);
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'auth', token: load.accessToken }));
      socket.send(JSON.stringify({ type: 'subscribe', id: 1, channel: 'telemetry', deviceId, metric: 'marker' }));
    });
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as { type: string; value?: number };
      if (message.type === 'subscribed') resolve(socket);
      if (message.type === 'telemetry' && message.value !== undefined) seen(message.value);
    });
  });
}

function bodyOf(batch: number): Buffer {
  const points: object[] = [{ metric: 'marker', value: batch, timestamp: START_MS + batch }];
  for (let n = 1; n < BATCH; n += 1)
    points.push({ metric: `m${n % 4}`, value: n, timestamp: START_MS + batch * 200 + Math.floor(n / 4) });
  return Buffer.from(JSON.stringify({ points }));
}

function post(agent: Agent, port: number, token: string, batch: number, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        host: '127.0.0.1',
        localAddress: `127.2.0.${1 + (batch % 32)}`,
        port,
        method: 'POST',
        path: '/api/v1/telemetry',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': body.length,
        },
      },
      (response) => {
        response.resume();
        response.on('end', () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
