import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

export interface SigningKeyRow {
  kid: string;
  private_sealed: Buffer;
  status: 'next' | 'active' | 'retiring' | 'retired';
}

export async function listUsableSigningKeys(reader: Reader): Promise<SigningKeyRow[]> {
  const keys =
    await sql<SigningKeyRow>`select kid, private_sealed, status from signing_keys where status <> 'retired'`.execute(
      reader.db,
    );
  return keys.rows;
}

/** Returns false when another server was first: there is one active key (unique index). */
export async function insertActiveSigningKey(
  tx: WriteTx,
  key: { kid: string; publicJwk: unknown; privateSealed: Buffer },
): Promise<boolean> {
  const inserted = await sql`
    insert into signing_keys (kid, algorithm, public_jwk, private_sealed, status)
    values (${key.kid}, 'ES256', ${JSON.stringify(key.publicJwk)}::jsonb, ${key.privateSealed}, 'active')
    on conflict do nothing returning kid`.execute(tx.db);
  return inserted.rows.length > 0;
}
