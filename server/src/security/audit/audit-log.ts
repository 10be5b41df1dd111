import { CompiledQuery } from 'kysely';
import { newId } from '../../lib/ids.ts';
import type { LastStatement } from '../../platform/db/last-statement.ts';
import type { AuditEntry } from './audit-event.ts';
import type { Reader } from './tokens.ts';

const MAX_DETAIL_CHARACTERS = 8_192;

/** What each transaction appended, for whoever is told of it once it is committed. */
const appended = new WeakMap<Reader, AuditEntry[]>();

export const appendedIn = (tx: Reader): readonly AuditEntry[] => appended.get(tx) ?? [];

const INSERT = `insert into audit_events
    (id, organisation_id, event, outcome, actor_kind, actor_id, actor_label, resource_kind, resource_id, address, request_id, details)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::inet, $11, $12::jsonb)
  returning current_setting('valtronics.sessions_changed', true) = 'yes' as changed`;

/** Appends one event in the middle of the caller's transaction; it commits or vanishes with the change it describes. */
export async function appendAuditEvent(tx: Reader, entry: AuditEntry): Promise<void> {
  await tx.db.executeQuery(CompiledQuery.raw(INSERT, valuesOf(entry)));
  noteAppended(tx, entry);
}

/**
 * One event as the last statement of the caller's transaction. Being the last it can tell, without a round trip of its own, whether the
 * transaction changed what any session is worth (the triggers of `session_changes`).
 */
export function lastAuditEvent(tx: Reader, entry: AuditEntry): LastStatement | undefined {
  const statement = { name: 'append_audit_event', text: INSERT, values: valuesOf(entry) };
  noteAppended(tx, entry);
  return statement;
}

/** What that statement answered. */
export const changedSessionsIn = (rows: readonly unknown[]): boolean =>
  (rows[0] as { changed: boolean | null } | undefined)?.changed === true;

function valuesOf(entry: AuditEntry): (string | number | null)[] {
  const details = JSON.stringify(entry.details ?? {});
  if (details.length > MAX_DETAIL_CHARACTERS)
    throw new Error(`audit details of ${entry.event} exceed ${MAX_DETAIL_CHARACTERS} characters`);
  const { actor, resource } = entry;
  return [
    newId(),
    entry.organisationId,
    entry.event,
    entry.outcome,
    actor.kind,
    actor.id,
    actor.label,
    resource?.kind ?? null,
    resource?.id ?? null,
    entry.address,
    entry.requestId,
    details,
  ];
}

function noteAppended(tx: Reader, entry: AuditEntry): void {
  appended.set(tx, [...appendedIn(tx), entry]);
}
