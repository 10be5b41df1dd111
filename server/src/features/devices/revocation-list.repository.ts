import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

// Across organisations, with the maintenance role: one authority signs one list.

/**
 * Revoked and not yet expired; kept a day longer, since a certificate must have been on a list at least once after it expired (RFC 5280,
 * 3.3). Without a limit: a list that leaves one out says that it is good. Lifetimes of 90 days bound it.
 */
export async function listRevocations(reader: Reader, now: Date): Promise<{ serial: string; revoked_at: Date }[]> {
  const found = await sql<{ serial: string; revoked_at: Date }>`
    select serial, revoked_at from device_certificate_revocations
    where not_after > ${now}::timestamptz - interval '1 day' order by revoked_at, serial`.execute(reader.db);
  return found.rows;
}

/** Removes certificates a year after their end, claims a month after theirs, and what the list no longer says. Returns how many rows went. */
export async function removeOldCertificates(tx: WriteTx, now: Date, limit: number): Promise<number> {
  const certificates = await sql`
    delete from device_certificates where id in (
      select id from device_certificates where not_after < ${now}::timestamptz - interval '1 year' limit ${limit})
    returning id`.execute(tx.db);
  const claims = await sql`
    delete from device_claims where id in (
      select id from device_claims where expires_at < ${now}::timestamptz - interval '30 days' limit ${limit})
    returning id`.execute(tx.db);
  const revocations = await sql`
    delete from device_certificate_revocations where serial in (
      select serial from device_certificate_revocations where not_after < ${now}::timestamptz - interval '7 days'
      limit ${limit})
    returning serial`.execute(tx.db);
  return Math.max(certificates.rows.length, claims.rows.length, revocations.rows.length);
}
