import type { DeviceScope, Permission, Role } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

type AccountStatus = 'invited' | 'active' | 'disabled';

export interface ApiKeyRow {
  key_id: string;
  organisation_id: number;
  label: string;
  permissions: Permission[];
  networks: string[];
  expires_at: Date;
  last_used_at: Date | null;
  device_scope: DeviceScope;
  certificate_sha256: Buffer | null;
  owner_id: string;
  owner_status: AccountStatus;
  owner_role: Role;
  owner_permissions: Permission[] | null;
  owner_scope: DeviceScope;
  creator_id: string;
  creator_status: AccountStatus;
  creator_role: Role;
  creator_permissions: Permission[] | null;
  creator_scope: DeviceScope;
}

export async function findApiKey(reader: Reader, tokenHash: Buffer): Promise<ApiKeyRow | undefined> {
  return (await sql<ApiKeyRow>`select * from find_api_key(${tokenHash})`.execute(reader.db)).rows[0];
}

export async function findApiKeyById(reader: Reader, keyId: string): Promise<ApiKeyRow | undefined> {
  return (await sql<ApiKeyRow>`select * from find_api_key_by_id(${keyId})`.execute(reader.db)).rows[0];
}

export async function touchApiKey(tx: WriteTx, keyId: string, at: Date, address: string): Promise<void> {
  await sql`update api_keys set last_used_at = ${at}, last_used_address = ${address}::inet
    where id = ${keyId} and revoked_at is null`.execute(tx.db);
}
