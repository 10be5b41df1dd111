import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const SOCKET = 'valtronics.sock';
const POINTER = 'socket-location';
// sockaddr_un.sun_path without its final zero.
const LONGEST_PATH = process.platform === 'darwin' ? 103 : 107;

export class ControlSocketError extends Error {
  override readonly name = 'ControlSocketError';
}

/**
 * `<data folder>/run/valtronics.sock`, in a folder closed to everybody else. Where that path is too long for a socket it lies in a
 * short folder of its own, which `run/socket-location` names.
 */
export function makeSocketPlace(dataDir: string): string {
  const folder = join(realpathSync(dataDir), 'run');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const inside = join(folder, SOCKET);
  if (fits(inside)) return inside;
  const remembered = socketPlace(dataDir);
  if (remembered !== undefined) return remembered;
  const base = fits(join(tmpdir(), 'valtronics-xxxxxx', SOCKET)) ? tmpdir() : '/tmp';
  const short = mkdtempSync(join(base, 'valtronics-'));
  writeFileSync(join(folder, POINTER), `${short}\n`, { mode: 0o600 });
  return join(short, SOCKET);
}

/** Where the socket of this data folder's server would be; undefined when none was ever made. */
export function socketPlace(dataDir: string): string | undefined {
  const root = realPath(dataDir);
  if (root === undefined) return undefined;
  const folder = join(root, 'run');
  const inside = join(folder, SOCKET);
  if (fits(inside)) return inside;
  const short = read(join(folder, POINTER));
  return short !== undefined && isPrivate(short, folder) ? join(short, SOCKET) : undefined;
}

/** Removes the short folder, if there is one. */
export function forgetSocketPlace(dataDir: string, socket: string): void {
  const folder = join(realpathSync(dataDir), 'run');
  if (dirname(socket) === folder) return;
  rmSync(dirname(socket), { recursive: true, force: true });
  rmSync(join(folder, POINTER), { force: true });
}

const fits = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_PATH;

// The temporary folder is everyone's: what lies there under a remembered name is trusted only if it is a real folder, closed to others
// and of the same owner as ours. Otherwise somebody could put a socket of their own there and be told the password of a new account.
function isPrivate(folder: string, run: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return !!stat?.isDirectory() && (stat.mode & 0o077) === 0 && stat.uid === lstatSync(run).uid;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
