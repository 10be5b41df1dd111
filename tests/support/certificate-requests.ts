import { execFileSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as Crypto);

export interface KeyAndRequest {
  readonly csr: string;
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** As a device makes it: a key of P-256 and a request signed with it. */
export async function aCertificateRequest(): Promise<KeyAndRequest> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=a device',
    keys,
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { csr: csr.toString('pem'), key: x509.PemConverter.encode(der, 'PRIVATE KEY') };
}

/** As a device maker's script makes it; `newKey` is what follows `-newkey`. */
export function opensslRequest(newKey: readonly string[], more: readonly string[] = []): KeyAndRequest {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-csr-'));
  try {
    const [csr, key] = [join(folder, 'device.csr'), join(folder, 'device.key')];
    const subject = more.includes('-subj') ? [] : ['-subj', '/CN=a device'];
    execFileSync(
      'openssl',
      ['req', '-new', '-newkey', ...newKey, '-nodes', '-keyout', key, '-out', csr, ...subject, ...more],
      {
        stdio: 'pipe',
      },
    );
    return { csr: readFileSync(csr, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
