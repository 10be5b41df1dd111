import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyRing } from '../key-ring.ts';
import { sealedFile } from '../sealed-file.ts';
import { createAuthority, type Issued, issueServerCertificate } from './authority.ts';
import { nameConstraints } from './name-constraints.ts';
import type { ServerNames } from './names.ts';

const DAY_MS = 86_400_000;
const RENEW_SERVER_MS = 30 * DAY_MS;
const RENEW_AUTHORITY_MS = 90 * DAY_MS;

export interface OwnCertificates {
  readonly caFile: string;
  /** The server's certificate and key as they should be now; issues new ones where that is due. */
  current(now: Date): Promise<Issued & { readonly isNew: boolean }>;
}

/** Certificates of our own local authority, kept in the data folder: certificates in clear, keys sealed. */
export function ownCertificates(dataDir: string, names: ServerNames, keyRing: KeyRing): OwnCertificates {
  const folder = join(dataDir, 'tls');
  const caFile = join(folder, 'ca.pem');
  const ca = storedPair(caFile, join(folder, 'ca.key.sealed'), keyRing);
  const server = storedPair(join(folder, 'server.pem'), join(folder, 'server.key.sealed'), keyRing);

  return {
    caFile,
    async current(now) {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      let authority = await ca.read();
      if (!authority || !permits(authority, names) || leftMs(authority, now) < RENEW_AUTHORITY_MS) {
        authority = await createAuthority(names, now);
        await ca.write(authority);
      }
      const stored = await server.read();
      if (stored && isFit(stored, authority, names) && leftMs(stored, now) >= RENEW_SERVER_MS)
        return { ...stored, isNew: false };
      const issued = await issueServerCertificate(authority, names, now);
      await server.write(issued);
      return { ...issued, isNew: true };
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
      // The key first: a crash in between leaves a pair that does not match, which `isFit` notices.
      await key.write(issued.privateKeyPem);
      await writeFile(`${certificateFile}.new`, issued.certificatePem, { mode: 0o644 });
      await rename(`${certificateFile}.new`, certificateFile);
    },
  };
}

const leftMs = (of: Issued, now: Date): number =>
  new X509Certificate(of.certificatePem).validToDate.getTime() - now.getTime();

function isFit(of: Issued, authority: Issued, names: ServerNames): boolean {
  const certificate = new X509Certificate(of.certificatePem);
  return (
    certificate.verify(new X509Certificate(authority.certificatePem).publicKey) &&
    matchesKey(certificate, of) &&
    names.hosts.every((host) => certificate.checkHost(host) !== undefined) &&
    names.addresses.every((address) => certificate.checkIP(address) !== undefined)
  );
}

/** Whether an authority made earlier may speak for every name of now; its constraints are in its own bytes. */
function permits(authority: Issued, names: ServerNames): boolean {
  const certificate = new X509Certificate(authority.certificatePem);
  return matchesKey(certificate, authority) && certificate.raw.includes(nameConstraints(names));
}

function matchesKey(certificate: X509Certificate, of: Issued): boolean {
  return certificate.checkPrivateKey(createPrivateKey(of.privateKeyPem));
}
