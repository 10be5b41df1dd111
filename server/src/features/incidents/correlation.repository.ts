import type { IncidentSeverity, IncidentStatus } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Detection } from '../../security/detection/detection.ts';

/** How near two things must be in time to be one, and how large one may grow. */
export interface Bounds {
  /** What is about the same subject, since the incident was last seen. */
  readonly subjectMs: number;
  /** What is of the same kind, between the end of one and the beginning of the other. */
  readonly familyMs: number;
  readonly maxDetections: number;
  readonly maxAgeMs: number;
}

/** One at a time for each organisation: two detections at once must not each find that there is no incident yet. */
export async function lockCorrelation(tx: WriteTx, organisationId: number | null): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`incidents:${organisationId ?? 'instance'}`}, 0))`.execute(
    tx.db,
  );
}

export async function isAnswered(reader: Reader, detectionId: string): Promise<boolean> {
  const { rows } = await sql`select from incident_detections where detection_id = ${detectionId}`.execute(reader.db);
  return rows.length > 0;
}

export interface Match {
  readonly id: string;
  readonly severity: IncidentSeverity;
  readonly status: IncidentStatus;
  readonly containedAt: Date | null;
}

/**
 * The unresolved incident that the detection belongs to: about the same subject before of the same kind, the newest first. What is only of the
 * same kind joins while nobody has taken the incident: somebody who has looked at it would not be told that others are concerned now.
 */
export async function findMatch(
  tx: WriteTx,
  detection: Detection,
  family: string,
  { subjectMs, familyMs, maxDetections, maxAgeMs }: Bounds,
): Promise<Match | undefined> {
  const { subject, firstAt, lastAt, at } = detection;
  const before = (time: Date, milliseconds: number) => new Date(time.getTime() - milliseconds);
  // "The instance" or "the organisation" is the subject of much that has nothing to do with each other.
  const names = subject.scope !== 'organisation' && subject.scope !== 'instance';
  const { rows } = await sql<Match>`
    with unresolved as (
      select * from incidents i
      where i.status <> 'resolved' and i.organisation_id is not distinct from ${detection.organisationId}
        and i.last_at >= ${before(firstAt, subjectMs)} and i.opened_at > ${before(at, maxAgeMs)}
        and i.detections < ${maxDetections}
    ), found as (
      select i.*, ${names} and ((i.scope = ${subject.scope} and i.subject = ${subject.value}) or exists (
        select from incident_detections d
        where d.incident_id = i.id and d.scope = ${subject.scope} and d.subject = ${subject.value})) as same_subject
      from unresolved i
    )
    select f.id, f.severity, f.status, f.contained_at as "containedAt" from found f
    where f.same_subject or (f.status = 'open' and f.owner_id is null and exists (
      select from incident_detections d
      where d.incident_id = f.id and d.family = ${family}
        and d.last_at >= ${before(firstAt, familyMs)} and d.first_at <= ${before(lastAt, -familyMs)}))
    order by f.same_subject desc, f.opened_at desc, f.id desc limit 1 for update`.execute(tx.db);
  return rows[0];
}

export async function addDetection(
  tx: WriteTx,
  incidentId: string,
  detection: Detection,
  family: string,
): Promise<void> {
  const { subject } = detection;
  await sql`
    insert into incident_detections (detection_id, incident_id, organisation_id, at, scenario, name, family, severity, technique,
      scope, subject, first_at, last_at, count, events)
    values (${detection.id}, ${incidentId}, ${detection.organisationId}, ${detection.at}, ${detection.scenario},
      ${detection.name}, ${family}, ${detection.severity}, ${detection.technique}, ${subject.scope}, ${subject.value},
      ${detection.firstAt}, ${detection.lastAt}, ${detection.count}, ${detection.events}::uuid[])`.execute(tx.db);
  await sql`
    update incidents set detections = detections + 1, events = events + ${detection.count},
      first_at = least(first_at, ${detection.firstAt}), last_at = greatest(last_at, ${detection.lastAt})
    where id = ${incidentId}`.execute(tx.db);
}
