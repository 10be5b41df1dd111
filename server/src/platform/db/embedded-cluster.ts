import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterLayout } from './embedded-layout.ts';
import { asConfigurationFile, type Settings, tuning } from './embedded-settings.ts';
import { giveTo } from './embedded-user.ts';
import { scramVerifier } from './scram-verifier.ts';

export const ADMIN_ROLE = 'valtronics_admin';
const EMBEDDED_MAJOR_VERSION = '18';

const WORKSHOP = 'being-created-';
const SET_PASSWORD_TIMEOUT_MS = 120_000;
const INITDB_TIMEOUT_MS = 120_000;

class EmbeddedClusterError extends Error {
  override readonly name = 'EmbeddedClusterError';
}

export function clusterNameOf(dataFolder: string): string {
  return `valtronics-${createHash('sha256').update(dataFolder).digest('hex').slice(0, 12)}`;
}

/** Creates PGDATA if there is none, writes its configuration, and returns the administrator's password. */
export async function prepareCluster(
  layout: ClusterLayout,
  programs: string,
  overrides: Settings = {},
): Promise<string> {
  if (!existsSync(layout.dataFolder)) {
    // Killed between two renamings, a restore left it there: an empty one in its place would look like a loss.
    if (existsSync(asideOf(layout)))
      throw new EmbeddedClusterError(
        `${layout.dataFolder} is missing, and what it was before a restore lies in ${asideOf(layout)}: rename that back`,
      );
    await create(layout, programs);
  }
  checkVersion(layout.dataFolder);
  writeConfiguration(layout, overrides);
  return readAdminPassword(layout);
}

/** Where what a restore replaces is kept until the next one. */
export const asideOf = ({ dataFolder }: ClusterLayout): string => `${dataFolder}-before-restore`;

function readAdminPassword(layout: ClusterLayout): string {
  if (!existsSync(layout.adminPasswordFile)) {
    throw new EmbeddedClusterError(
      `${layout.adminPasswordFile} is missing: without it nobody can open the database in ${layout.dataFolder}`,
    );
  }
  chmodSync(layout.adminPasswordFile, 0o600);
  return readFileSync(layout.adminPasswordFile, 'utf8').trim();
}

// Built under another name and renamed when complete, so a start that was killed leaves no half of a cluster behind.
async function create(layout: ClusterLayout, programs: string): Promise<void> {
  const { user } = layout;
  // A name of its own each time: an initdb that outlived the server that started it may still be writing into an earlier one.
  for (const name of readdirSync(layout.home)) {
    if (name.startsWith(WORKSHOP)) rmSync(join(layout.home, name), { recursive: true, force: true });
  }
  const workshop = mkdtempSync(join(layout.home, WORKSHOP));
  const password = randomBytes(32).toString('base64url');
  const passwordFile = join(workshop, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  giveTo(passwordFile, user);
  // Only now, so that its account cannot have put something under the name of the password file.
  giveTo(workshop, user);
  const draft = join(workshop, 'data');
  try {
    await promisify(execFile)(
      join(programs, 'initdb'),
      [
        ...['-D', draft, '-U', ADMIN_ROLE, '--pwfile', passwordFile, '--auth', 'scram-sha-256', '--data-checksums'],
        // The same order and the same upper and lower case on every machine: an index never breaks with a new libc or ICU.
        ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
        ...['--text-search-config', 'simple'],
      ],
      {
        cwd: workshop,
        env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
        timeout: INITDB_TIMEOUT_MS,
        ...(user && { uid: user.uid, gid: user.gid }),
      },
    );
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new EmbeddedClusterError(
      `could not create the database in ${layout.dataFolder}: ${lastLine(stderr) ?? String(error)}`,
      {
        cause: error,
      },
    );
  }
  // The password first: a cluster whose password is lost is lost.
  writeDurably(layout.adminPasswordFile, `${password}\n`);
  renameSync(draft, layout.dataFolder);
  if (!lstatSync(layout.dataFolder).isDirectory()) {
    throw new EmbeddedClusterError(`${layout.dataFolder} is not the folder that initdb made`);
  }
  syncFolder(layout.home);
  rmSync(workshop, { recursive: true, force: true });
}

/**
 * A data folder that came from elsewhere knows another password than ours, or than this machine has any. PostgreSQL alone at its files, with no
 * door at all, is told ours; made and kept first, if there is none.
 */
export async function takeOver(layout: ClusterLayout, programs: string): Promise<string> {
  checkVersion(layout.dataFolder);
  if (!existsSync(layout.adminPasswordFile))
    writeDurably(layout.adminPasswordFile, `${randomBytes(32).toString('base64url')}\n`);
  const password = readAdminPassword(layout);
  const working = promisify(execFile)(
    join(programs, 'postgres'),
    ['--single', '-D', layout.dataFolder, '-c', 'log_statement=none', 'postgres'],
    {
      cwd: layout.dataFolder,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      timeout: SET_PASSWORD_TIMEOUT_MS,
      ...(layout.user && { uid: layout.user.uid, gid: layout.user.gid }),
    },
  );
  working.child.stdin?.on('error', () => {}); // it ended before it read, and says why
  working.child.stdin?.end(`alter role ${ADMIN_ROLE} login superuser password '${await scramVerifier(password)}'\n`);
  try {
    await working;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new EmbeddedClusterError(
      `the database in ${layout.dataFolder} could not be taken over: ${stderr?.trim().slice(-500) ?? String(error)}`,
      { cause: error },
    );
  }
  return password;
}

function checkVersion(dataFolder: string): void {
  const version = readFileSync(join(dataFolder, 'PG_VERSION'), 'utf8').trim();
  if (version !== EMBEDDED_MAJOR_VERSION) {
    throw new EmbeddedClusterError(
      `the database in ${dataFolder} was made by PostgreSQL ${version}, this release brings ${EMBEDDED_MAJOR_VERSION}: restore a backup into a new data folder`,
    );
  }
}

export function writeConfiguration(layout: ClusterLayout, overrides: Settings = {}): void {
  const settings = { ...tuning(clusterNameOf(layout.dataFolder)), ...overrides };
  write(layout, 'postgresql.conf', asConfigurationFile(settings));
  // The only way in: the private socket, with a password. No "trust", no "peer", no network.
  write(layout, 'pg_hba.conf', 'local all all scram-sha-256\n');
  write(layout, 'pg_ident.conf', '');
}

function write(layout: ClusterLayout, name: string, content: string): void {
  const path = join(layout.dataFolder, name);
  // Left alone when nothing changes, so that a start on a full disk does not lose what it needs.
  if (isOurFile(path, content)) return;
  // The folder is the database user's own: a link it planted there must not make us, who may be root, write elsewhere.
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
  giveTo(draft, layout.user);
  renameSync(draft, path);
}

function isOurFile(path: string, content: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path, 'utf8') === content;
}

function writeDurably(path: string, content: string): void {
  const draft = `${path}.new`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
  syncFolder(dirname(path));
}

export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function lastLine(text: string | undefined): string | undefined {
  return text
    ?.trim()
    .split('\n')
    .findLast((line) => line.includes('error'))
    ?.slice(0, 500);
}
