import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

export interface KeyEpochRow {
  epoch: number;
  status: 'active' | 'previous' | 'retired';
  wrapped_key: Buffer | null;
  created_at: Date;
  replaced_at: Date | null;
  retired_at: Date | null;
}

/** A rotation a year makes few; all of them are read. */
export async function listKeyEpochs(reader: Reader): Promise<KeyEpochRow[]> {
  const epochs = await sql<KeyEpochRow>`
    select epoch, status, wrapped_key, created_at, replaced_at, retired_at from key_epochs order by epoch`.execute(
    reader.db,
  );
  return epochs.rows;
}

/** Changes of epochs come one after another; reading goes on meanwhile. */
export async function lockKeyEpochs(tx: WriteTx): Promise<void> {
  await sql`lock table key_epochs in share row exclusive mode`.execute(tx.db);
}

/** The new epoch takes the place of the active one, if there is one. Under the lock. */
export async function activateKeyEpoch(tx: WriteTx, epoch: number, wrappedKey: Buffer, now: Date): Promise<void> {
  await sql`update key_epochs set status = 'previous', replaced_at = ${now} where status = 'active'`.execute(tx.db);
  await sql`insert into key_epochs (epoch, status, wrapped_key, created_at)
    values (${epoch}, 'active', ${wrappedKey}, ${now})`.execute(tx.db);
}

/** For good: the wrapped key and the data keys of the epoch go too, so the row cannot be made to open anything again. */
export async function retireKeyEpoch(tx: WriteTx, epoch: number, now: Date): Promise<void> {
  await sql`update key_epochs set status = 'retired', retired_at = ${now}, wrapped_key = null
    where epoch = ${epoch} and status = 'previous'`.execute(tx.db);
  await sql`delete from data_keys where epoch = ${epoch}`.execute(tx.db);
}

/** 0 where there is none. */
export async function newestKeyEpoch(reader: Reader): Promise<number> {
  const { rows } = await sql<{ newest: number | null }>`select max(epoch) as newest from key_epochs`.execute(reader.db);
  return rows[0]?.newest ?? 0;
}
