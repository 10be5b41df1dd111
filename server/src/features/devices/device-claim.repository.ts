import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface ClaimRecord {
  readonly id: string;
  readonly device_type: string;
  readonly name_prefix: string;
  readonly created_at: Date;
  readonly expires_at: Date;
}

export interface NewClaims {
  readonly batchId: string;
  readonly organisationId: number;
  readonly claims: readonly { readonly id: string; readonly tokenHash: Buffer }[];
  readonly deviceType: string;
  readonly namePrefix: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export async function insertClaims(tx: WriteTx, made: NewClaims): Promise<void> {
  await sql`
    insert into device_claims (id, batch_id, organisation_id, token_hash, device_type, name_prefix, created_at, expires_at)
    select id, ${made.batchId}::uuid, ${made.organisationId}::int, token_hash, ${made.deviceType}, ${made.namePrefix},
      ${made.createdAt}::timestamptz, ${made.expiresAt}::timestamptz
    from unnest(${made.claims.map(({ id }) => id)}::uuid[],
      ${made.claims.map(({ tokenHash }) => tokenHash)}::bytea[]) as v (id, token_hash)`.execute(tx.db);
}

export async function listOpenClaims(reader: Reader, now: Date, limit: number): Promise<ClaimRecord[]> {
  const found = await sql<ClaimRecord>`
    select id, device_type, name_prefix, created_at, expires_at from device_claims
    where ended_at is null and expires_at > ${now} order by id desc limit ${limit}`.execute(reader.db);
  return found.rows;
}

export async function countOpenClaims(reader: Reader, now: Date): Promise<number> {
  const found = await sql<{ total: number }>`
    select count(*)::int as total from device_claims where ended_at is null and expires_at > ${now}`.execute(reader.db);
  return found.rows[0]?.total ?? 0;
}

export interface FoundClaim {
  readonly claim_id: string;
  readonly batch_id: string;
  readonly organisation_id: number;
  readonly organisation_public_id: string;
  readonly device_type: string;
  readonly name_prefix: string;
  readonly expires_at: Date;
}

export async function findClaim(reader: Reader, tokenHash: Buffer): Promise<FoundClaim | undefined> {
  return (await sql<FoundClaim>`select * from find_device_claim(${tokenHash})`.execute(reader.db)).rows[0];
}

/** Takes the claim out of use; false when somebody was faster or its time is over. */
export async function endClaim(tx: WriteTx, id: string, now: Date): Promise<boolean> {
  const ended = await sql`
    update device_claims set ended_at = ${now} where id = ${id} and ended_at is null and expires_at > ${now}
    returning id`.execute(tx.db);
  return ended.rows.length > 0;
}
