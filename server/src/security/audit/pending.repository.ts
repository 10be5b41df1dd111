import { sql } from 'kysely';
import type { LeafSource, Salts } from '../../lib/transparency/audit-leaf.ts';
import { textsOfJson } from './texts-of-json.ts';
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
  /** In the queue. */
  readonly number: string;
}

export const leafColumns = sql`e.id, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, e.event, e.outcome,
  e.actor_kind as "actorKind", e.actor_id as "actorId", e.actor_label as "actorLabel", e.resource_kind as "resourceKind",
  e.resource_id as "resourceId", host(e.address) as address, e.request_id as "requestId", e.details`;

interface Pending {
  readonly events: readonly PendingEvent[];
  /** What waits for nothing: events that have a place already, however often they were said to wait, or are not there at all. */
  readonly idle: readonly string[];
}

/** The oldest events without a place, but for those of some organisations (null: of the instance). Each event once. */
export async function listPending(tx: Reader, limit: number, except: readonly (number | null)[]): Promise<Pending> {
  const found = await sql<
    { [K in keyof PendingEvent]: K extends 'number' ? string : PendingEvent[K] | null } & { isPlaced: boolean }
  >`
    select p.number, ${leafColumns}, e.organisation_id as "organisationId",
      exists (select from audit_leaves l where l.event_id = p.event_id) as "isPlaced"
    from audit_pending p left join audit_events e on e.id = p.event_id
    where coalesce(e.organisation_id, 0) <> all (${except.map((id) => id ?? 0)}::integer[])
    order by p.number limit ${limit}`.execute(tx.db);
  const events = new Map<string, PendingEvent>();
  const idle: string[] = [];
  for (const { isPlaced, ...row } of found.rows) {
    if (row.id === null || isPlaced || events.has(row.id)) idle.push(row.number);
    else events.set(row.id, row as PendingEvent);
  }
  return { events: [...events.values()], idle };
}

export async function endPending(tx: Reader, numbers: readonly string[]): Promise<void> {
  await sql`delete from audit_pending where number = any (${numbers}::bigint[])`.execute(tx.db);
}

export async function insertSalts(tx: Reader, of: readonly { id: string; salts: Salts }[]): Promise<void> {
  await sql`
    insert into audit_salts (event_id, salts)
    select id, salts::jsonb
    from unnest(${of.map(({ id }) => id)}::uuid[], ${textsOfJson(of.map(({ salts }) => JSON.stringify(salts)))}) as new (id, salts)`.execute(
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
