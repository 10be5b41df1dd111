import type pg from 'pg';

/**
 * Numbered events straight into the table, as the pipeline does it: whoever inserts holds its lock, so positions are in the order of
 * commits. Each carries its number in the details.
 */
export async function insertNumberedEvents(
  client: Pick<pg.Client, 'query'>,
  from: number,
  count: number,
  organisationId: number | null = 1,
): Promise<void> {
  await client.query(
    `with locked as (select pg_advisory_xact_lock(7126001))
     insert into security_events (id, at, organisation_id, category, action, outcome, level, transport, source_address, details)
     select gen_random_uuid(), clock_timestamp(), $3, 'authentication', 'session.refused', 'failure', 'warning', 'http', '203.0.113.9',
       jsonb_build_object('nth', n, 'note', repeat('x', 100))
     from locked, generate_series($1::int, $1::int + $2::int - 1) n order by n`,
    [from, count, organisationId],
  );
}

/** The numbers in what a receiver was given, in its order; what is not one of ours is left out. */
export function numbersIn(text: string): number[] {
  return [...text.matchAll(/nth\\*":(\d+)/g)].map(([, nth]) => Number(nth));
}

/** Whether each of 0 … count-1 is there, and none comes the first time before one that is smaller. */
export function missingOrEarly(numbers: readonly number[], count: number): { missing: number[]; early: number[] } {
  const seen = new Set(numbers);
  const missing = Array.from({ length: count }, (_, nth) => nth).filter((nth) => !seen.has(nth));
  const early: number[] = [];
  let next = 0;
  for (const nth of numbers) {
    if (nth > next) early.push(nth);
    else if (nth === next) next += 1;
  }
  return { missing: missing.slice(0, 20), early: early.slice(0, 20) };
}
