import { inChild, peer } from './support/child.ts';
import type { HttpLoad, HttpLoadResult } from './support/http-load.ts';
import type { MqttLoad, MqttLoadResult } from './support/mqtt-load.ts';
import { atLeast, type Outcome, perSecond } from './support/outcome.ts';
import { rawCopy } from './support/raw-copy.ts';
import type { BenchServer } from './support/server.ts';

const httpLoad = new URL('./support/http-load.ts', import.meta.url);
const mqttLoad = new URL('./support/mqtt-load.ts', import.meta.url);
const BATCH = 500;
const METRICS = ['temperature', 'humidity', 'pressure', 'battery'];

export async function httpBatches(server: BenchServer): Promise<Outcome> {
  const devices = await server.devices(25);
  const load = (requests: number): HttpLoad => ({
    port: server.httpPort,
    path: '/api/v1/telemetry',
    tokens: devices.map(({ token }) => token),
    metrics: METRICS,
    pointsPerRequest: BATCH,
    requests,
    connections: 16,
  });
  const ours = await inChild<HttpLoadResult>(httpLoad, load(2400));
  if (ours.failures > 0) throw new Error(`${ours.failures} batches were not stored whole`);
  const raw = await rawCopy(1_200_000, 10_000, devices.length * METRICS.length);
  const detail = `${perSecond(ours.points, ours.seconds)} points, against ${perSecond(raw.rows, raw.seconds)} rows of bare COPY`;
  return atLeast(
    'ingest.http_batches_of_500_to_raw_copy',
    ours.points / ours.seconds / (raw.rows / raw.seconds),
    0.85,
    'ratio',
    detail,
  );
}

export async function mqttQos1(server: BenchServer): Promise<Outcome> {
  const devices = await server.devices(50);
  const load = (port: number): MqttLoad => ({ port, devices, messagesPerDevice: 6000, window: 500 });
  const ours = await inChild<MqttLoadResult>(mqttLoad, load(server.mqttPort));
  const bareBroker = await peer(new URL('./support/bare-aedes.ts', import.meta.url));
  const bare = await inChild<MqttLoadResult>(mqttLoad, load(bareBroker.port));
  bareBroker.stop();
  const detail = `${perSecond(ours.acknowledged, ours.seconds)} durable acknowledgements, against ${perSecond(bare.acknowledged, bare.seconds)} of a bare broker`;
  const ratio = ours.acknowledged / ours.seconds / (bare.acknowledged / bare.seconds);
  return atLeast('ingest.mqtt_qos1_to_bare_aedes', ratio, 0.6, 'ratio', detail);
}

export async function singlePoints(server: BenchServer): Promise<Outcome> {
  const devices = await server.devices(60);
  const load = (port: number): HttpLoad => ({
    port,
    path: '/api/v1/telemetry',
    tokens: devices.map(({ token }) => token),
    metrics: ['temperature'],
    pointsPerRequest: 1,
    requests: 40_000,
    connections: 64,
  });
  const ours = await inChild<HttpLoadResult>(httpLoad, load(server.httpPort));
  if (ours.failures > 0) throw new Error(`${ours.failures} single points were refused`);
  const bareServer = await peer(new URL('./support/bare-fastify.ts', import.meta.url));
  const bare = await inChild<HttpLoadResult>(httpLoad, load(bareServer.port));
  bareServer.stop();
  const detail = `${perSecond(ours.points, ours.seconds)} requests, against ${perSecond(bare.points, bare.seconds)} of a bare route`;
  return atLeast(
    'ingest.single_http_to_bare_fastify',
    ours.points / ours.seconds / (bare.points / bare.seconds),
    0.4,
    'ratio',
    detail,
  );
}
