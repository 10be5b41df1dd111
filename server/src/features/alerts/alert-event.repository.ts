import type { alertEvent } from '@valtronics/contract';
import { sql } from 'kysely';
import type { z } from 'zod';
import { newId } from '../../lib/ids.ts';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Sealed } from '../../security/keys/person-values.ts';

export type EventKind = z.infer<typeof alertEvent>['kind'];

export interface NewEvent {
  readonly organisationId: number;
  readonly alertId: string;
  readonly at: Date;
  readonly kind: EventKind;
  readonly byUser?: string | null;
  readonly note: string | null;
  /** Instead of the note, sealed for the event of this id. */
  readonly sealed?: Sealed & { readonly id: string };
}

export interface EventRow {
  readonly id: string;
  readonly noteSealed: Buffer | null;
  readonly subject: string | null;
  readonly at: Date;
  readonly kind: EventKind;
  readonly by: string | null;
  readonly note: string | null;
}

const MAX_NOTE_LENGTH = 2000;

export async function insertEvents(tx: WriteTx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await sql`
    insert into alert_events (id, organisation_id, alert_id, at, kind, by_user, note, note_sealed, subject_id)
    select * from unnest(
      ${events.map(({ sealed }) => sealed?.id ?? newId())}::uuid[], ${events.map((event) => event.organisationId)}::int[],
      ${events.map((event) => event.alertId)}::uuid[], ${events.map((event) => event.at)}::timestamptz[],
      ${events.map((event) => event.kind)}::text[], ${events.map((event) => event.byUser ?? null)}::uuid[],
      ${events.map((event) => event.note?.slice(0, MAX_NOTE_LENGTH) ?? null)}::text[],
      ${events.map(({ sealed }) => sealed?.sealed ?? null)}::bytea[],
      ${events.map(({ sealed }) => sealed?.subject ?? null)}::uuid[])`.execute(tx.db);
}

/** Who did it stands in `by` by their id, until `People.named` has put what they are called in its place. */
export async function listEvents(reader: Reader, alertId: string, limit: number): Promise<EventRow[]> {
  const { rows } = await sql<EventRow>`
    select e.id, e.note_sealed as "noteSealed", e.subject_id as subject, e.at, e.kind, e.by_user::text as by, e.note
    from alert_events e
    where e.alert_id = ${alertId} order by e.at, e.id limit ${limit}`.execute(reader.db);
  return rows;
}

export async function countEvents(reader: Reader, alertId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from alert_events where alert_id = ${alertId}`.execute(reader.db);
  return rows[0]?.count ?? 0;
}
