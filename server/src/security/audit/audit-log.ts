import { sql } from 'kysely';
import { newId } from '../../lib/ids.ts';
import { PREPARED } from '../../platform/db/database.ts';
import type { AuditEntry } from './audit-event.ts';
import type { Reader } from './tokens.ts';

const MAX_DETAIL_CHARACTERS = 8_192;

/** What each transaction appended, for whoever is told of it once it is committed. */
const appended = new WeakMap<Reader, AuditEntry[]>();

export const appendedIn = (tx: Reader): readonly AuditEntry[] => appended.get(tx) ?? [];

/**
 * Appends one event in the caller's transaction; it commits or vanishes with the change it describes. Being the last statement it can
 * tell, without a round trip of its own, whether the transaction changed what any session is worth (the triggers of `session_changes`).
 */
export async function appendAuditEvent(tx: Reader, entry: AuditEntry): Promise<{ readonly changedSessions: boolean }> {
  const details = JSON.stringify(entry.details ?? {});
  if (details.length > MAX_DETAIL_CHARACTERS)
    throw new Error(`audit details of ${entry.event} exceed ${MAX_DETAIL_CHARACTERS} characters`);
  const inserted = await sql<{ changed: boolean | null }>`${sql.raw(PREPARED)}
    insert into audit_events
      (id, organisation_id, event, outcome, actor_kind, actor_id, actor_label, resource_kind, resource_id, address, request_id, details)
    values (${newId()}, ${entry.organisationId}, ${entry.event}, ${entry.outcome}, ${entry.actor.kind}, ${entry.actor.id},
      ${entry.actor.label}, ${entry.resource?.kind ?? null}, ${entry.resource?.id ?? null}, ${entry.address}::inet,
      ${entry.requestId}, ${details}::jsonb)
    returning current_setting('valtronics.sessions_changed', true) = 'yes' as changed`.execute(tx.db);
  appended.set(tx, [...appendedIn(tx), entry]);
  return { changedSessions: inserted.rows[0]?.changed === true };
}
