// Sends batches at a steady pace.
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Posted, postTelemetry } from './post.ts';

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
    const to = { agent, port: load.httpPort, localAddress: `127.2.0.${1 + (batch % 32)}` };
    const token = load.tokens[batch % load.tokens.length] ?? '';
    const body = bodyOf(batch);
    const sent = untilTaken(() => postTelemetry(to, token, body));
    sending.add(sent);
    sent.finally(() => sending.delete(sent));
  }
  await Promise.all(sending);
  const seconds = (performance.now() - started) / 1000;
  const answer: PacedResult = { count: batches * BATCH, seconds, pushedBack };
  process.send?.(answer);
});

let pushedBack = 0;

async function untilTaken(send: () => Promise<Posted>): Promise<void> {
  for (let answer = await send(); answer.status !== 200; answer = await send()) {
    if (answer.status !== 503) throw new Error(`status ${answer.status}`);
    pushedBack += 1;
    await delay(Number(answer.retryAfter ?? 1) * 1000);
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
