// Sends a batch every so many milliseconds until it is told to stop, whether or not the last was answered, and says how long each answer took.
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { postTelemetry } from './post.ts';

export interface PacedAcks {
  readonly httpPort: number;
  readonly tokens: readonly string[];
  readonly everyMs: number;
  readonly pointsPerBatch: number;
}
export interface AckTimes {
  readonly acks: readonly { readonly atMs: number; readonly tookMs: number }[];
}

const START_MS = Date.now() - 20 * 3_600_000;

process.once('message', async (plan: PacedAcks) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const acks: { atMs: number; tookMs: number }[] = [];
  const sending = new Set<Promise<void>>();
  let isOver = false;
  process.once('message', () => {
    isOver = true;
  });
  const started = performance.now();
  for (let batch = 0; !isOver; batch += 1) {
    const due = started + batch * plan.everyMs;
    if (due > performance.now()) await delay(due - performance.now());
    const points = Array.from({ length: plan.pointsPerBatch }, (_, n) => ({
      metric: `m${n % 4}`,
      value: n,
      timestamp: START_MS + batch * 20 + Math.floor(n / 4),
    }));
    const to = { agent, port: plan.httpPort, localAddress: `127.2.1.${1 + (batch % 16)}` };
    // From when it was due: a sender that is late itself must not hide what a device would have waited.
    const token = plan.tokens[batch % plan.tokens.length] ?? '';
    const body = Buffer.from(JSON.stringify({ points }));
    const send = () => postTelemetry(to, token, body);
    const sent = send()
      // A kept connection may be closed in the moment in which it is taken up again; the same batch twice is no other batch.
      .catch((error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? send() : Promise.reject(error)))
      .then(({ status }) => {
        if (status !== 200) throw new Error(`status ${status}`);
        acks.push({ atMs: Date.now() - (performance.now() - due), tookMs: performance.now() - due });
      });
    sending.add(sent);
    sent.finally(() => sending.delete(sent));
  }
  await Promise.all(sending);
  const answer: AckTimes = { acks: acks.toSorted((a, b) => a.atMs - b.atMs) };
  process.send?.(answer);
});
