import { sql } from 'kysely';
import type { Reader, SystemTx, UnauditedTx } from '../audit/tokens.ts';

export interface BlockRow {
  readonly id: string;
  readonly scope: 'ip' | 'range' | 'user' | 'device';
  readonly value: string;
  readonly reason: string;
  readonly evidence: Record<string, unknown>;
  readonly created_at: Date;
  readonly expires_at: Date;
}

const columns = sql`id, scope, value, reason, evidence, created_at, expires_at`;

/** Of those in force, the ones that last longest first. */
export async function listBlocksInForce(reader: Reader, now: Date, limit: number): Promise<BlockRow[]> {
  const found = await sql<BlockRow>`
    select ${columns} from blocks where lifted_at is null and expires_at > ${now}
    order by expires_at desc, id limit ${limit}`.execute(reader.db);
  return found.rows;
}

export async function findBlockInForce(reader: Reader, id: string, now: Date): Promise<BlockRow | undefined> {
  const found = await sql<BlockRow>`
    select ${columns} from blocks where id = ${id} and lifted_at is null and expires_at > ${now}`.execute(reader.db);
  return found.rows[0];
}

/** What came before on this address: the end of a block in force, how many there were since, and when one was last lifted. */
export async function blockHistory(
  reader: Reader,
  value: string,
  now: Date,
  since: Date,
): Promise<{ until: Date | null; recent: number; lifted_at: Date | null }> {
  const found = await sql<{ until: Date | null; recent: number; lifted_at: Date | null }>`
    select max(expires_at) filter (where lifted_at is null and expires_at > ${now}) as until,
      count(*) filter (where lifted_at is null and created_at > ${since})::int as recent,
      max(lifted_at) as lifted_at
    from blocks where scope = 'ip' and value = ${value}`.execute(reader.db);
  return found.rows[0] ?? { until: null, recent: 0, lifted_at: null };
}

export async function insertBlock(tx: UnauditedTx, block: BlockRow): Promise<void> {
  await sql`
    insert into blocks (id, scope, value, reason, evidence, created_at, expires_at)
    values (${block.id}, ${block.scope}, ${block.value}, ${block.reason}, ${JSON.stringify(block.evidence)}::jsonb,
      ${block.created_at}, ${block.expires_at})`.execute(tx.db);
}

/** Ends those in force with this id or value; returns them. */
export async function liftBlocks(
  tx: SystemTx,
  which: { id: string | null; value: string | null },
  by: string,
  now: Date,
): Promise<BlockRow[]> {
  const lifted = await sql<BlockRow>`
    update blocks set lifted_at = ${now}, lifted_by = ${by}
    where lifted_at is null and expires_at > ${now} and (id = ${which.id}::uuid or value = ${which.value})
    returning ${columns}`.execute(tx.db);
  return lifted.rows;
}

/** Removes blocks that ended before; returns how many. */
export async function removeOldBlocks(tx: UnauditedTx, endedBefore: Date, limit: number): Promise<number> {
  const removed = await sql`
    delete from blocks where id in (select id from blocks where expires_at < ${endedBefore} limit ${limit}) returning id`.execute(
    tx.db,
  );
  return removed.rows.length;
}
