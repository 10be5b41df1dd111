import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';
import type { SigningAlgorithm } from '../crypto/signing-keys.ts';

export type SigningKeyStage = 'next' | 'active' | 'retiring' | 'retired';

export interface UsableKeyRow {
  kid: string;
  private_sealed: Buffer;
  status: Exclude<SigningKeyStage, 'retired'>;
}

/** What is known of a key besides the key. */
export interface SigningKeyRow {
  kid: string;
  algorithm: SigningAlgorithm;
  status: SigningKeyStage;
  created_at: Date;
  activated_at: Date | null;
  retires_at: Date | null;
  retired_at: Date | null;
}

export interface NewSigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly publicJwk: unknown;
  readonly privateSealed: Buffer;
}

export async function listUsableSigningKeys(reader: Reader): Promise<UsableKeyRow[]> {
  const keys = await sql<UsableKeyRow>`
    select kid, private_sealed, status from signing_keys where status <> 'retired'`.execute(reader.db);
  return keys.rows;
}

/** Those in use, then the ones retired last. */
export async function listSigningKeys(reader: Reader): Promise<SigningKeyRow[]> {
  const keys = await sql<SigningKeyRow>`
    select kid, algorithm, status, created_at, activated_at, retires_at, retired_at from signing_keys
    order by retired_at desc nulls first, created_at desc limit 50`.execute(reader.db);
  return keys.rows;
}

/** Changes of keys come one after another; reading goes on meanwhile. */
export async function lockSigningKeys(tx: WriteTx): Promise<void> {
  await sql`lock table signing_keys in share row exclusive mode`.execute(tx.db);
}

/** Returns false when another server was first: there is one active and one next key (unique indexes). */
export async function insertSigningKey(
  tx: WriteTx,
  key: NewSigningKey,
  status: 'next' | 'active',
  now: Date,
): Promise<boolean> {
  const inserted = await sql`
    insert into signing_keys (kid, algorithm, public_jwk, private_sealed, status, created_at, activated_at)
    values (${key.kid}, ${key.algorithm}, ${JSON.stringify(key.publicJwk)}::jsonb, ${key.privateSealed}, ${status},
      ${now}, ${status === 'active' ? now : null})
    on conflict do nothing returning kid`.execute(tx.db);
  return inserted.rows.length > 0;
}

export async function activateNextKey(tx: WriteTx, kid: string, now: Date): Promise<void> {
  await sql`update signing_keys set status = 'active', activated_at = ${now}
    where kid = ${kid} and status = 'next'`.execute(tx.db);
}

export async function beginRetiring(tx: WriteTx, kid: string, retiresAt: Date): Promise<void> {
  await sql`update signing_keys set status = 'retiring', retires_at = ${retiresAt}
    where kid = ${kid} and status = 'active'`.execute(tx.db);
}

/** For good: the private half goes too, so the row cannot be made to sign again. */
export async function retireKey(tx: WriteTx, kid: string, now: Date): Promise<void> {
  await sql`update signing_keys set status = 'retired', retired_at = ${now}, private_sealed = null
    where kid = ${kid}`.execute(tx.db);
}
