import { expect, it } from 'vitest';
import { killRounds } from '../support/kill-rounds.ts';

// Twenty rounds of the same: tests/soak/ingest-kill.soak.ts.
it('kill -9 of the server, of PostgreSQL and of both during ingest: no acknowledged point lost, none doubled, no alert missed', {
  timeout: 600_000,
  retry: 0,
}, async () => {
  const { acknowledged } = await killRounds(3);
  expect(acknowledged).toBeGreaterThan(1000);
});

it('the same of class health, where the journal holds no values: they are read among the points', {
  timeout: 600_000,
  retry: 0,
}, async () => {
  const { acknowledged } = await killRounds(3, { health: true });
  expect(acknowledged).toBeGreaterThan(1000);
});
