import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';

export interface Span {
  readonly from: Date;
  readonly to: Date;
}

/** Row-level security leaves an organisation its own and, if it runs the instance, what belongs to none. */
const mine = sql`(organisation_id = current_organisation() or (organisation_id is null and operates_instance()))`;

export interface EventCounts {
  readonly category: string;
  readonly level: string;
  readonly action: string;
  readonly outcome: string;
  readonly total: number;
}

export async function countEvents(reader: Reader, { from, to }: Span): Promise<EventCounts[]> {
  const found = await sql<EventCounts>`
    select category, level, action, outcome, sum(count)::float8 as total from security_events
    where ${mine} and at >= ${from} and at < ${to} group by category, level, action, outcome`.execute(reader.db);
  return found.rows;
}

export async function countAddresses(
  reader: Reader,
  { from, to }: Span,
): Promise<{ failed: number; suspicious: number }> {
  const found = await sql<{ failed: number; suspicious: number }>`
    select count(distinct source_address) filter (where category = 'authentication' and outcome = 'failure')::int as failed,
      count(distinct source_address) filter (where action = 'address.suspicious')::int as suspicious
    from security_events where ${mine} and at >= ${from} and at < ${to} and source_address is not null`.execute(
    reader.db,
  );
  return found.rows[0] ?? { failed: 0, suspicious: 0 };
}

/** Those that blocks were about. The event of a block has the address of whoever made it, where that was a person. */
export async function countBlockedAddresses(reader: Reader, { from, to }: Span): Promise<number> {
  const found = await sql<{ total: number }>`
    select count(distinct value)::int as total from blocks
    where scope = 'ip' and not simulated and created_at >= ${from} and created_at < ${to}`.execute(reader.db);
  return found.rows[0]?.total ?? 0;
}

/** The hour in which most attempts failed; the latest of several. */
export async function peakHour(reader: Reader, { from, to }: Span): Promise<Date | null> {
  const found = await sql<{ hour: Date }>`
    select date_trunc('hour', at, 'UTC') as hour from security_events
    where ${mine} and at >= ${from} and at < ${to} and category = 'authentication' and outcome = 'failure'
    group by hour order by sum(count) desc, hour desc limit 1`.execute(reader.db);
  return found.rows[0]?.hour ?? null;
}

export async function countDetections(
  reader: Reader,
  { from, to }: Span,
): Promise<{ scenario: string; total: number }[]> {
  const found = await sql<{ scenario: string; total: number }>`
    select scenario, count(*)::int as total from detections where ${mine} and at >= ${from} and at < ${to}
    group by scenario order by total desc, scenario`.execute(reader.db);
  return found.rows;
}
