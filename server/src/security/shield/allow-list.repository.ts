import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

export interface AllowListRow {
  readonly id: string;
  readonly network: string;
  readonly note: string | null;
  readonly created_at: Date;
  readonly created_by: string | null;
  readonly created_by_label: string | null;
}

/** At most `limit`, the oldest first. */
export async function listAllowed(reader: Reader, limit: number): Promise<AllowListRow[]> {
  const found = await sql<AllowListRow>`
    select id, network, note, created_at, created_by, created_by_label from allow_list order by created_at, id limit ${limit}`.execute(
    reader.db,
  );
  return found.rows;
}

/** False when the network is on it already. */
export async function insertAllowed(tx: WriteTx, organisationId: number, row: AllowListRow): Promise<boolean> {
  const made = await sql`
    insert into allow_list (id, organisation_id, network, note, created_at, created_by, created_by_label)
    values (${row.id}, ${organisationId}, ${row.network}, ${row.note}, ${row.created_at}, ${row.created_by}, ${row.created_by_label})
    on conflict do nothing returning id`.execute(tx.db);
  return made.rows.length > 0;
}

/** The network that was on it, if it was. */
export async function deleteAllowed(tx: WriteTx, id: string): Promise<string | undefined> {
  const gone = await sql<{ network: string }>`
    delete from allow_list where id = ${id} returning network`.execute(tx.db);
  return gone.rows[0]?.network;
}
