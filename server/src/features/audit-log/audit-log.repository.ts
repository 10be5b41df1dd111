import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';

export interface AuditEventRow {
  id: string;
  at: Date;
  /** The time at its full precision, for the cursor: a Date keeps milliseconds only. */
  exact: string;
  event: string;
  outcome: 'success' | 'failure';
  actor_kind: string;
  actor_id: string | null;
  actor_label: string | null;
  resource_kind: string | null;
  resource_id: string | null;
  address: string | null;
  request_id: string | null;
  details: Record<string, unknown>;
  /** Its place in the tree, and the size of the first checkpoint above it. */
  place: number | null;
  checkpoint_size: number | null;
}

export interface AuditEventFilter {
  of?: 'organisation' | 'instance' | undefined;
  event?: string | undefined;
  outcome?: 'success' | 'failure' | undefined;
  actorId?: string | undefined;
  resourceId?: string | undefined;
  address?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

/** Newest first. */
export async function listAuditEvents(
  reader: Reader,
  filter: AuditEventFilter,
  { before, limit }: { before: readonly [at: string, id: string] | undefined; limit: number },
): Promise<AuditEventRow[]> {
  const prefix = filter.event?.endsWith('*') ? filter.event.slice(0, -1) : undefined;
  const conditions = [
    // What row-level security allows as well; said here so that an index of that log alone is read.
    filter.of === 'instance' ? sql`organisation_id is null` : sql`organisation_id = current_organisation()`,
    ...(prefix === undefined ? [] : [sql`starts_with(event, ${prefix})`]),
    ...(filter.event === undefined || prefix !== undefined ? [] : [sql`event = ${filter.event}`]),
    ...(filter.outcome === undefined ? [] : [sql`outcome = ${filter.outcome}`]),
    ...(filter.actorId === undefined ? [] : [sql`actor_id = ${filter.actorId}`]),
    ...(filter.resourceId === undefined ? [] : [sql`resource_id = ${filter.resourceId}`]),
    ...(filter.address === undefined ? [] : [sql`address = ${filter.address}::inet`]),
    ...(filter.from === undefined ? [] : [sql`at >= ${filter.from}::timestamptz`]),
    ...(filter.to === undefined ? [] : [sql`at < ${filter.to}::timestamptz`]),
    ...(before === undefined ? [] : [sql`(at, id) < (${before[0]}::timestamptz, ${before[1]}::uuid)`]),
  ];
  const found = await sql<AuditEventRow>`
    with found as materialized (
      select * from audit_events where ${sql.join(conditions, sql` and `)} order by at desc, id desc limit ${limit})
    select e.id, e.at, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as exact, e.event, e.outcome, e.actor_kind,
      e.actor_id, e.actor_label, e.resource_kind, e.resource_id, host(e.address) as address, e.request_id, e.details,
      l.position::float8 as place,
      (select min(c.size)::float8 from audit_checkpoints c where c.tree = l.tree and c.size > l.position) as checkpoint_size
    from found e left join audit_leaves l on l.event_id = e.id
    order by e.at desc, e.id desc`.execute(reader.db);
  return found.rows;
}
