import { sql } from 'kysely';
import type { LeafSource, Salts } from '../../lib/transparency/audit-leaf.ts';
import type { Reader } from './tokens.ts';

/** "audit": one sequencer at a time, of however many servers. */
const LOCK = 0x6175646974;

export async function lockSequencer(tx: Reader): Promise<boolean> {
  const locked = await sql<{ mine: boolean }>`select pg_try_advisory_xact_lock(${LOCK}) as mine`.execute(tx.db);
  return locked.rows[0]?.mine === true;
}

export async function hasPending(reader: Reader): Promise<boolean> {
  const found = await sql<{ waits: boolean }>`select exists (select from audit_pending) as waits`.execute(reader.db);
  return found.rows[0]?.waits === true;
}

export interface PendingEvent extends LeafSource {
  readonly organisationId: number | null;
}

export const leafColumns = sql`e.id, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, e.event, e.outcome,
  e.actor_kind as "actorKind", e.actor_id as "actorId", e.actor_label as "actorLabel", e.resource_kind as "resourceKind",
  e.resource_id as "resourceId", host(e.address) as address, e.request_id as "requestId", e.details`;

/** Takes the oldest events without a place. What this transaction does with them decides whether they are taken. */
export async function takePending(tx: Reader, limit: number): Promise<{ taken: number; events: PendingEvent[] }> {
  const taken = await sql<{ event_id: string }>`
    with taken as (
      delete from audit_pending where number in (select number from audit_pending order by number limit ${limit})
      returning number, event_id)
    select event_id from taken order by number`.execute(tx.db);
  if (taken.rows.length === 0) return { taken: 0, events: [] };
  // One place for one event, however often it was said to wait.
  const ids = [...new Set(taken.rows.map(({ event_id }) => event_id))];
  const events = await sql<PendingEvent>`
    select ${leafColumns}, e.organisation_id as "organisationId"
    from unnest(${ids}::uuid[]) with ordinality as wanted (id, number) join audit_events e on e.id = wanted.id
    where not exists (select from audit_leaves l where l.event_id = e.id)
    order by wanted.number`.execute(tx.db);
  return { taken: taken.rows.length, events: events.rows };
}

export async function insertSalts(tx: Reader, of: readonly { id: string; salts: Salts }[]): Promise<void> {
  await sql`
    insert into audit_salts (event_id, salts)
    select * from unnest(${of.map(({ id }) => id)}::uuid[], ${of.map(({ salts }) => JSON.stringify(salts))}::jsonb[])`.execute(
    tx.db,
  );
}

/** Trees that hold more than was signed. */
export async function unsignedTrees(
  tx: Reader,
): Promise<{ id: number; organisation_id: number | null; origin: string }[]> {
  const found = await sql<{ id: number; organisation_id: number | null; origin: string }>`
    select t.id, t.organisation_id, t.origin from audit_trees t
    where exists (select from audit_leaves l where l.tree = t.id
      and l.position >= coalesce((select max(c.size) from audit_checkpoints c where c.tree = t.id), 0))
    order by t.organisation_id nulls last`.execute(tx.db);
  return found.rows;
}
