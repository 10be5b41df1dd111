import { type RawBuilder, sql } from 'kysely';
import type { LeafSource } from '../../lib/transparency/audit-leaf.ts';
import type { Reader } from './tokens.ts';

/** "audit": one sequencer at a time, of however many servers. */
const LOCK = 0x6175646974;

/** Whether it is ours. Who waits does so as long as its role may wait for a lock. */
export async function lockSequencer(tx: Reader, { wait }: { readonly wait: boolean }): Promise<boolean> {
  if (wait) {
    await sql`select pg_advisory_xact_lock(${LOCK})`.execute(tx.db);
    return true;
  }
  const locked = await sql<{ mine: boolean }>`select pg_try_advisory_xact_lock(${LOCK}) as mine`.execute(tx.db);
  return locked.rows[0]?.mine === true;
}

/** A row of the queue of events without a place. */
export interface Waiting {
  readonly eventId: string;
  /** Where the row is stored (a ctid), which stays as it is while its transaction lasts. */
  readonly row: string;
}

export interface PendingEvent extends LeafSource {
  readonly organisationId: number | null;
  readonly waiting: Waiting;
}

export const leafColumns = sql`e.id, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, e.event, e.outcome,
  e.actor_kind as "actorKind", e.actor_id as "actorId", e.actor_label as "actorLabel", e.resource_kind as "resourceKind",
  e.resource_id as "resourceId", host(e.address) as address, e.request_id as "requestId", e.details`;

interface Pending {
  readonly events: readonly PendingEvent[];
  /** What waits for nothing: events that have a place already, however often they were said to wait, or are not there at all. */
  readonly idle: readonly Waiting[];
}

/**
 * The oldest events without a place, but for those of some organisations (null: of the instance). Each event once, in the order of their ids,
 * which is that of time. The queue is gone through as a whole, which is cheaper than what an index on it would cost each event; what was
 * found is looked up one by one (`offset 0`), however many PostgreSQL believes to wait: of a queue that is mostly empty it knows nothing, and
 * would read the whole log for a few of them.
 */
export async function listPending(tx: Reader, limit: number, except: readonly (number | null)[]): Promise<Pending> {
  const found = await sql<
    { [K in keyof LeafSource]: LeafSource[K] | null } & {
      readonly organisationId: number | null;
      readonly row: string;
      readonly eventId: string;
      readonly isPlaced: boolean;
    }
  >`
    select p.ctid::text as row, p.event_id as "eventId", e.*, l.event_id is not null as "isPlaced"
    from (
      select ctid, event_id from audit_pending
      where coalesce(organisation_id, 0) <> all (${except.map((id) => id ?? 0)}::integer[])
      order by event_id limit ${limit}
    ) p
    left join lateral (
      select ${leafColumns}, e.organisation_id as "organisationId" from audit_events e where e.id = p.event_id offset 0
    ) e on true
    left join lateral (select l.event_id from audit_leaves l where l.event_id = p.event_id offset 0) l on true
    order by p.event_id`.execute(tx.db);
  const events = new Map<string, PendingEvent>();
  const idle: Waiting[] = [];
  for (const { isPlaced, row, eventId, ...event } of found.rows) {
    const waiting = { row, eventId };
    if (event.id === null || isPlaced || events.has(eventId)) idle.push(waiting);
    else events.set(eventId, { ...(event as LeafSource), organisationId: event.organisationId, waiting });
  }
  return { events: [...events.values()], idle };
}

/** The statement that takes rows out of the queue. Each is known by its event too: a place in a table may be given to another row. */
export const deletePending = (waiting: readonly Waiting[]): RawBuilder<unknown> => sql`
  delete from audit_pending p using unnest(${waiting.map(({ row }) => row)}::tid[], ${waiting.map(({ eventId }) => eventId)}::uuid[])
    as done (place, event_id)
  where p.ctid = done.place and p.event_id = done.event_id`;

export async function endPending(tx: Reader, waiting: readonly Waiting[]): Promise<void> {
  await deletePending(waiting).execute(tx.db);
}
