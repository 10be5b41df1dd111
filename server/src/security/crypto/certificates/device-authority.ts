import 'reflect-metadata';
import { hash, randomBytes, type webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { DeviceKeyType, RequestedKey } from './certificate-request.ts';
import { type Issued, importSigningKey, newKeys, privatePem, signatureAlgorithm } from './keys.ts';

// The authority for devices is not the one people are asked to trust. It signs for clients only, ours signs for servers only, each under
// names of its own, so that neither can be used in the place of the other, and a device's certificate never makes a server.

const DAY_MS = 86_400_000;
/**
 * Nobody but this server relies on it, and the server lets in no certificate that is not also in its database, by fingerprint. So a stolen
 * key opens nothing, and there is no reason to make every device change its certificate because an authority has aged.
 */
const AUTHORITY_DAYS = 20 * 365;
/** Of several server processes, one's clock may be behind. */
const BACKDATE_MS = 5 * 60_000;
const CRL_NUMBER = '2.5.29.20';

export interface DeviceSubject {
  readonly deviceId: string;
  /** The organisation's public id: for people who read the certificate. What counts is the row in the database. */
  readonly organisation: string;
}

export interface IssuedDeviceCertificate {
  readonly pem: string;
  readonly serial: string;
  readonly fingerprint: Buffer;
  readonly keyType: DeviceKeyType;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface RevokedSerial {
  readonly serial: string;
  readonly revokedAt: Date;
}

export interface DeviceAuthority {
  readonly certificatePem: string;
  readonly fingerprintSha256: string;
  readonly notAfter: Date;
  /** Lives `validDays` from a few minutes ago. */
  issue(
    subject: DeviceSubject,
    key: RequestedKey,
    terms: { readonly now: Date; readonly validDays: number; readonly crlUrl: string },
  ): Promise<IssuedDeviceCertificate>;
  /** A list of revoked certificates (RFC 5280, 5), DER. */
  revocationList(revoked: readonly RevokedSerial[], from: Date, until: Date): Promise<Buffer>;
}

export async function createDeviceAuthority(now: Date): Promise<Issued> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=Valtronics device authority ${randomBytes(3).toString('hex')}`,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_DAYS * DAY_MS),
    signingAlgorithm: signatureAlgorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem: await privatePem(keys.privateKey) };
}

export async function openDeviceAuthority({ certificatePem, privateKeyPem }: Issued): Promise<DeviceAuthority> {
  const issuer = new x509.X509Certificate(certificatePem);
  const signingKey = await importSigningKey(privateKeyPem);
  const issuedBy = await x509.AuthorityKeyIdentifierExtension.create(issuer);
  return {
    certificatePem,
    fingerprintSha256: fingerprintOf(issuer).toString('hex'),
    notAfter: issuer.notAfter,

    async issue({ deviceId, organisation }, { publicKey, keyType }, { now, validDays, crlUrl }) {
      const notBefore = wholeSecond(now.getTime() - BACKDATE_MS);
      const notAfter = new Date(notBefore.getTime() + validDays * DAY_MS);
      const serial = newSerial();
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial,
        // Ids of ours: nothing in them needs escaping.
        subject: `CN=${deviceId},O=${organisation}`,
        issuer: issuer.subject,
        notBefore,
        notAfter,
        signingAlgorithm: signatureAlgorithm,
        publicKey,
        signingKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
          new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `urn:uuid:${deviceId}` }]),
          new x509.CRLDistributionPointsExtension([crlUrl]),
          await x509.SubjectKeyIdentifierExtension.create(publicKey),
          issuedBy,
        ],
      });
      const pem = `${certificate.toString('pem')}\n`;
      return { pem, serial, fingerprint: fingerprintOf(certificate), keyType, notBefore, notAfter };
    },

    async revocationList(revoked, from, until) {
      const list = await x509.X509CrlGenerator.create({
        issuer: issuer.subject,
        thisUpdate: from,
        nextUpdate: until,
        entries: revoked.map(({ serial, revokedAt }) => ({ serialNumber: serial, revocationDate: revokedAt })),
        extensions: [issuedBy, new x509.Extension(CRL_NUMBER, false, derInteger(from.getTime()))],
        signingAlgorithm: signatureAlgorithm,
        signingKey,
      });
      return Buffer.from(list.rawData);
    },
  };
}

/** A key of our making, for a device that cannot make one. */
export async function newDeviceKey(): Promise<{ key: RequestedKey; privateKeyPem: string }> {
  const keys: webcrypto.CryptoKeyPair = await newKeys();
  const publicKey = await x509.PublicKey.create(keys.publicKey);
  return { key: { publicKey, keyType: 'P-256' }, privateKeyPem: await privatePem(keys.privateKey) };
}

const fingerprintOf = (certificate: x509.X509Certificate): Buffer =>
  hash('sha256', Buffer.from(certificate.rawData), 'buffer');

/** 128 random bits behind a byte that keeps the number positive and its length fixed (RFC 5280, 4.1.2.2: at most 20). */
const newSerial = (): string => `01${randomBytes(16).toString('hex')}`;

/** Certificates know seconds only. */
const wholeSecond = (milliseconds: number): Date => new Date(Math.floor(milliseconds / 1000) * 1000);

/** Grows with time, as a CRL number must (RFC 5280, 5.2.3), for every server process alike. */
function derInteger(value: number): Uint8Array<ArrayBuffer> {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  // In DER a first bit that is set makes a number negative, and a byte of zeros may stand there for no other reason.
  const content = (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]);
  return new Uint8Array([0x02, content.length, ...content]);
}
