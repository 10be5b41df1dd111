import type { IncidentSeverity, IncidentStatus } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { IncidentRow, Step } from './incident.ts';

/** People stand in these by their ids, until `People.named` has put what they are called in their place. */
export const namesOfPeople = ['openedBy', 'ownerLabel', 'breachFlaggedBy', 'breachNotifiedBy'] as const;

const columns = sql`
  i.id, i.organisation_id as "organisationId", i.title, i.severity, i.status, i.scope, i.subject, i.opened_at as "openedAt",
  i.opened_by_hand as "openedByHand", i.opened_by as "openedBy", i.first_at as "firstAt", i.last_at as "lastAt",
  i.detections, i.events, i.owner_id as "ownerId", i.owner_id as "ownerLabel",
  i.acknowledged_at as "acknowledgedAt", i.contained_at as "containedAt", i.resolved_at as "resolvedAt",
  i.breach_flagged_at as "breachFlaggedAt", i.breach_flagged_by as "breachFlaggedBy",
  i.breach_aware_at as "breachAwareAt", i.breach_due_at as "breachDueAt", i.breach_reminded_at as "breachRemindedAt",
  i.breach_notified_at as "breachNotifiedAt", i.breach_notified_by as "breachNotifiedBy"`;

export interface IncidentFilter {
  readonly status?: IncidentStatus | undefined;
  readonly isOpen: boolean;
  readonly severity?: IncidentSeverity | undefined;
  /** Null: nobody's. */
  readonly ownerId?: string | null | undefined;
  readonly breach?: 'running' | 'flagged' | undefined;
  readonly subject?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly resolvedFrom?: Date | undefined;
  /** Only what was opened before this one. */
  readonly after?: { readonly openedAt: Date; readonly id: string } | undefined;
}

export async function listIncidents(reader: Reader, filter: IncidentFilter, limit: number): Promise<IncidentRow[]> {
  const conditions = [sql`true`];
  if (filter.status !== undefined) conditions.push(sql`i.status = ${filter.status}`);
  if (filter.isOpen) conditions.push(sql`i.status <> 'resolved'`);
  if (filter.severity !== undefined) conditions.push(sql`i.severity = ${filter.severity}`);
  if (filter.ownerId === null) conditions.push(sql`i.owner_id is null`);
  else if (filter.ownerId !== undefined) conditions.push(sql`i.owner_id = ${filter.ownerId}::uuid`);
  if (filter.breach !== undefined) conditions.push(sql`i.breach_flagged_at is not null`);
  if (filter.breach === 'running') conditions.push(sql`i.breach_notified_at is null`);
  if (filter.subject !== undefined)
    conditions.push(sql`(i.subject = ${filter.subject} or exists (
      select from incident_detections d where d.incident_id = i.id and d.subject = ${filter.subject}))`);
  if (filter.from !== undefined) conditions.push(sql`i.opened_at >= ${filter.from}`);
  if (filter.to !== undefined) conditions.push(sql`i.opened_at < ${filter.to}`);
  if (filter.resolvedFrom !== undefined) conditions.push(sql`i.resolved_at >= ${filter.resolvedFrom}`);
  if (filter.after !== undefined)
    conditions.push(sql`(i.opened_at, i.id) < (${filter.after.openedAt}, ${filter.after.id}::uuid)`);
  const { rows } = await sql<IncidentRow>`
    select ${columns} from incidents i where ${sql.join(conditions, sql` and `)}
    order by i.opened_at desc, i.id desc limit ${limit}`.execute(reader.db);
  return rows;
}

export async function findIncident(reader: Reader, id: string): Promise<IncidentRow | undefined> {
  const { rows } = await sql<IncidentRow>`select ${columns} from incidents i where i.id = ${id}`.execute(reader.db);
  return rows[0];
}

export interface IncidentCounts {
  readonly open: readonly { readonly severity: IncidentSeverity; readonly count: number }[];
  readonly unacknowledged: number;
  readonly unowned: number;
  readonly breachesRunning: number;
  readonly nextBreachDueAt: Date | null;
  readonly resolved: number;
  readonly toAcknowledge: number | null;
  readonly toResolve: number | null;
}

