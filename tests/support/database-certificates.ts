import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CertificateAuthority {
  /** PEM. */
  certificate: string;
  issue(names: string[]): { certificate: string; key: string };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A CA for one test, and certificates of it for servers, by the openssl program (which Debian's PostgreSQL depends on). */
export function aCertificateAuthority(name: string): CertificateAuthority {
  const caCertificate = inFolder((folder) => {
    openssl(folder, [
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '1',
      '-subj',
      `/CN=${name}`,
    ]);
    return { certificate: read(folder, 'ca.pem'), key: read(folder, 'ca.key') };
  });
  return {
    certificate: caCertificate.certificate,
    issue: (names) =>
      inFolder((folder) => {
        writeFileSync(join(folder, 'ca.pem'), caCertificate.certificate);
        writeFileSync(join(folder, 'ca.key'), caCertificate.key, { mode: 0o600 });
        const alternatives = names.map((value) => `${isIP(value) ? 'IP' : 'DNS'}:${value}`).join(',');
        openssl(folder, [
          ...['req', '-x509', ...NEW_KEY, '-keyout', 'server.key', '-out', 'server.pem', '-days', '1'],
          ...['-CA', 'ca.pem', '-CAkey', 'ca.key', '-subj', '/CN=a database'],
          ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', `subjectAltName=${alternatives}`],
        ]);
        return { certificate: read(folder, 'server.pem'), key: read(folder, 'server.key') };
      }),
  };
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-certificates-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openssl(folder: string, args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore', timeout: 20_000 });
}

function read(folder: string, name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}
