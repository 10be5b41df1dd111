import { inChild, peer } from './support/child.ts';
import type { HttpLoad, HttpLoadResult } from './support/http-load.ts';
import { inTurns } from './support/in-turns.ts';
import type { MqttLoad, MqttLoadResult } from './support/mqtt-load.ts';
import { atLeast, type Outcome, perSecond } from './support/outcome.ts';
import { aCopyTarget } from './support/raw-copy.ts';
import type { BenchServer } from './support/server.ts';

const httpLoad = new URL('./support/http-load.ts', import.meta.url);
const mqttLoad = new URL('./support/mqtt-load.ts', import.meta.url);
const ROUNDS = 5;
/** Of loads that keep much under way: what it takes to fill and to empty that must not count for much. */
const LONG_ROUNDS = 3;
export const BATCH = 500;
export const METRICS = ['temperature', 'humidity', 'pressure', 'battery'];

export async function httpBatches(server: BenchServer): Promise<Outcome> {
  const requests = 700;
  const devices = await server.devices(25);
  const target = await aCopyTarget({ devices: devices.length, metrics: METRICS.length, batch: BATCH });
  try {
    const result = await inTurns(
      LONG_ROUNDS,
      (round) =>
        httpRound({
          port: server.httpPort,
          path: '/api/v1/telemetry',
          tokens: devices.map(({ token }) => token),
          metrics: METRICS,
          pointsPerRequest: BATCH,
          requests,
          firstRequest: round * requests,
          connections: 64,
        }),
      async () => {
        const { rows, seconds } = await target.copy(requests);
        return { count: rows, seconds };
      },
    );
    const detail = `${perSecond(result.ours)} points, against ${perSecond(result.theirs)} rows of bare COPY (${result.ratios})`;
    return atLeast('ingest.http_batches_of_500_to_raw_copy', result.ratio, 0.85, 'ratio', detail);
  } finally {
    await target.stop();
  }
}

export async function mqttQos1(server: BenchServer): Promise<Outcome> {
  const messagesPerDevice = 2000;
  const devices = await server.devices(50);
  const bareBroker = await peer(new URL('./support/bare-aedes.ts', import.meta.url));
  try {
    const load = async (port: number, round: number) => {
      const job: MqttLoad = {
        port,
        devices,
        messagesPerDevice,
        firstMessage: round * messagesPerDevice,
        window: 500,
      };
      const { acknowledged, seconds } = await inChild<MqttLoadResult>(mqttLoad, job);
      return { count: acknowledged, seconds };
    };
    const result = await inTurns(
      LONG_ROUNDS,
      (round) => load(server.mqttPort, round),
      (round) => load(bareBroker.port, round),
    );
    const detail = `${perSecond(result.ours)} durable acknowledgements, against ${perSecond(result.theirs)} of a bare broker (${result.ratios})`;
    return atLeast('ingest.mqtt_qos1_to_bare_aedes', result.ratio, 0.6, 'ratio', detail);
  } finally {
    bareBroker.stop();
  }
}

export async function singlePoints(server: BenchServer): Promise<Outcome> {
  const requests = 4_400;
  // A fleet: each device keeps a connection and sends its next point when the last is stored.
  const devices = await server.devices(200);
  const bareServer = await peer(new URL('./support/bare-fastify.ts', import.meta.url));
  try {
    const load = (port: number, round: number) =>
      httpRound({
        port,
        path: '/api/v1/telemetry',
        tokens: devices.map(({ token }) => token),
        metrics: ['single'],
        pointsPerRequest: 1,
        requests,
        firstRequest: round * requests,
        connections: devices.length,
      });
    const result = await inTurns(
      ROUNDS,
      (round) => load(server.httpPort, round),
      (round) => load(bareServer.port, round),
    );
    const detail = `${perSecond(result.ours)} requests, against ${perSecond(result.theirs)} of a bare route (${result.ratios})`;
    return atLeast('ingest.single_http_to_bare_fastify', result.ratio, 0.4, 'ratio', detail);
  } finally {
    bareServer.stop();
  }
}

export async function httpRound(load: HttpLoad) {
  const { points, seconds, failures } = await inChild<HttpLoadResult>(httpLoad, load);
  if (failures > 0) throw new Error(`${failures} of ${load.requests} requests were not stored whole`);
  return { count: points, seconds };
}
