import { expect, it } from 'vitest';
import { killRounds } from '../support/kill-rounds.ts';

it('20 rounds of kill -9 during ingest: no acknowledged point lost, none doubled, no alert missed', async () => {
  const { acknowledged, pushedBack } = await killRounds(20);
  process.stdout.write(`${acknowledged} points acknowledged, ${pushedBack} times told to come back\n`);
  expect(acknowledged).toBeGreaterThan(8000);
});
