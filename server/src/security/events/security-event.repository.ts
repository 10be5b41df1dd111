import { sql } from 'kysely';
import { advisoryLocks } from '../../platform/db/advisory-locks.ts';
import type { UnauditedTx } from '../audit/tokens.ts';
import type { SecurityEvent } from './security-event.ts';

/** Appends a batch. What is in the table already, since a commit was not heard of, is left as it is. */
export async function appendSecurityEvents(tx: UnauditedTx, events: readonly SecurityEvent[]): Promise<void> {
  const rows = JSON.stringify(
    events.map((event) => ({
      ...event,
      user_id: event.user?.id ?? null,
      user_label: event.user?.label ?? null,
      ...(event.http ?? {}),
    })),
  );
  await sql`select pg_advisory_xact_lock(${advisoryLocks.securityEvents}::bigint)`.execute(tx.db);
  await sql`
    insert into security_events (id, at, organisation_id, category, action, outcome, level, transport, source_address, user_id,
      user_label, device_id, method, route, status, request_id, reason, count, details)
    select id, at, "organisationId", category, action, outcome, level, transport, address, user_id,
      user_label, "deviceId", method, route, status, "requestId", reason, count,
      case when length(details::text) > 8192 then '{"cut": true}' else details end
    from rows from (jsonb_to_recordset(${rows}::jsonb) as (id uuid, at timestamptz, "organisationId" integer, category text,
      action text, outcome text, level text, transport text, address inet, user_id text, user_label text, "deviceId" uuid,
      method text, route text, status integer, "requestId" text, reason text, count integer, details jsonb))
      with ordinality as event (id, at, "organisationId", category, action, outcome, level, transport, address, user_id, user_label,
        "deviceId", method, route, status, "requestId", reason, count, details, nth)
    order by nth
    on conflict (id) do nothing`.execute(tx.db);
}
