import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { canReach, type DatabaseUser, giveTo, ownerOf } from './embedded-user.ts';

/** Where the pieces of the embedded database lie. */
export interface ClusterLayout {
  /** Holds the programs and, below it, the two folders that belong to the database's user. */
  home: string;
  /** PGDATA. */
  dataFolder: string;
  socketFolder: string;
  adminPasswordFile: string;
  /** The account the database runs as; undefined for our own. */
  user: DatabaseUser | undefined;
}

class DatabaseLocationError extends Error {
  override readonly name = 'DatabaseLocationError';
}

/** The file name of the socket, which PostgreSQL derives from the port even without TCP. */
export const EMBEDDED_PORT = 5432;
const SOCKET_NAME = `.s.PGSQL.${EMBEDDED_PORT}`;
// sockaddr_un.sun_path without its final zero. PostgreSQL refuses to start above it.
const LONGEST_SOCKET_PATH = process.platform === 'darwin' ? 103 : 107;

const POINTER = 'postgres-location';
const BELONGS_TO = 'belongs-to';

/**
 * The database lies in `<data folder>/postgres`. Only when we are root and the database's own user cannot reach the data folder
 * (a clone under a 0700 home) it lies in /var/lib/valtronics/<random>, and `postgres-location` in the data folder says so.
 * `preferredUser` is the account to run it as if there is no database yet; undefined when we are not root.
 */
export function layOut(
  dataDir: string,
  preferredUser: DatabaseUser | undefined,
  systemFolder = systemStateFolder(),
): ClusterLayout {
  const dataRoot = realpathSync(dataDir);
  const existing = existingHome(dataRoot);
  if (existing !== undefined) claimHome(dataRoot, existing);
  const home = existing ?? createHome(dataRoot, preferredUser, systemFolder);
  const dataFolder = join(home, 'data');
  const user = preferredUser && (ownerOf(dataFolder) ?? preferredUser);
  // The database's user passes through, and may change only what lies in the two folders that are its own.
  chmodSync(home, user ? 0o711 : 0o700);
  if (user && !canReach(home, user)) {
    throw new DatabaseLocationError(
      `the database in ${home} is out of reach for the account it must run as (${user.name}): let others pass through the folders above it (chmod o+x)`,
    );
  }
  return {
    home,
    dataFolder,
    socketFolder: socketFolderFor(home, user),
    adminPasswordFile: join(dataRoot, 'postgres-admin.password'),
    user,
  };
}

/** Where the database of this data folder lies, if it has one. */
export function existingHome(dataDir: string): string | undefined {
  const pointer = join(dataDir, POINTER);
  if (existsSync(pointer)) return readFileSync(pointer, 'utf8').trim();
  const inside = join(dataDir, 'postgres');
  return existsSync(inside) ? inside : undefined;
}

function createHome(dataRoot: string, user: DatabaseUser | undefined, systemFolder: string): string {
  if (!user || canReach(dataRoot, user)) {
    const inside = join(dataRoot, 'postgres');
    mkdirSync(inside);
    return inside;
  }
  const outside = join(systemFolder, randomBytes(8).toString('hex'));
  mkdirSync(outside, { recursive: true });
  chmodSync(systemFolder, 0o711);
  // First the back reference, then the pointer: an interrupted start leaves an empty folder, never a pointer to nothing.
  writeFileSync(join(outside, BELONGS_TO), `${dataRoot}\n`, { mode: 0o600 });
  writeFileSync(join(dataRoot, POINTER), `${outside}\n`, { mode: 0o600 });
  return outside;
}

function claimHome(dataRoot: string, home: string): void {
  if (home === join(dataRoot, 'postgres')) return;
  if (!existsSync(home)) {
    throw new DatabaseLocationError(
      `${join(dataRoot, POINTER)} names ${home}, which does not exist: the database is gone or not mounted`,
    );
  }
  const owner = readFileSync(join(home, BELONGS_TO), 'utf8').trim();
  if (owner !== dataRoot) {
    // A data folder that was copied points at the original's database: two servers on one database would follow.
    if (existsSync(join(owner, POINTER)) && readFileSync(join(owner, POINTER), 'utf8').trim() === home) {
      throw new DatabaseLocationError(`${dataRoot} is a copy: its database in ${home} belongs to ${owner}`);
    }
    writeFileSync(join(home, BELONGS_TO), `${dataRoot}\n`, { mode: 0o600 });
  }
}

/** Databases in the system's folder whose data folder is gone: deleting a data folder does not reach them. */
export function homesLeftBehind(home: string): string[] {
  const systemFolder = dirname(home);
  return readdirSync(systemFolder)
    .map((name) => join(systemFolder, name))
    .filter((other) => other !== home && existsSync(join(other, BELONGS_TO)))
    .filter((other) => !existsSync(join(readFileSync(join(other, BELONGS_TO), 'utf8').trim(), POINTER)));
}

function systemStateFolder(): string {
  return process.platform === 'darwin' ? '/var/db/valtronics' : '/var/lib/valtronics';
}

function socketFolderFor(home: string, user: DatabaseUser | undefined): string {
  const inside = join(home, 'socket');
  if (fits(inside)) {
    mkdirSync(inside, { recursive: true });
    makePrivate(inside, user);
    return inside;
  }
  // Too deep for a socket: a short folder with a random name under the system's temporary one, remembered for the next start.
  const remembered = join(home, 'socket-location');
  if (existsSync(remembered)) {
    const earlier = readFileSync(remembered, 'utf8').trim();
    if (isPrivate(earlier, user)) return earlier;
  }
  const base = fits(join(tmpdir(), 'valtronics-xxxxxx')) ? tmpdir() : '/tmp';
  const fresh = mkdtempSync(join(base, 'valtronics-'));
  makePrivate(fresh, user);
  writeFileSync(remembered, `${fresh}\n`, { mode: 0o600 });
  return fresh;
}

/** Removes the short socket folder, if there is one; the one inside the home stays. */
export function removeSocketFolder(layout: ClusterLayout): void {
  const remembered = join(layout.home, 'socket-location');
  if (!existsSync(remembered)) return;
  rmSync(layout.socketFolder, { recursive: true, force: true });
  rmSync(remembered, { force: true });
}

function fits(folder: string): boolean {
  return Buffer.byteLength(join(folder, SOCKET_NAME)) <= LONGEST_SOCKET_PATH;
}

function makePrivate(folder: string, user: DatabaseUser | undefined): void {
  chmodSync(folder, 0o700);
  giveTo(folder, user);
}

// The temporary folder is everyone's: what lies there under a remembered name is trusted only if it is a real folder, closed to
// others and owned by the account we would have given it to. Otherwise somebody could put a socket of their own there and be
// handed our SCRAM exchange.
function isPrivate(folder: string, user: DatabaseUser | undefined): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return !!stat?.isDirectory() && (stat.mode & 0o077) === 0 && stat.uid === (user?.uid ?? process.getuid?.());
}
