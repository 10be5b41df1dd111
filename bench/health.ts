import { BATCH, httpRound, METRICS } from './ingest.ts';
import type { HttpLoad } from './support/http-load.ts';
import { inTurns } from './support/in-turns.ts';
import { atLeast, atMost, type Outcome, percentile, perSecond } from './support/outcome.ts';
import type { BenchDevice, BenchServer } from './support/server.ts';

const BATCHED = 25;
const SINGLE = 200;
const BATCH_ROUNDS = 3;
const SINGLE_ROUNDS = 5;
const READINGS = 30;

/** So many devices twice: of class health, and of none. Whoever asks for more afterwards marks those that were of none before. */
async function pairs(server: BenchServer, count: number): Promise<[health: BenchDevice[], plain: BenchDevice[]]> {
  const devices = await server.devices(2 * count);
  const [health, plain] = [devices.slice(0, count), devices.slice(count)];
  for (const { id } of health) await server.call('POST', '/api/v1/telemetry/health', { deviceId: id });
  return [health, plain];
}

const told = ({ ours, theirs, ratios }: Awaited<ReturnType<typeof inTurns>>, what: string) =>
  `${perSecond(ours)} ${what} of class health, against ${perSecond(theirs)} of none (${ratios})`;

/** The same batches to devices of class health and to others: sealing, chunks and sealed rollups are the difference. */
export async function healthBatches(server: BenchServer): Promise<Outcome> {
  const requests = 700;
  const [health, plain] = await pairs(server, BATCHED);
  const load = (devices: readonly BenchDevice[], round: number): HttpLoad => ({
    port: server.httpPort,
    path: '/api/v1/telemetry',
    tokens: devices.map(({ token }) => token),
    metrics: METRICS,
    pointsPerRequest: BATCH,
    requests,
    firstRequest: round * requests,
    connections: 64,
  });
  const result = await inTurns(
    BATCH_ROUNDS,
    (round) => httpRound(load(health, round)),
    (round) => httpRound(load(plain, round)),
  );
  return atLeast('health.http_batches_of_500_to_plain', result.ratio, 0.6, 'ratio', told(result, 'points'));
}

/** The worst case: every point is a message of its own, so hardly any two are sealed together. */
export async function healthSinglePoints(server: BenchServer): Promise<Outcome> {
  const requests = 4_400;
  const [health, plain] = await pairs(server, SINGLE);
  const load = (devices: readonly BenchDevice[], round: number): HttpLoad => ({
    port: server.httpPort,
    path: '/api/v1/telemetry',
    tokens: devices.map(({ token }) => token),
    metrics: ['single'],
    pointsPerRequest: 1,
    requests,
    firstRequest: round * requests,
    connections: devices.length,
  });
  const result = await inTurns(
    SINGLE_ROUNDS,
    (round) => httpRound(load(health, round)),
    (round) => httpRound(load(plain, round)),
  );
  return atLeast('health.single_http_to_plain', result.ratio, 0.6, 'ratio', told(result, 'requests'));
}

/** What opening costs who reads: ten thousand points as they were sent, and the hours and minutes of what was measured. */
export async function healthReadings(server: BenchServer): Promise<Outcome[]> {
  const [[health], [plain]] = await pairs(server, BATCHED);
  if (!health || !plain) throw new Error('no device');
  const end = Math.floor(Date.now() / 60_000) * 60_000;
  const start = end - 24 * 3_600_000;
  for (const { id } of [health, plain]) {
    // Every ten seconds, in messages of five minutes each, as a gateway sends them.
    for (let first = 0; first < 8640; first += 30) {
      const points = Array.from({ length: 30 }, (_, index) => ({
        deviceId: id,
        metric: 'pulse',
        value: Math.sin((first + index) / 600) * 20 + 70,
        timestamp: start + (first + index) * 10_000,
      }));
      await server.call('POST', '/api/v1/telemetry', { points });
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const range = `metric=pulse&from=${new Date(start).toISOString()}&to=${new Date(end).toISOString()}`;
  const outcomes: Outcome[] = [];
  for (const [name, path] of [
    ['raw_points_of_24h', `/api/v1/telemetry?${range}&limit=10000`],
    ['minutes_of_24h', `/api/v1/telemetry/history?${range}&interval=1m`],
    ['hours_of_24h', `/api/v1/telemetry/history?${range}&interval=1h`],
  ] as const) {
    const times = { health: [] as number[], plain: [] as number[] };
    for (let round = 0; round < READINGS; round += 1) {
      for (const [kind, { id }] of Object.entries({ health, plain }) as ['health' | 'plain', BenchDevice][]) {
        const began = performance.now();
        const answer = await server.call<{ items?: unknown[]; buckets?: unknown[] }>('GET', `${path}&deviceId=${id}`);
        times[kind].push(performance.now() - began);
        if ((answer.items ?? answer.buckets ?? []).length < 24) throw new Error(`${path} says too little`);
      }
    }
    const [ours, theirs] = [percentile(times.health, 0.5), percentile(times.plain, 0.5)];
    const detail = `median of ${READINGS}: ${ours.toFixed(1)} ms, of none ${theirs.toFixed(1)} ms, first ${times.health[0]?.toFixed(1)} ms`;
    outcomes.push(atMost(`health.${name}_to_plain`, ours / theirs, 3, 'times as long', detail));
  }
  return outcomes;
}
