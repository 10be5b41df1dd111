import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyRing } from '../key-ring.ts';
import { replaceFile } from '../private-file.ts';
import { sealedFile } from '../sealed-file.ts';
import { createAuthority, issueServerCertificate, namesPermittedBy } from './authority.ts';
import type { Issued } from './keys.ts';
import type { ServerNames } from './names.ts';

const DAY_MS = 86_400_000;
const RENEW_SERVER_MS = 30 * DAY_MS;
const RENEW_AUTHORITY_MS = 90 * DAY_MS;

export interface OwnCertificates {
  readonly caFile: string;
  /** The server's certificate and key as they should be now; issues new ones where that is due. */
  current(now: Date): Promise<Issued & { readonly isNewAuthority: boolean }>;
}

export interface OwnNames {
  /** An authority that may not speak for one of these is replaced. */
  readonly required: ServerNames;
  /** What a certificate names if its authority permits it: a laptop's host name changes, and nobody should have to trust anew for that. */
  readonly wanted: ServerNames;
}

/** Certificates of our own local authority, kept in the data folder: certificates in clear, keys sealed. */
export function ownCertificates(dataDir: string, names: OwnNames, keyRing: KeyRing): OwnCertificates {
  const folder = join(dataDir, 'tls');
  const caFile = join(folder, 'ca.pem');
  const ca = storedPair(caFile, join(folder, 'ca.key.sealed'), keyRing);
  const server = storedPair(join(folder, 'server.pem'), join(folder, 'server.key.sealed'), keyRing);

  return {
    caFile,
    async current(now) {
      let authority = await ca.read();
      const isNewAuthority = authority === undefined || !isFitAuthority(authority, names.required, now);
      if (authority === undefined || isNewAuthority) {
        authority = await createAuthority(names.wanted, now);
        await ca.write(authority);
      }
      const permitted = namesPermittedBy(authority, names.wanted);
      const stored = await server.read();
      if (stored !== undefined && isFitServer(stored, authority, permitted, now)) return { ...stored, isNewAuthority };
      const issued = await issueServerCertificate(authority, permitted, now);
      await server.write(issued);
      return { ...issued, isNewAuthority };
    },
  };
}

function storedPair(certificateFile: string, keyFile: string, keyRing: KeyRing) {
  const key = sealedFile(keyFile, keyRing);
  return {
    async read(): Promise<Issued | undefined> {
      const certificatePem = await readFile(certificateFile, 'utf8').catch(() => undefined);
      const privateKeyPem = await key.read();
      return certificatePem === undefined || privateKeyPem === undefined
        ? undefined
        : { certificatePem, privateKeyPem };
    },
    async write(issued: Issued): Promise<void> {
      // The key first: a crash in between leaves a pair that does not match, which is noticed and replaced.
      await key.write(issued.privateKeyPem);
      replaceFile(certificateFile, issued.certificatePem, 0o644);
    },
  };
}

function isFitAuthority(of: Issued, required: ServerNames, now: Date): boolean {
  const permitted = namesPermittedBy(of, required);
  return (
    matchesKey(of) &&
    leftMs(of, now) >= RENEW_AUTHORITY_MS &&
    permitted.hosts.length === required.hosts.length &&
    permitted.addresses.length === required.addresses.length
  );
}

function isFitServer(of: Issued, authority: Issued, names: ServerNames, now: Date): boolean {
  const certificate = new X509Certificate(of.certificatePem);
  return (
    matchesKey(of) &&
    leftMs(of, now) >= RENEW_SERVER_MS &&
    certificate.verify(new X509Certificate(authority.certificatePem).publicKey) &&
    names.hosts.every((host) => certificate.checkHost(host) !== undefined) &&
    names.addresses.every((address) => certificate.checkIP(address) !== undefined)
  );
}

const leftMs = (of: Issued, now: Date): number =>
  new X509Certificate(of.certificatePem).validToDate.getTime() - now.getTime();

const matchesKey = (of: Issued): boolean =>
  new X509Certificate(of.certificatePem).checkPrivateKey(createPrivateKey(of.privateKeyPem));
