import type { IncidentEntry } from '@valtronics/contract';
import { sql } from 'kysely';
import { newId } from '../../lib/ids.ts';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface NewEntry {
  readonly incidentId: string;
  readonly organisationId: number | null;
  readonly at: Date;
  readonly kind: IncidentEntry['kind'];
  readonly byUser?: string | null;
  readonly note?: string | null | undefined;
}

const MAX_NOTE_LENGTH = 2000;

export async function insertEntry(tx: WriteTx, entry: NewEntry): Promise<void> {
  await sql`
    insert into incident_entries (id, incident_id, organisation_id, at, kind, by_user, note)
    values (${newId()}, ${entry.incidentId}, ${entry.organisationId}, ${entry.at}, ${entry.kind}, ${entry.byUser ?? null},
      ${entry.note?.slice(0, MAX_NOTE_LENGTH) ?? null})`.execute(tx.db);
}

export async function countEntries(reader: Reader, incidentId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from incident_entries where incident_id = ${incidentId}`.execute(reader.db);
  return rows[0]?.count ?? 0;
}

export interface TimelineRow extends Omit<IncidentEntry, 'at' | 'subject'> {
  readonly at: Date;
  readonly scope: NonNullable<IncidentEntry['subject']>['scope'] | null;
  readonly value: string | null;
}

/** Whom the row names stands in it by their ids, until `People.named` has put what they are called in their place. */
export const namesInEntries = ['by', 'givenTo'] as const;

/** What was said and done, with to whom the incident was given. */
export async function listEntries(
  reader: Reader,
  incidentId: string,
  limit: number,
): Promise<(TimelineRow & { givenTo: string | null })[]> {
  const { rows } = await sql<TimelineRow & { givenTo: string | null }>`
    select e.at, e.kind, e.by_user::text as by, e.note, case when e.kind = 'assigned' then substring(e.note from '^to (.{36})$') end as "givenTo",
      null::uuid as id, null as name, null as severity,
      null as technique, null as scope, null as value, null::int as count
    from incident_entries e where e.incident_id = ${incidentId}
    order by e.at, e.id limit ${limit}`.execute(reader.db);
  return rows;
}

export async function listDetections(reader: Reader, incidentId: string, limit: number): Promise<TimelineRow[]> {
  const { rows } = await sql<TimelineRow>`
    select d.at, 'detection' as kind, null as by, d.scenario as note, d.detection_id as id, d.name, d.severity, d.technique, d.scope,
      d.subject as value, d.count
    from incident_detections d where d.incident_id = ${incidentId} order by d.at, d.detection_id limit ${limit}`.execute(
    reader.db,
  );
  return rows;
}

/** The newest events that led to its detections, as far as they are kept and the reader's organisation may see them. */
export async function listEventsBehind(reader: Reader, incidentId: string, limit: number): Promise<TimelineRow[]> {
  const { rows } = await sql<TimelineRow>`
    select s.at, 'event' as kind, s.user_label as by, s.reason as note, s.id, s.action as name, null as severity, null as technique,
      case when s.source_address is not null then 'ip' when s.device_id is not null then 'device' end as scope,
      coalesce(host(s.source_address), s.device_id::text) as value, s.count
    from security_events s
    where s.id in (select unnest(d.events) from incident_detections d where d.incident_id = ${incidentId})
    order by s.at desc, s.position desc limit ${limit}`.execute(reader.db);
  return rows;
}

/** What was decided because of its detections, or by hand about whom they name while it went on; lifting it is a line of its own. */
export async function listDecisions(reader: Reader, incidentId: string, limit: number): Promise<TimelineRow[]> {
  const { rows } = await sql<TimelineRow>`
    with decided as (
      select b.* from blocks b join incidents i on i.id = ${incidentId}
      where not b.simulated and (
        b.detection_id in (select d.detection_id from incident_detections d where d.incident_id = i.id)
        or (b.created_at between i.first_at and coalesce(i.resolved_at, 'infinity') and (
          (b.scope = i.scope and b.value = i.subject) or exists (
            select from incident_detections d where d.incident_id = i.id and d.scope = b.scope and d.subject = b.value))))
      order by b.created_at desc, b.id desc limit ${limit}
    )
    select created_at as at, 'decision' as kind, created_by_label as by, reason as note, id,
      case kind when 'ban' then 'Banned' else 'Blocked' end as name, null as severity, null as technique, scope, value, nth as count
    from decided
    union all
    select lifted_at, 'decision', lifted_by_label, null, id, 'Let in again', null, null, scope, value, nth
    from decided where lifted_at is not null`.execute(reader.db);
  return rows;
}

/** The organisation that runs the instance. */
export async function findOperator(reader: Reader): Promise<number | undefined> {
  const { rows } = await sql<{ id: number }>`select id from organisations where operates_instance`.execute(reader.db);
  return rows[0]?.id;
}
