import { sql } from 'kysely';
import { newId } from '../../lib/ids.ts';
import type { Reader, UnauditedTx } from '../../security/audit/tokens.ts';
import { createSink, written } from './bytes.ts';
import type { JournalConsumer, LockedPoint } from './committed.ts';
import type { IngestConnection } from './ingest-connection.ts';
import { writeLockedPayload } from './journal-payload.ts';

type ConsumerName = JournalConsumer['name'];

const CONSUMER_LOCK = 0x76_61_6c_74; // "valt"

/** Held by the session, so it ends with the process that has it, however that ends. */
export async function tryConsumerLock(connection: IngestConnection): Promise<boolean> {
  const rows = await connection.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [CONSUMER_LOCK]);
  return rows[0]?.taken === true;
}

/** Waits for a transaction of the one before, so that what is read afterwards is all there is. */
export async function takeOver(tx: UnauditedTx, consumer: ConsumerName, holder: string): Promise<void> {
  await sql`update telemetry_consumers set holder = ${holder} where consumer = ${consumer}`.execute(tx.db);
}

export async function isHolder(tx: UnauditedTx, consumer: ConsumerName, holder: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from telemetry_consumers where consumer = ${consumer} and holder = ${holder} for share`.execute(tx.db);
  return rows.length === 1;
}

/** Whoever works for the consumer has to take over again, with nothing in memory. */
export async function forgetHolder(tx: UnauditedTx, consumer: ConsumerName): Promise<void> {
  await sql`update telemetry_consumers set holder = null where consumer = ${consumer}`.execute(tx.db);
}

/** Takes flushes off what a consumer has to do; returns those that still were on it. */
export async function removePending(
  tx: UnauditedTx,
  consumer: ConsumerName,
  journalIds: readonly string[],
): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    delete from telemetry_pending where consumer = ${consumer} and journal_id = any(${journalIds}::uuid[])
    returning journal_id as id`.execute(tx.db);
  return new Set(rows.map(({ id }) => id));
}

export interface PendingEntry {
  readonly id: string;
  readonly points: number;
}

/** Of what may be looked at by now, oldest first: our ids begin with the time. */
export async function findPending(reader: Reader, consumer: ConsumerName, limit: number): Promise<PendingEntry[]> {
  const { rows } = await sql<PendingEntry>`
    select p.journal_id as id, coalesce(j.points, 0) as points
    from telemetry_pending p left join telemetry_journal j on j.id = p.journal_id
    where p.consumer = ${consumer} and (p.retry_at is null or p.retry_at <= now())
    order by p.journal_id limit ${limit}`.execute(reader.db);
  return rows;
}

const RETRIED_AFTER_SECONDS = 15;

/** Puts points on the list again for one consumer, in the transaction that takes the rest of their flush off it. */
export async function postpone(tx: UnauditedTx, consumer: ConsumerName, points: readonly LockedPoint[]): Promise<void> {
  const sink = createSink(points.length * 8);
  writeLockedPayload(sink, points);
  const id = newId();
  await sql`insert into telemetry_journal (id, points, payload) values (${id}, ${points.length}, ${written(sink)})`.execute(
    tx.db,
  );
  await sql`insert into telemetry_pending (consumer, journal_id, retry_at)
    values (${consumer}, ${id}, now() + make_interval(secs => ${RETRIED_AFTER_SECONDS}))`.execute(tx.db);
}

export interface JournalRow {
  readonly id: string;
  readonly atMs: number;
  readonly payload: Buffer;
}

export async function findJournalRows(reader: Reader, ids: readonly string[]): Promise<JournalRow[]> {
  const { rows } = await sql<{ id: string; at: Date; payload: Buffer }>`
    select id, at, payload from telemetry_journal where id = any(${ids}::uuid[]) order by id`.execute(reader.db);
  return rows.map(({ id, at, payload }) => ({ id, atMs: at.getTime(), payload }));
}

/**
 * Journal rows nobody waits for. The youngest stay: a sender whose answer was lost asks by their key whether its points are in.
 */
export async function deleteFinishedJournal(tx: UnauditedTx, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from telemetry_journal where id in (
      select j.id from telemetry_journal j
      where j.at < now() - interval '2 minutes' and not exists (select 1 from telemetry_pending p where p.journal_id = j.id)
      order by j.id limit ${limit}
    ) returning id`.execute(tx.db);
  return rows.length;
}
