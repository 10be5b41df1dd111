import { sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';

export interface DeviceCredentialRow {
  credential_id: string;
  device_id: string;
  organisation_id: number;
  device_type: string;
  expires_at: Date | null;
}

export async function findDeviceCredential(
  reader: Reader,
  tokenHash: Buffer,
): Promise<DeviceCredentialRow | undefined> {
  const found = await sql<DeviceCredentialRow>`select * from find_device_credential(${tokenHash})`.execute(reader.db);
  return found.rows[0];
}

/** By the SHA-256 of the whole certificate: what differs from the one we made in a single bit is not it. */
export async function findDeviceCertificate(
  reader: Reader,
  fingerprint: Buffer,
): Promise<DeviceCredentialRow | undefined> {
  const found = await sql<DeviceCredentialRow>`select * from find_device_certificate(${fingerprint})`.execute(
    reader.db,
  );
  return found.rows[0];
}

/** Whether a token or certificate that was good is still: for connections that outlive their authentication. */
export async function isCredentialUsable(reader: Reader, credentialId: string, now: Date): Promise<boolean> {
  const found = await sql`
    select 1 from device_credentials
    where id = ${credentialId} and revoked_at is null and (expires_at is null or expires_at > ${now})
    union all
    select 1 from device_certificates where id = ${credentialId} and revoked_at is null and not_after > ${now}`.execute(
    reader.db,
  );
  return found.rows.length > 0;
}
