import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

export interface DeviceAuthorityRow {
  id: string;
  certificate_pem: string;
  private_sealed: Buffer;
}

export async function findActiveAuthority(reader: Reader): Promise<DeviceAuthorityRow | undefined> {
  const found = await sql<DeviceAuthorityRow>`
    select id, certificate_pem, private_sealed from device_authorities where status = 'active'`.execute(reader.db);
  return found.rows[0];
}

/** Returns false when another server was first: there is one active authority (unique index). */
export async function insertActiveAuthority(
  tx: WriteTx,
  authority: { id: string; certificatePem: string; privateSealed: Buffer },
): Promise<boolean> {
  const inserted = await sql`
    insert into device_authorities (id, certificate_pem, private_sealed, status)
    values (${authority.id}, ${authority.certificatePem}, ${authority.privateSealed}, 'active')
    on conflict do nothing returning id`.execute(tx.db);
  return inserted.rows.length > 0;
}
