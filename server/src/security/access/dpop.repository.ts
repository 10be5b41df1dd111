import { sql } from 'kysely';
import type { WriteTx } from '../audit/tokens.ts';

/** False when it was there already. The server may only add to this table, so there is nothing to read. */
export async function insertProof(tx: WriteTx, hash: Buffer, expiresAt: Date): Promise<boolean> {
  const inserted = await sql`
    insert into dpop_proofs (proof_hash, expires_at) values (${hash}, ${expiresAt}) on conflict do nothing`.execute(
    tx.db,
  );
  return inserted.numAffectedRows === 1n;
}

export async function removeExpiredProofs(tx: WriteTx, now: Date, limit: number): Promise<number> {
  const removed = await sql`
    delete from dpop_proofs where proof_hash in (
      select proof_hash from dpop_proofs where expires_at < ${now} limit ${limit})`.execute(tx.db);
  return Number(removed.numAffectedRows ?? 0n);
}