export async function countIncidents(reader: Reader, since: Date): Promise<IncidentCounts> {
  const open = await sql<IncidentCounts['open'][number]>`
    select severity, count(*) as count from incidents where status <> 'resolved' group by severity`.execute(reader.db);
  const others = await sql<Omit<IncidentCounts, 'open'>>`
    select count(*) filter (where status = 'open') as unacknowledged,
      count(*) filter (where status <> 'resolved' and owner_id is null) as unowned,
      count(*) filter (where breach_due_at is not null and breach_notified_at is null) as "breachesRunning",
      min(breach_due_at) filter (where breach_notified_at is null) as "nextBreachDueAt",
      count(*) filter (where resolved_at >= ${since}) as resolved,
      (avg(extract(epoch from acknowledged_at - opened_at)) filter (where opened_at >= ${since}))::float8 as "toAcknowledge",
      (avg(extract(epoch from resolved_at - opened_at)) filter (where resolved_at >= ${since}))::float8 as "toResolve"
    from incidents
    where status <> 'resolved' or resolved_at >= ${since} or opened_at >= ${since}
      or (breach_due_at is not null and breach_notified_at is null)`.execute(reader.db);
  const [counts] = others.rows;
  if (counts === undefined) throw new Error('an aggregate has one row');
  return { open: open.rows, ...counts };
}

/** The row, locked until the transaction ends, so that two people cannot both be the one who acted. */
export async function lockIncident(tx: WriteTx, id: string): Promise<IncidentRow | undefined> {
  await sql`select from incidents where id = ${id} for update`.execute(tx.db);
  return findIncident(tx, id);
}

export interface NewIncident {
  readonly id: string;
  readonly organisationId: number | null;
  readonly title: string;
  readonly severity: IncidentSeverity;
  readonly subject: { readonly scope: string; readonly value: string } | null;
  readonly at: Date;
  readonly byUser: string | null;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

export async function insertIncident(tx: WriteTx, made: NewIncident): Promise<void> {
  await sql`
    insert into incidents (id, organisation_id, title, severity, status, scope, subject, opened_at, opened_by, opened_by_hand,
      first_at, last_at)
    values (${made.id}, ${made.organisationId}, ${made.title}, ${made.severity}, 'open', ${made.subject?.scope ?? null},
      ${made.subject?.value ?? null}, ${made.at}, ${made.byUser}, ${made.byUser !== null}, ${made.firstAt},
      ${made.lastAt})`.execute(tx.db);
}

/** Steps that were skipped count as taken at the same time; who takes the first becomes the owner where there is none. */
export async function takeStep(tx: WriteTx, id: string, step: Step, at: Date, by: string): Promise<void> {
  const done = sql`acknowledged_at = coalesce(acknowledged_at, ${at}), owner_id = coalesce(owner_id, ${by}::uuid)`;
  if (step === 'acknowledged')
    await sql`update incidents set status = 'acknowledged', ${done} where id = ${id}`.execute(tx.db);
  else if (step === 'contained')
    await sql`update incidents set status = 'contained', contained_at = ${at}, ${done} where id = ${id}`.execute(tx.db);
  else
    await sql`update incidents set status = 'resolved', resolved_at = ${at}, ${done} where id = ${id}`.execute(tx.db);
}

/** It is being worked on again: neither resolved nor contained. */
export async function reopenIncident(tx: WriteTx, id: string): Promise<void> {
  await sql`
    update incidents set status = 'acknowledged', resolved_at = null, contained_at = null where id = ${id}`.execute(
    tx.db,
  );
}

export async function setOwner(tx: WriteTx, id: string, ownerId: string | null): Promise<void> {
  await sql`update incidents set owner_id = ${ownerId} where id = ${id}`.execute(tx.db);
}

export async function setSeverity(tx: WriteTx, id: string, severity: IncidentSeverity): Promise<void> {
  await sql`update incidents set severity = ${severity} where id = ${id}`.execute(tx.db);
}

/** Whether it is somebody of this organisation who can sign in. */
export async function isActivePerson(reader: Reader, id: string): Promise<boolean> {
  const { rows } = await sql`select 1 as one from users where id = ${id} and status = 'active'`.execute(reader.db);
  return rows.length > 0;
}
