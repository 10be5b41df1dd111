import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { CertificateRecord } from './device-certificate.ts';

const columns = sql`id, label, serial, fingerprint, key_type, not_before, not_after, renewed_from, created_at, revoked_at,
  last_used_at`;

export interface NewCertificate {
  readonly id: string;
  readonly organisationId: number;
  readonly deviceId: string;
  readonly label: string | null;
  readonly serial: string;
  readonly fingerprint: Buffer;
  readonly keyType: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly renewedFrom: string | null;
  readonly createdAt: Date;
}

export async function insertCertificate(tx: WriteTx, one: NewCertificate): Promise<CertificateRecord> {
  const inserted = await sql<CertificateRecord>`
    insert into device_certificates (id, organisation_id, device_id, label, serial, fingerprint, key_type, not_before,
      not_after, renewed_from, created_at)
    values (${one.id}, ${one.organisationId}, ${one.deviceId}, ${one.label}, ${one.serial}, ${one.fingerprint},
      ${one.keyType}, ${one.notBefore}, ${one.notAfter}, ${one.renewedFrom}, ${one.createdAt})
    returning ${columns}`.execute(tx.db);
  const [row] = inserted.rows;
  if (!row) throw new Error('the certificate was not stored');
  return row;
}

export async function listCertificates(
  reader: Reader,
  page: { deviceId: string; limit: number },
): Promise<CertificateRecord[]> {
  const found = await sql<CertificateRecord>`
    select ${columns} from device_certificates where device_id = ${page.deviceId}
    order by created_at desc, id desc limit ${page.limit}`.execute(reader.db);
  return found.rows;
}

/** Neither revoked nor expired, oldest first. */
export async function listUsableCertificates(reader: Reader, deviceId: string, now: Date): Promise<string[]> {
  const found = await sql<{ id: string }>`
    select id from device_certificates where device_id = ${deviceId} and revoked_at is null and not_after > ${now}
    order by created_at, id`.execute(reader.db);
  return found.rows.map(({ id }) => id);
}

/** Undefined: the device has no such certificate. */
export async function findCertificate(
  reader: Reader,
  which: { deviceId: string; certificateId: string },
): Promise<CertificateRecord | undefined> {
  const found = await sql<CertificateRecord>`
    select ${columns} from device_certificates
    where id = ${which.certificateId} and device_id = ${which.deviceId}`.execute(reader.db);
  return found.rows[0];
}

/** A certificate and whatever was renewed with it, and with that. */
export async function listSuccessors(reader: Reader, certificateId: string): Promise<string[]> {
  const found = await sql<{ id: string }>`
    with recursive line (id) as (
      select ${certificateId}::uuid
      union
      select c.id from device_certificates c join line on c.renewed_from = line.id)
    select id from line`.execute(reader.db);
  return found.rows.map(({ id }) => id);
}

/** Returns those that ended by it: what was revoked or had expired before stays as it was, so that they are never many. */
export async function revokeCertificates(tx: WriteTx, ids: readonly string[], at: Date): Promise<string[]> {
  const updated = await sql<{ id: string }>`
    update device_certificates set revoked_at = ${at} where id = any (${ids}::uuid[]) and revoked_at is null and not_after > ${at}
    returning id`.execute(tx.db);
  return updated.rows.map(({ id }) => id);
}

/** What the certificate calls the organisation. */
export async function organisationPublicId(reader: Reader): Promise<string> {
  const found = await sql<{ public_id: string }>`select public_id from organisations`.execute(reader.db);
  const [row] = found.rows;
  if (!row) throw new Error('there is no organisation to issue a certificate for');
  return row.public_id;
}
