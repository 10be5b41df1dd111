import { alertsList } from '@valtronics/contract';
import { expect, test } from 'vitest';
import { until } from '../support/database-faults.ts';
import { aDemo } from '../support/demo.ts';

test('the demo is ready within a minute, and whoever started it sees an alert raised within three minutes, one cleared within ten, and none from last night', {
  timeout: 900_000,
  retry: 0,
}, async () => {
  const demo = await aDemo();
  const run = await demo.start();
  expect(run.seconds).toBeLessThan(60);
  const ready = Date.now();
  const api = await run.signIn('user');
  const alerts = async () => (await api.call(alertsList, { query: { limit: 1000 } })).items;

  await until(async () => (await alerts()).length > 0, 180_000);
  await until(async () => (await alerts()).some(({ resolvedAt }) => resolvedAt !== null), 600_000);
  // The history was filled in with points older than what the rules had seen: late points never notify.
  for (const { startedAt } of await alerts()) expect(Date.parse(startedAt)).toBeGreaterThan(ready - 300_000);
  expect((await run.stop('SIGINT')).code).toBe(0);
});
