// The certificate library registers its algorithms through reflection and wants this loaded first.
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { type Issued, importSigningKey, newKeys, privatePem, signatureAlgorithm } from './keys.ts';
import { nameConstraints, permittedNames } from './name-constraints.ts';
import type { ServerNames } from './names.ts';

const DAY_MS = 86_400_000;
/**
 * A new authority means that every browser and device has to be told to trust it, by hand; done often, people learn to click warnings away.
 * So it lives long, and what a stolen key could do is limited instead: this server's own names, and servers only.
 */
const AUTHORITY_DAYS = 5 * 365;
/** The CA/Browser Forum's direction, and what a missed renewal can cost. */
const SERVER_DAYS = 89;
const NAME_CONSTRAINTS = '2.5.29.30';
/** Clocks of clients differ. */
const BACKDATE_MS = 60 * 60_000;

/** A local certificate authority that can sign for these names only. */
export async function createAuthority(names: ServerNames, now: Date): Promise<Issued> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=Valtronics local authority ${randomBytes(3).toString('hex')}`,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_DAYS * DAY_MS),
    signingAlgorithm: signatureAlgorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.Extension(NAME_CONSTRAINTS, true, nameConstraints(names)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem: await privatePem(keys.privateKey) };
}

/** A certificate for the server, signed by the authority, with a key of its own. */
export async function issueServerCertificate(authority: Issued, names: ServerNames, now: Date): Promise<Issued> {
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const signingKey = await importSigningKey(authority.privateKeyPem);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: 'CN=Valtronics server',
    issuer: issuer.subject,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + SERVER_DAYS * DAY_MS),
    signingAlgorithm: signatureAlgorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.hosts.map((value) => ({ type: 'dns' as const, value })),
        ...names.addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem: await privatePem(keys.privateKey) };
}

/** Of these names, those that the authority may speak for; its constraints are in its own bytes. */
export function namesPermittedBy(authority: Issued, names: ServerNames): ServerNames {
  const constraints = new x509.X509Certificate(authority.certificatePem).getExtension(NAME_CONSTRAINTS);
  return permittedNames(Buffer.from(constraints?.value ?? new ArrayBuffer(0)), names);
}

/** Positive and 127 bits: some verifiers refuse a serial number whose first bit is set. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
