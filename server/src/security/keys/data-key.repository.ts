import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

/** The wrapped data key of an organisation, or (null) of the instance, in an epoch. */
export async function findDataKey(
  reader: Reader,
  epoch: number,
  organisationId: number | null,
): Promise<Buffer | undefined> {
  const found = await sql<{ wrapped_key: Buffer }>`
    select wrapped_key from data_keys where epoch = ${epoch} and organisation_id is not distinct from ${organisationId}`.execute(
    reader.db,
  );
  return found.rows[0]?.wrapped_key;
}

/** Of servers that make it at once one wins, and the others find that one. Of a retired epoch none is made. */
export async function insertDataKey(
  tx: WriteTx,
  key: { readonly epoch: number; readonly organisationId: number | null; readonly wrapped: Buffer; readonly now: Date },
): Promise<void> {
  await sql`insert into data_keys (epoch, organisation_id, wrapped_key, created_at)
    select epoch, ${key.organisationId}, ${key.wrapped}, ${key.now} from key_epochs
    where epoch = ${key.epoch} and status <> 'retired'
    on conflict do nothing`.execute(tx.db);
}
