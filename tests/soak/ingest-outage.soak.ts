import { expect, it } from 'vitest';
import { outageOfPostgres } from '../support/outage-of-postgres.ts';

it('PostgreSQL standing still for 30 s under load: senders are told to come back, nothing acknowledged is lost', async () => {
  const { acknowledged, pushedBack } = await outageOfPostgres(30);
  process.stdout.write(`${acknowledged} points acknowledged, ${pushedBack} times told to come back\n`);
  expect(pushedBack).toBeGreaterThan(0);
});
