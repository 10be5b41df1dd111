import type { DeviceCertificate } from '@valtronics/contract';

export interface CertificateRecord {
  readonly id: string;
  readonly label: string | null;
  readonly serial: string;
  readonly fingerprint: Buffer;
  readonly key_type: DeviceCertificate['keyType'];
  readonly not_before: Date;
  readonly not_after: Date;
  readonly renewed_from: string | null;
  readonly created_at: Date;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
}

export function presentCertificate(row: CertificateRecord): DeviceCertificate {
  return {
    id: row.id,
    label: row.label,
    serial: row.serial,
    fingerprintSha256: row.fingerprint.toString('hex'),
    keyType: row.key_type,
    notBefore: row.not_before.toISOString(),
    notAfter: row.not_after.toISOString(),
    renewedFrom: row.renewed_from,
    createdAt: row.created_at.toISOString(),
    revokedAt: row.revoked_at?.toISOString() ?? null,
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
  };
}
