import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

async function lines(metrics: ReturnType<typeof createMetrics>): Promise<string[]> {
  return (await metrics.render()).body.split('\n');
}

test('what was counted is what a scrape reads, however often it comes', async () => {
  const metrics = createMetrics();
  metrics.ingestAccepted(500);
  metrics.ingestAccepted(2);
  metrics.gateRefused('http', 'forbidden');
  metrics.httpAnswered('/devices/{id}', 200, 0.004);
  metrics.jobRan('retention', 'failed', 1.5);
  metrics.watch('mqttConnections', () => 7);
  await lines(metrics);
  const read = await lines(metrics);
  expect(read).toContain('valtronics_ingest_points_total 502');
  expect(read).toContain('valtronics_gate_refusals_total{transport="http",reason="forbidden"} 1');
  expect(read).toContain('valtronics_http_request_seconds_bucket{le="0.005",route="/devices/{id}",status="200"} 1');
  expect(read).toContain('valtronics_http_request_seconds_bucket{le="0.0025",route="/devices/{id}",status="200"} 0');
  expect(read).toContain('valtronics_job_runs_total{job="retention",outcome="failed"} 1');
  expect(read).toContain('valtronics_mqtt_connections 7');
  expect(read).toContain('valtronics_live_connections 0');
});

test('request times add up over the buckets, whatever the route and however slow', async () => {
  const metrics = createMetrics();
  for (const seconds of [0.0005, 0.001, 0.3, 60]) metrics.httpAnswered('/devices', 200, seconds);
  metrics.httpAnswered('/devices', 404, 0.2);
  const read = await lines(metrics);
  const of = (rest: string) => read.find((line) => line.startsWith(`valtronics_http_request_seconds${rest}`));
  expect(read).toContain('# TYPE valtronics_http_request_seconds histogram');
  expect(of('_bucket{le="0.001",route="/devices",status="200"}')).toMatch(/ 2$/);
  expect(of('_bucket{le="0.25",route="/devices",status="200"}')).toMatch(/ 2$/);
  expect(of('_bucket{le="0.5",route="/devices",status="200"}')).toMatch(/ 3$/);
  expect(of('_bucket{le="+Inf",route="/devices",status="200"}')).toMatch(/ 4$/);
  expect(of('_count{route="/devices",status="200"}')).toMatch(/ 4$/);
  expect(Number(of('_sum{route="/devices",status="200"}')?.split(' ')[1])).toBeCloseTo(60.3015);
  expect(of('_count{route="/devices",status="404"}')).toMatch(/ 1$/);
});

test('a peer cannot grow the series by inventing close codes', async () => {
  const metrics = createMetrics();
  for (let code = 3000; code < 4000; code += 1) metrics.liveClosed(code);
  metrics.liveClosed(4401);
  const closes = (await lines(metrics)).filter((line) => line.startsWith('valtronics_live_closes_total{'));
  expect(closes.toSorted()).toEqual([
    'valtronics_live_closes_total{code="4401"} 1',
    'valtronics_live_closes_total{code="other"} 1000',
  ]);
});

test('two sets do not share their counters', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.liveSent(3);
  expect(await lines(other)).toContain('valtronics_live_messages_total 0');
});

test('the process itself is measured when asked', async () => {
  const { body, contentType } = await createMetrics({ ofProcess: true }).render();
  expect(contentType).toMatch(/^text\/plain/);
  expect(body).toContain('nodejs_eventloop_lag_seconds');
  expect(body).toContain('process_resident_memory_bytes');
});

test('counting costs next to nothing', () => {
  const metrics = createMetrics();
  const began = performance.now();
  for (let n = 0; n < 100_000; n += 1) metrics.ingestAccepted(1);
  for (let n = 0; n < 10_000; n += 1) metrics.httpAnswered('/devices', 200, 0.002);
  expect(performance.now() - began).toBeLessThan(1000);
});
