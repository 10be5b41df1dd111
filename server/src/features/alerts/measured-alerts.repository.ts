import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Sealed } from '../../security/keys/person-values.ts';

// Alerts of class health on a device whose measurements of some time are somebody else's than before.

export interface SealedAlert {
  readonly id: string;
  readonly startedMicros: number;
  readonly toldSealed: Buffer | null;
  readonly peakSealed: Buffer | null;
  readonly subject: string | null;
}

export interface AlertsWithin {
  readonly deviceId: string;
  readonly fromMicros: number;
  readonly toMicros: number;
  readonly afterId: string | undefined;
}

const micros = (value: number) => sql`timestamptz 'epoch' + ${value}::float8 * interval '1 microsecond'`;

export async function findSealedAlerts(
  reader: Reader,
  { deviceId, fromMicros, toMicros, afterId }: AlertsWithin,
  limit: number,
): Promise<SealedAlert[]> {
  const { rows } = await sql<SealedAlert>`
    select id, round(date_part('epoch', started_at) * 1000000) as "startedMicros", told_sealed as "toldSealed",
      peak_sealed as "peakSealed", subject_id as subject
    from alerts
    where device_id = ${deviceId} and started_at >= ${micros(fromMicros)} and started_at < ${micros(toMicros)}
      and (told_sealed is not null or peak_sealed is not null)
      ${afterId === undefined ? sql`` : sql`and id > ${afterId}::uuid`}
    order by id limit ${limit}`.execute(reader.db);
  return rows;
}

/** So many values an alert has in its history at most that rules wrote: they are told when it is raised and when it clears. */
const MOST_NOTES = 1_000;

export async function findSealedNotes(reader: Reader, alertId: string): Promise<(Sealed & { readonly id: string })[]> {
  const { rows } = await sql<Sealed & { readonly id: string }>`
    select id, note_sealed as sealed, subject_id as subject from alert_events
    where alert_id = ${alertId} and note_sealed is not null order by id limit ${MOST_NOTES}`.execute(reader.db);
  return rows;
}

/** Only as it was read: false where it changed meanwhile. */
export async function replaceTold(
  tx: WriteTx,
  before: SealedAlert,
  anew: { readonly told: Buffer | null; readonly peak: Buffer | null; readonly subject: string | null },
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update alerts set told_sealed = ${anew.told}, peak_sealed = ${anew.peak}, subject_id = ${anew.subject}::uuid
    where id = ${before.id} and told_sealed is not distinct from ${before.toldSealed}::bytea
      and peak_sealed is not distinct from ${before.peakSealed}::bytea`.execute(tx.db);
  return numAffectedRows === 1n;
}

export async function replaceNote(tx: WriteTx, id: string, anew: Sealed | null): Promise<void> {
  await sql`update alert_events set note_sealed = ${anew?.sealed ?? null}::bytea, subject_id = ${anew?.subject ?? null}::uuid
    where id = ${id}`.execute(tx.db);
}

export async function findOpenAlertsOf(reader: Reader, deviceId: string, subject: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from alerts where device_id = ${deviceId} and subject_id = ${subject} and type = 'rule' and status <> 'resolved'
    order by id`.execute(reader.db);
  return rows.map(({ id }) => id);
}

/** What rules remember of somebody between two points: they begin anew. */
export async function forgetStatesOf(
  tx: WriteTx,
  { organisationId, deviceId, subject }: { organisationId: number; deviceId: string; subject: string },
  fresh: string,
): Promise<void> {
  await sql`update alert_states set state = ${fresh}, sealed = null, subject_id = null, alert_id = null
    where organisation_id = ${organisationId} and device_id = ${deviceId} and subject_id = ${subject}`.execute(tx.db);
}
