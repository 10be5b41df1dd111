import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretFinding } from './secret-finding.ts';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
/** Of root, whose data folder the account of the embedded database passes through without being able to list it. */
const MAY_PASS = 0o011;
const MOST_FILES = 100_000;
const MOST_BYTES = 256 * 1024;
/** The embedded database guards its own folder and does not start where others may enter. */
const OF_THE_DATABASE = 'postgres';

const modeText = (mode: number): string => (mode & 0o777).toString(8).padStart(3, '0');

/** A file that holds a secret, wherever it lies: nobody else may read or write it. */
export function fileFindings(file: string, what: string): SecretFinding[] {
  const status = statOf(file);
  if (status === undefined) return [];
  const findings: SecretFinding[] = [];
  const forbidden = holdsCertificatesOnly(file, status.size) ? OTHERS_WRITE : OTHERS;
  if ((status.mode & forbidden) !== 0)
    findings.push({
      kind: 'file_open',
      where: file,
      problem: `${what} can be reached by others (mode ${modeText(status.mode)})`,
      remedy: `chmod 600 ${file}; renew what it holds if somebody may have seen it`,
    });
  const uid = process.getuid?.();
  if (uid !== undefined && uid !== 0 && status.uid !== uid)
    findings.push({
      kind: 'file_owner',
      where: file,
      problem: `${what} belongs to another account, which can change it`,
      remedy: `chown it to the account that runs the server`,
    });
  return findings;
}

/** Those are for everybody to read, and nobody else to write. */
function holdsCertificatesOnly(file: string, size: number): boolean {
  if (!/\.(?:pem|crt)$/.test(file) || size > MOST_BYTES) return false;
  const labels = readFileSync(file, 'latin1').match(/^-----BEGIN [A-Z ]+-----$/gm) ?? [];
  return labels.length > 0 && labels.every((label) => label === '-----BEGIN CERTIFICATE-----');
}

/** Everything in the data folder holds a secret, or tells something about one. */
export function folderFindings(dataDir: string): SecretFinding[] {
  const status = statOf(dataDir);
  if (status === undefined) return [];
  const others = status.mode & OTHERS;
  const allowed = status.uid === 0 ? MAY_PASS : 0;
  const findings: SecretFinding[] =
    (others & ~allowed) === 0
      ? []
      : [
          {
            kind: 'folder_open',
            where: dataDir,
            problem: `the data folder is open to others (mode ${modeText(status.mode)})`,
            remedy: `chmod 700 ${dataDir}`,
          },
        ];
  let seen = 0;
  const open = [dataDir];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !(folder === dataDir && entry.name === OF_THE_DATABASE)) open.push(path);
      if (!entry.isFile()) continue;
      seen += 1;
      if (seen > MOST_FILES) throw new RangeError(`${dataDir} holds more than ${MOST_FILES} files of ours`);
      findings.push(...fileFindings(path, 'a file of the data folder'));
    }
  }
  return findings;
}

/** A link is what it leads to. What is not there is for the start to complain of. */
function statOf(path: string) {
  try {
    return lstatSync(path).isSymbolicLink() ? statSync(path) : lstatSync(path);
  } catch {
    return undefined;
  }
}
