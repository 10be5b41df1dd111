import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { CredentialRecord } from './device.ts';

const columns = sql`id, label, created_at, expires_at, revoked_at, last_used_at`;

export interface NewCredential {
  readonly id: string;
  readonly organisationId: number;
  readonly deviceId: string;
  readonly label: string | null;
  readonly tokenHash: Buffer;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

export async function insertCredential(tx: WriteTx, credential: NewCredential): Promise<void> {
  await sql`
    insert into device_credentials (id, organisation_id, device_id, label, token_hash, created_at, expires_at)
    values (${credential.id}, ${credential.organisationId}, ${credential.deviceId}, ${credential.label},
      ${credential.tokenHash}, ${credential.createdAt}, ${credential.expiresAt})`.execute(tx.db);
}

export async function countUsableCredentials(reader: Reader, deviceId: string, now: Date): Promise<number> {
  const found = await sql<{ total: number }>`
    select count(*)::int as total from device_credentials
    where device_id = ${deviceId} and revoked_at is null and (expires_at is null or expires_at > ${now})`.execute(
    reader.db,
  );
  return found.rows[0]?.total ?? 0;
}

export async function listCredentials(
  reader: Reader,
  page: { deviceId: string; limit: number },
): Promise<CredentialRecord[]> {
  const found = await sql<CredentialRecord>`
    select ${columns} from device_credentials where device_id = ${page.deviceId}
    order by id desc limit ${page.limit}`.execute(reader.db);
  return found.rows;
}

/** Ends the older credentials at the given time at the latest. Returns those whose end moved. */
export async function expireOthers(
  tx: WriteTx,
  which: { deviceId: string; exceptId: string; at: Date },
): Promise<string[]> {
  const updated = await sql<{ id: string }>`
    update device_credentials set expires_at = ${which.at}
    where device_id = ${which.deviceId} and id <> ${which.exceptId} and revoked_at is null
      and (expires_at is null or expires_at > ${which.at})
    returning id`.execute(tx.db);
  return updated.rows.map(({ id }) => id);
}

export async function revokeCredential(
  tx: WriteTx,
  which: { deviceId: string; credentialId: string; at: Date },
): Promise<'revoked' | 'already revoked' | 'unknown'> {
  const found = await sql<{ revoked_at: Date | null }>`
    select revoked_at from device_credentials
    where id = ${which.credentialId} and device_id = ${which.deviceId} for update`.execute(tx.db);
  const [credential] = found.rows;
  if (!credential) return 'unknown';
  if (credential.revoked_at) return 'already revoked';
  await sql`update device_credentials set revoked_at = ${which.at} where id = ${which.credentialId}`.execute(tx.db);
  return 'revoked';
}
