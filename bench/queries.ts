import { inChild } from './support/child.ts';
import type { HttpLoad, HttpLoadResult } from './support/http-load.ts';
import { atMost, type Outcome, percentile } from './support/outcome.ts';
import type { BenchServer } from './support/server.ts';

const DAY_SECONDS = 86_400;

/** 24 h of one series at 1 s, `auto` for a chart of 1,000 pixels, with ten million points in the database. */
export async function chartOfADay(server: BenchServer): Promise<Outcome> {
  const [device, ...fillers] = await server.devices(41);
  if (!device) throw new Error('no device');
  const metrics = Array.from({ length: 10 }, (_, index) => `m${index}`);
  const filling: HttpLoad = {
    port: server.httpPort,
    path: '/api/v1/telemetry',
    tokens: fillers.map(({ token }) => token),
    metrics,
    pointsPerRequest: 2500,
    requests: 4000,
    firstRequest: 0,
    connections: 8,
  };
  const filled = await inChild<HttpLoadResult>(new URL('./support/http-load.ts', import.meta.url), filling);
  const end = Math.floor(Date.now() / 1000) * 1000;
  for (let second = 0; second < DAY_SECONDS; second += 4800) {
    const points = Array.from({ length: 4800 }, (_, index) => ({
      deviceId: device.id,
      metric: 'temperature',
      value: Math.sin((second + index) / 600) * 5 + 20,
      timestamp: end - (DAY_SECONDS - second - index) * 1000,
    }));
    await server.call('POST', '/api/v1/telemetry', { points });
  }
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const range = `from=${new Date(end - DAY_SECONDS * 1000).toISOString()}&to=${new Date(end).toISOString()}`;
  const times: number[] = [];
  for (let round = 0; round < 60; round += 1) {
    const started = performance.now();
    const answer = await server.call<{ buckets: unknown[] }>(
      'GET',
      `/api/v1/telemetry/history?deviceId=${device.id}&metric=temperature&${range}&interval=auto&maxPoints=1000`,
    );
    times.push(performance.now() - started);
    if (answer.buckets.length < 200) throw new Error(`the chart has only ${answer.buckets.length} buckets`);
  }
  const detail = `p50 ${percentile(times, 0.5).toFixed(1)} ms over 60 requests, ${(filled.points + DAY_SECONDS).toLocaleString('en')} points stored`;
  return atMost('queries.chart_of_24h_p95', percentile(times, 0.95), 50, 'ms', detail);
}

/** What the overview asks when it opens: the list, the counts, and the newest value of every metric. */
export async function fleetOverview(server: BenchServer): Promise<Outcome> {
  const devices = await server.devices(1000);
  for (let first = 0; first < devices.length; first += 500) {
    const points = devices.slice(first, first + 500).flatMap(({ id }) => [
      { deviceId: id, metric: 'temperature', value: 20 },
      { deviceId: id, metric: 'humidity', value: 50 },
    ]);
    await server.call('POST', '/api/v1/telemetry', { points });
  }
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const times: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const started = performance.now();
    const [list] = await Promise.all([
      server.call<{ items: unknown[] }>('GET', '/api/v1/devices?limit=1000'),
      server.call('GET', '/api/v1/devices/summary'),
      server.call('GET', '/api/v1/alerts/summary'),
      server.call('GET', '/api/v1/telemetry/latest?limit=10000'),
    ]);
    times.push(performance.now() - started);
    if (list.items.length < 1000) throw new Error('the list is not whole');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const detail = `median of 20 openings: 1,000 devices, counts, alerts and ${devices.length * 2} newest values`;
  return atMost('queries.fleet_overview_of_1000', percentile(times, 0.5), 150, 'ms', detail);
}
