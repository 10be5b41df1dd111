// Sends batches at a steady pace.
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface PacedLoad {
  readonly httpPort: number;
  readonly tokens: readonly string[];
  readonly pointsPerSecond: number;
  readonly seconds: number;
}
export interface PacedResult {
  readonly count: number;
  readonly seconds: number;
  /** How often the server said "not now"; the batch was sent again when it had said to. */
  readonly pushedBack: number;
}

const BATCH = 500;
const MOST_UNDER_WAY = 500;
// Long ago: what is sent in an hour lies within a day and before now.
const START_MS = Date.now() - 20 * 3_600_000;

process.once('message', async (load: PacedLoad) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const intervalMs = (BATCH / load.pointsPerSecond) * 1000;
  const batches = Math.round((load.seconds * 1000) / intervalMs);
  const sending = new Set<Promise<void>>();
  const started = performance.now();
  for (let batch = 0; batch < batches; batch += 1) {
    const early = started + batch * intervalMs - performance.now();
    if (early > 0) await delay(early);
    // A server that cannot keep up slows us down instead of filling our memory.
    while (sending.size >= MOST_UNDER_WAY) await Promise.race(sending);
    const sent = untilTaken(() =>
      post(agent, load.httpPort, load.tokens[batch % load.tokens.length] ?? '', batch, bodyOf(batch)),
    );
    sending.add(sent);
    sent.finally(() => sending.delete(sent));
  }
  await Promise.all(sending);
  const seconds = (performance.now() - started) / 1000;
  const answer: PacedResult = { count: batches * BATCH, seconds, pushedBack };
  process.send?.(answer);
});

let pushedBack = 0;

async function untilTaken(send: () => Promise<number | undefined>): Promise<void> {
  for (let wait = await send(); wait !== undefined; wait = await send()) {
    pushedBack += 1;
    await delay(wait * 1000);
  }
}

function bodyOf(batch: number): Buffer {
  const points = Array.from({ length: BATCH }, (_, n) => ({
    metric: `m${n % 4}`,
    value: n,
    timestamp: START_MS + batch * 200 + Math.floor(n / 4),
  }));
  return Buffer.from(JSON.stringify({ points }));
}

/** Resolves when it is stored, or with the seconds after which it may be sent again. */
function post(agent: Agent, port: number, token: string, batch: number, body: Buffer): Promise<number | undefined> {
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
        response.on('end', () => {
          if (response.statusCode === 200) resolve(undefined);
          else if (response.statusCode === 503) resolve(Number(response.headers['retry-after'] ?? 1));
          else reject(new Error(`status ${response.statusCode}`));
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
