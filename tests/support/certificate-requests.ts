import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KeyAndRequest {
  readonly csr: string;
  readonly key: string;
}

const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** A key and a request signed with it, as a device maker's script makes them; `newKey` is what follows `-newkey`. */
export function aCertificateRequest(newKey: readonly string[] = P256, more: readonly string[] = []): KeyAndRequest {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-csr-'));
  try {
    const [csr, key] = [join(folder, 'device.csr'), join(folder, 'device.key')];
    const subject = more.includes('-subj') ? [] : ['-subj', '/CN=a device'];
    const files = ['-nodes', '-keyout', key, '-out', csr];
    execFileSync('openssl', ['req', '-new', '-newkey', ...newKey, ...files, ...subject, ...more], { stdio: 'pipe' });
    return { csr: readFileSync(csr, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
