import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canReach, type DatabaseUser, giveTo } from './embedded-user.ts';

/** Where the pieces of the embedded database lie. */
export interface ClusterLayout {
  /** Holds the programs and, below it, the two folders that belong to the database's user. */
  home: string;
  /** PGDATA. */
  dataFolder: string;
  socketFolder: string;
  adminPasswordFile: string;
}

export class DatabaseLocationError extends Error {
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
 */
export function layOut(
  dataDir: string,
  user: DatabaseUser | undefined,
  systemFolder = systemStateFolder(),
): ClusterLayout {
  const dataRoot = realpathSync(dataDir);
  const home = homeOf(dataRoot, user, systemFolder);
  // The database's user passes through, and may change only what lies in the two folders that are its own.
  chmodSync(home, user ? 0o711 : 0o700);
  const dataFolder = join(home, 'data');
  return {
    home,
    dataFolder,
    socketFolder: socketFolderFor(home, user),
    adminPasswordFile: join(dataRoot, 'postgres-admin.password'),
  };
}

function homeOf(dataRoot: string, user: DatabaseUser | undefined, systemFolder: string): string {
  const pointer = join(dataRoot, POINTER);
  if (existsSync(pointer)) return homeElsewhere(dataRoot, readFileSync(pointer, 'utf8').trim());
  const inside = join(dataRoot, 'postgres');
  if (existsSync(inside) || !user || canReach(dataRoot, user)) {
    if (user && !canReach(dataRoot, user)) {
      throw new DatabaseLocationError(
        `the database in ${inside} is out of reach for the account "${user.name}" it must run as: let others pass through the folders above it (chmod o+x)`,
      );
    }
    mkdirSync(inside, { recursive: true });
    return inside;
  }
  const outside = join(systemFolder, randomBytes(8).toString('hex'));
  mkdirSync(outside, { recursive: true });
  chmodSync(systemFolder, 0o711);
  // First the back reference, then the pointer: an interrupted start leaves an empty folder, never a pointer to nothing.
  writeFileSync(join(outside, BELONGS_TO), `${dataRoot}\n`, { mode: 0o600 });
  writeFileSync(pointer, `${outside}\n`, { mode: 0o600 });
  return outside;
}

function homeElsewhere(dataRoot: string, home: string): string {
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
  return home;
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
