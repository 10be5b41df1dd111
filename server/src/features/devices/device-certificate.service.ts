import { type DeviceCertificate, maxCertificateDays } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import { isCredentialUsable } from '../../security/access/device-credential.repository.ts';
import type { DevicePrincipal } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import {
  CertificateRequestError,
  type RequestedKey,
  readCertificateRequest,
} from '../../security/crypto/certificates/certificate-request.ts';
import {
  type DeviceAuthority,
  type DeviceSubject,
  type IssuedDeviceCertificate,
  newDeviceKey,
} from '../../security/crypto/certificates/device-authority.ts';
import type { DeviceService } from './device.service.ts';
import {
  findCertificate,
  insertCertificate,
  listCertificates,
  listSuccessors,
  listUsableCertificates,
  organisationPublicId,
  revokeCertificates,
} from './device-certificate.repository.ts';
import { presentCertificate } from './device-certificate.ts';

/** Enough to rotate with overlap; more would be keys that nobody knows any longer. */
const MAX_USABLE = 20;
const MAX_LISTED = 1000;

/** The database as the caller's request has it. */
interface Access {
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>;
  write<T>(work: (tx: AuditedTx) => Promise<T>): Promise<T>;
}

export interface HandedOut {
  readonly certificate: DeviceCertificate;
  readonly pem: string;
  readonly chainPem: string;
}

export type DeviceCertificateService = ReturnType<typeof createDeviceCertificateService>;

export function createDeviceCertificateService(deps: {
  devices: DeviceService;
  authority: DeviceAuthority;
  crlUrl: string;
  clock: Clock;
}) {
  const { devices, authority, crlUrl, clock } = deps;

  /** Outside any transaction: nobody waits for a row while we compute. */
  const sign = (subject: DeviceSubject, key: RequestedKey, validDays = maxCertificateDays) =>
    authority.issue(subject, key, { now: clock.date(), validDays, crlUrl });

  async function store(
    tx: AuditedTx,
    issued: IssuedDeviceCertificate,
    of: { organisationId: number; deviceId: string; label?: string | undefined; renewedFrom?: string | undefined },
  ): Promise<HandedOut> {
    const row = await insertCertificate(tx, {
      ...issued,
      id: newId(),
      organisationId: of.organisationId,
      deviceId: of.deviceId,
      label: of.label || null,
      renewedFrom: of.renewedFrom ?? null,
      createdAt: clock.date(),
    });
    return { certificate: presentCertificate(row), pem: issued.pem, chainPem: authority.certificatePem };
  }

  return {
    sign,
    store,

    async list(reader: Reader, deviceId: string): Promise<{ items: DeviceCertificate[]; nextCursor: null }> {
      await devices.assertThere(reader, deviceId);
      const rows = await listCertificates(reader, { deviceId, limit: MAX_LISTED });
      return { items: rows.map(presentCertificate), nextCursor: null };
    },

    async issue(
      { read, write }: Access,
      deviceId: string,
      input: { csr?: string | undefined; label?: string | undefined; validDays?: number | undefined },
    ): Promise<HandedOut & { privateKeyPem?: string }> {
      const organisation = await read(async (reader) => {
        await devices.assertThere(reader, deviceId);
        return organisationPublicId(reader);
      });
      const { key, ...made } = input.csr === undefined ? await newDeviceKey() : { key: await requestedKey(input.csr) };
      const issued = await sign({ deviceId, organisation }, key, input.validDays);
      return write(async (tx) => {
        const device = await devices.lock(tx, deviceId);
        if ((await listUsableCertificates(tx, deviceId, clock.date())).length >= MAX_USABLE)
          throw new Problem('conflict', { detail: `A device has at most ${MAX_USABLE} certificates; revoke some.` });
        const handedOut = await store(tx, issued, {
          organisationId: device.organisation_id,
          deviceId,
          label: input.label,
        });
        tx.describe({
          resource: { kind: 'device', id: deviceId },
          details: { ...told(handedOut), keyMadeHere: input.csr === undefined },
        });
        return { ...handedOut, ...made };
      });
    },

    /**
     * A device renews by itself for years, so it never runs into the bound: its oldest certificates make room, but never the one it
     * came with. Also returns those.
     */
    async renew(
      { read, write }: Access,
      { deviceId, organisationId, credentialId }: DevicePrincipal,
      csr: string,
    ): Promise<HandedOut & { ended: string[] }> {
      const organisation = await read(organisationPublicId);
      const issued = await sign({ deviceId, organisation }, await requestedKey(csr));
      return write(async (tx) => {
        await devices.lock(tx, deviceId);
        const now = clock.date();
        // Asked again under the lock that a revocation takes too: what was revoked meanwhile leaves no heir.
        if (!(await isCredentialUsable(tx, credentialId, now))) throw new Problem('not_authenticated');
        const usable = await listUsableCertificates(tx, deviceId, now);
        const surplus = Math.max(0, usable.length + 1 - MAX_USABLE);
        const makeRoom = usable.filter((id) => id !== credentialId).slice(0, surplus);
        const ended = await revokeCertificates(tx, makeRoom, now);
        const renewedFrom = usable.includes(credentialId) ? credentialId : undefined;
        const handedOut = await store(tx, issued, { organisationId, deviceId, renewedFrom });
        tx.describe({
          resource: { kind: 'device', id: deviceId },
          details: { ...told(handedOut), provenWith: credentialId, ended },
        });
        return { ...handedOut, ended };
      });
    },

    /** Returns what ended by it. */
    async revoke(
      tx: AuditedTx,
      which: { deviceId: string; certificateId: string },
      successors: 'keep' | 'revoke',
    ): Promise<string[]> {
      await devices.lock(tx, which.deviceId);
      if (!(await findCertificate(tx, which))) throw notFound();
      const ids = successors === 'revoke' ? await listSuccessors(tx, which.certificateId) : [which.certificateId];
      const revoked = await revokeCertificates(tx, ids, clock.date());
      tx.describe({
        resource: { kind: 'device', id: which.deviceId },
        details: { certificateId: which.certificateId, successors, revoked },
      });
      return revoked;
    },
  };
}

/** The key a request asks a certificate for, or a problem that names the field. */
export async function requestedKey(csr: string): Promise<RequestedKey> {
  try {
    return await readCertificateRequest(csr);
  } catch (error) {
    if (error instanceof CertificateRequestError) throw invalidField('csr', error.message);
    throw error;
  }
}

/** What the audit log keeps of a certificate. */
export const told = ({ certificate }: HandedOut) => ({
  certificateId: certificate.id,
  serial: certificate.serial,
  fingerprintSha256: certificate.fingerprintSha256,
  keyType: certificate.keyType,
  notAfter: certificate.notAfter,
});
