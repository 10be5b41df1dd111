import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { manualClock } from '../../lib/clock.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { securityEventJobs } from './security-event.jobs.ts';

const DAY_MS = 86_400_000;
const clock = manualClock(Date.UTC(2026, 5, 1));
let database: TestDatabase;
beforeAll(async () => {
  database = await aDatabase();
});
afterEach(() => database.admin.query('delete from security_events'));
afterAll(() => database?.drop());

/** So many, so many days before now, in this order of positions. */
async function events(...of: readonly (readonly [name: string, daysAgo: number, times: number])[]): Promise<void> {
  for (const [name, daysAgo, times] of of)
    await database.admin.query(
      `insert into security_events (id, at, category, action, outcome, level, transport, reason)
       select gen_random_uuid(), $1, 'incident', 'clock.jumped', 'failure', 'warning', 'system', $2 from generate_series(1, $3::int)`,
      [new Date(clock.now() - daysAgo * DAY_MS), name, times],
    );
}

async function left(): Promise<Record<string, number>> {
  const [job] = securityEventJobs({ transactions: createTransactions(database), keptDays: 90, clock });
  await job?.run(new AbortController().signal);
  const { rows } = await database.admin.query(
    'select reason, count(*)::int as times from security_events group by reason order by reason',
  );
  return Object.fromEntries(rows.map(({ reason, times }) => [reason, times]));
}

test('what is older than that goes, and nothing else', async () => {
  await events(['old', 91, 2_500], ['young', 89, 3]);
  expect(await left()).toEqual({ young: 3 });
  expect(await left()).toEqual({ young: 3 });
});

test('a clock that was ahead keeps nothing: what stands before something old is as old', async () => {
  await events(['ahead', -300, 1_200], ['old', 91, 2_500], ['ahead', -1, 5], ['older', 95, 1], ['young', 2, 3]);
  expect(await left()).toEqual({ young: 3 });
});

test('what was written now with a time to come stays, and so does what stands behind something young', async () => {
  await events(['ahead', -300, 3], ['young', 2, 3], ['behind', 200, 2]);
  expect(await left()).toEqual({ ahead: 3, behind: 2, young: 3 });
});
