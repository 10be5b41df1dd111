// Sends batches at a steady pace.
import { Agent, request } from 'node:http';

export interface PacedLoad {
  readonly httpPort: number;
  readonly tokens: readonly string[];
  readonly pointsPerSecond: number;
  readonly seconds: number;
}
export interface PacedResult {
  readonly count: number;
  readonly seconds: number;
}

const BATCH = 500;
const START_MS = Date.now() - 3_600_000;

process.once('message', async (load: PacedLoad) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const intervalMs = (BATCH / load.pointsPerSecond) * 1000;
  const batches = Math.round((load.seconds * 1000) / intervalMs);
  // Made up beforehand, so that the pace is kept.
  const bodies = Array.from({ length: batches }, (_, batch) => bodyOf(batch));
  const started = performance.now();
  const sending: Promise<void>[] = [];
  for (const [batch, body] of bodies.entries()) {
    const early = started + batch * intervalMs - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    sending.push(post(agent, load.httpPort, load.tokens[batch % load.tokens.length] ?? '', batch, body));
  }
  await Promise.all(sending);
  const seconds = (performance.now() - started) / 1000;
  const answer: PacedResult = { count: batches * BATCH, seconds };
  process.send?.(answer);
});

function bodyOf(batch: number): Buffer {
  const points = Array.from({ length: BATCH }, (_, n) => ({
    metric: `m${n % 4}`,
    value: n,
    timestamp: START_MS + batch * 200 + Math.floor(n / 4),
  }));
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
