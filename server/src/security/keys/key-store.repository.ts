import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

/** The id of the key store that belongs to this database. */
export async function findKeyStore(reader: Reader): Promise<string | undefined> {
  const found = await sql<{ id: string }>`select id from key_stores where replaced_at is null`.execute(reader.db);
  return found.rows[0]?.id;
}

/** The ids of this one and of those that were lost. */
export async function listKeyStores(reader: Reader): Promise<string[]> {
  const found = await sql<{ id: string }>`select id from key_stores`.execute(reader.db);
  return found.rows.map(({ id }) => id);
}

/** From now on this one belongs to the database, in place of any other. */
export async function insertKeyStore(tx: WriteTx, id: string, now: Date): Promise<void> {
  await sql`lock table key_stores in share row exclusive mode`.execute(tx.db);
  await sql`update key_stores set replaced_at = ${now} where replaced_at is null`.execute(tx.db);
  await sql`insert into key_stores (id, created_at) values (${id}, ${now})`.execute(tx.db);
}
