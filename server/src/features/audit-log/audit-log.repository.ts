import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';

export interface AuditEventRow {
  id: string;
  at: Date;
  /** The time at its full precision, for the cursor: a Date keeps milliseconds only. */
  position: string;
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
}

export interface AuditEventFilter {
  event?: string | undefined;
  actorId?: string | undefined;
  resourceId?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  before: readonly [at: string, id: string] | undefined;
  limit: number;
}

/** Newest first. */
export async function listAuditEvents(reader: Reader, filter: AuditEventFilter): Promise<AuditEventRow[]> {
  const conditions = [
    sql`true`,
    ...(filter.event === undefined ? [] : [sql`event = ${filter.event}`]),
    ...(filter.actorId === undefined ? [] : [sql`actor_id = ${filter.actorId}`]),
    ...(filter.resourceId === undefined ? [] : [sql`resource_id = ${filter.resourceId}`]),
    ...(filter.from === undefined ? [] : [sql`at >= ${filter.from}::timestamptz`]),
    ...(filter.to === undefined ? [] : [sql`at < ${filter.to}::timestamptz`]),
    ...(filter.before === undefined
      ? []
      : [sql`(at, id) < (${filter.before[0]}::timestamptz, ${filter.before[1]}::uuid)`]),
  ];
  const found = await sql<AuditEventRow>`
    select id, at, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position, event, outcome, actor_kind, actor_id,
      actor_label, resource_kind, resource_id, host(address) as address, request_id, details
    from audit_events
    where organisation_id = current_organisation() and ${sql.join(conditions, sql` and `)}
    order by at desc, id desc limit ${filter.limit}`.execute(reader.db);
  return found.rows;
}
