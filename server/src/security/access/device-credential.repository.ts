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
