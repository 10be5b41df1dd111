import { sql } from 'kysely';
import { newId } from '../../lib/ids.ts';
import type { Reader, UnauditedTx } from '../audit/tokens.ts';
import type { Conclusion } from './engine.ts';
import type { SeenEvent } from './seen-event.ts';

export interface DetectionRow {
  readonly id: string;
  readonly at: Date;
  readonly organisation_id: number | null;
  readonly scenario: string;
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  readonly technique: string | null;
  readonly scope: 'ip' | 'range' | 'user' | 'device' | 'organisation' | 'instance';
  readonly subject: string;
  readonly first_at: Date;
  readonly last_at: Date;
  readonly count: number;
  readonly events: readonly string[];
  readonly simulated: boolean;
  readonly answered_at: Date | null;
}

const MOST_EVENTS = 50;
const MOST_SILENT = 200_000;
const columns = sql`id, at, organisation_id, scenario, severity, technique, scope, subject, first_at, last_at, count, events, simulated, answered_at`;

export async function progressOfDetection(reader: Reader): Promise<number> {
  const found = await sql<{ position: string }>`select position::text from detection_progress`.execute(reader.db);
  return Number(found.rows[0]?.position ?? 0);
}

/** False: another server has moved it meanwhile. */
export async function moveProgress(tx: UnauditedTx, from: number, to: number): Promise<boolean> {
  const moved = await sql`
    update detection_progress set position = ${to} where position = ${from} returning position`.execute(tx.db);
  return moved.rows.length === 1;
}

/** Events after one position up to another, in the order they were committed; "position" alone would be the text of it, of which 9 follows 10. */
export async function readSeenEvents(
  reader: Reader,
  { after, upTo, limit }: { after: number; upTo: number; limit: number },
): Promise<SeenEvent[]> {
  type Row = Omit<SeenEvent, 'position' | 'at'> & { position: string; at: Date };
  const found = await sql<Row>`
    select position::text, at, organisation_id as "organisationId", action, outcome, transport, host(source_address) as address,
      user_id as "userId", device_id as "deviceId", method, route, status, reason, count, details
    from security_events where position > ${after} and position <= ${upTo}
    order by security_events.position limit ${limit}`.execute(reader.db);
  return found.rows.map((row) => ({ ...row, position: Number(row.position), at: row.at.getTime() }));
}

/** Before the first event that began since then, but not more than so many events back. */
export async function positionBefore(reader: Reader, since: Date, upTo: number, most: number): Promise<number> {
  const found = await sql<{ position: string | null }>`
    select (min(position) - 1)::text as position
    from (select position, at from security_events where position <= ${upTo} order by position desc limit ${most}) as latest
    where at >= ${since}`.execute(reader.db);
  return Number(found.rows[0]?.position ?? upTo);
}

/** When each was raised last, of those raised since; the latest of them if they are very many. */
export async function raisedSince(
  reader: Reader,
  since: Date,
): Promise<{ scenario: string; subject: string; organisation_id: number | null; at: Date }[]> {
  const found = await sql<{ scenario: string; subject: string; organisation_id: number | null; at: Date }>`
    select scenario, subject, organisation_id, max(last_at) as at from detections where at >= ${since}
    group by scenario, subject, organisation_id order by max(last_at) desc limit ${MOST_SILENT}`.execute(reader.db);
  return found.rows;
}

/** Writes a conclusion down, unless it stands there already and is not over. */
export async function raiseDetection(
  tx: UnauditedTx,
  conclusion: Conclusion,
  now: Date,
): Promise<DetectionRow | undefined> {
  const { scenario, subject, organisationId, positions, firstAt, lastAt, count } = conclusion;
  const silentSince = new Date(lastAt - scenario.cooldownSeconds * 1_000);
  const evidence = scenario.evidence;
  const since = new Date(lastAt - (evidence?.seconds ?? 0) * 1_000);
  const raised = await sql<DetectionRow>`
    with led as (
      select id, position from security_events where position = any(${[...positions]}::bigint[])
    ), before as (
      select id, position from security_events
      where ${evidence !== undefined && scenario.subject === 'ip'} and action = any(${evidence?.actions ?? []}::text[])
        and source_address <<= ${scenario.subject === 'ip' ? subject : '0.0.0.0'}::inet
        and at between ${since} and ${new Date(lastAt)}
      order by position desc limit ${MOST_EVENTS}
    ), behind as (
      select id, position from led union select id, position from before order by position desc limit ${MOST_EVENTS}
    )
    insert into detections (id, at, organisation_id, scenario, severity, technique, scope, subject, first_at, last_at, count, events, simulated)
    select ${newId()}, ${now}, ${organisationId}, ${scenario.id}, ${scenario.severity}, ${scenario.technique}, ${scenario.subject},
      ${subject}, ${new Date(firstAt)}, ${new Date(lastAt)}, ${count}, array(select id from behind order by position),
      exists (select from detection_scenarios s join organisations o on o.id = s.organisation_id
        where o.operates_instance and s.id = ${scenario.id} and s.simulated)
    where not exists (select from detections
      where scenario = ${scenario.id} and subject = ${subject} and organisation_id is not distinct from ${organisationId}
        and last_at > ${silentSince} and last_at <= ${new Date(lastAt)})
    returning ${columns}`.execute(tx.db);
  return raised.rows[0];
}

/** One whose answer does not stand yet: the oldest or the newest, without those that were put off. */
export async function nextUnanswered(
  reader: Reader,
  putOff: readonly string[],
  newestFirst: boolean,
): Promise<DetectionRow | undefined> {
  const order = newestFirst ? sql`at desc, id desc` : sql`at, id`;
  const found = await sql<DetectionRow>`
    select ${columns} from detections
    where answered_at is null and id <> all(${[...putOff]}::uuid[]) order by ${order} limit 1`.execute(reader.db);
  return found.rows[0];
}

export async function markAnswered(tx: UnauditedTx, id: string, now: Date): Promise<void> {
  await sql`update detections set answered_at = ${now} where id = ${id}`.execute(tx.db);
}
