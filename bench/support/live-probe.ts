// Sends one marked point after the other and watches for it over a WebSocket. It does nothing else, so that what it measures is the server:
// the load comes from another process. Both ends are seen here, so one clock measures both.
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { postTelemetry } from './post.ts';

export interface LiveProbe {
  readonly httpPort: number;
  readonly device: { readonly id: string; readonly token: string };
  readonly accessToken: string;
  readonly everyMs: number;
  readonly points: number;
}
export interface LiveProbeResult {
  /** From the moment the answer said that the point is durable; zero where the subscriber had it before. */
  readonly afterAnswerMs: number[];
  /** From the moment the point was sent: it waits for the commit of others and for its own within this. */
  readonly afterSendingMs: number[];
}

process.once('message', async (probe: LiveProbe) => {
  const agent = new Agent({ keepAlive: true });
  const seenAt = new Map<number, number>();
  const sentAt = new Map<number, number>();
  const answeredAt = new Map<number, number>();
  const socket = await subscribe(probe, (marker) => seenAt.set(marker, performance.now()));
  const answers: Promise<void>[] = [];
  for (let marker = 0; marker < probe.points; marker += 1) {
    sentAt.set(marker, performance.now());
    answers.push(send(agent, probe, marker).then(() => void answeredAt.set(marker, performance.now())));
    await delay(probe.everyMs);
  }
  await Promise.all(answers);
  await delay(1000);
  socket.close();
  agent.destroy();
  if (seenAt.size < probe.points) throw new Error(`${probe.points - seenAt.size} points were never seen`);
  const since = (starts: ReadonlyMap<number, number>) =>
    [...starts].map(([marker, at]) => Math.max(0, (seenAt.get(marker) ?? Number.POSITIVE_INFINITY) - at));
  const result: LiveProbeResult = { afterAnswerMs: since(answeredAt), afterSendingMs: since(sentAt) };
  process.send?.(result);
});

function subscribe({ httpPort, accessToken, device }: LiveProbe, seen: (marker: number) => void): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${httpPort}/api/v1/live`);
    socket.once('error', reject);
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'auth', token: accessToken }));
      socket.send(
        JSON.stringify({ type: 'subscribe', id: 1, channel: 'telemetry', deviceId: device.id, metric: 'marker' }),
      );
    });
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as { type: string; value?: number };
      if (message.type === 'subscribed') resolve(socket);
      if (message.type === 'telemetry' && message.value !== undefined) seen(message.value);
    });
  });
}

async function send(agent: Agent, { httpPort, device }: LiveProbe, marker: number): Promise<void> {
  const body = Buffer.from(JSON.stringify({ points: [{ metric: 'marker', value: marker }] }));
  const { status } = await postTelemetry({ agent, port: httpPort, localAddress: '127.3.0.1' }, device.token, body);
  if (status !== 200) throw new Error(`status ${status}`);
}
