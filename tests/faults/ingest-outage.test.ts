import { expect, it } from 'vitest';
import { outageOfPostgres } from '../support/outage-of-postgres.ts';

// Thirty seconds of the same: tests/soak/ingest-outage.soak.ts.
it('PostgreSQL standing still for 8 s under load: nothing acknowledged is lost, and it goes on without a restart', {
  timeout: 400_000,
  retry: 0,
}, async () => {
  const { acknowledged } = await outageOfPostgres(8);
  expect(acknowledged).toBeGreaterThan(800);
});
