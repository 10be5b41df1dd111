import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processStart } from './process-table.ts';

export class DataFolderInUseError extends Error {
  override readonly name = 'DataFolderInUseError';
}

export interface FolderLock {
  release(): void;
}

interface Holder {
  pid: number;
  start: string;
  place: string;
}

const LOCK_FILE = 'server.lock';
const HEARTBEAT_MS = 2_000;
const SILENT_AFTER_MS = 10_000;
const ATTEMPTS = 20;

/**
 * One server per data folder. Node offers no lock the kernel would drop with the process, so the file names its holder by pid
 * and start time: after a kill -9 the next start sees that nobody of that identity lives, and takes over.
 * A holder in another container cannot be looked up; it shows by its heartbeat (the file's time) that it lives.
 */
export async function lockFolder(dataDir: string): Promise<FolderLock> {
  const path = join(dataDir, LOCK_FILE);
  const mine = JSON.stringify({
    pid: process.pid,
    start: processStart(process.pid) ?? '',
    place: place(),
  } satisfies Holder);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (claim(path, mine)) return held(path, mine);
    const found = read(path);
    if (found === undefined) continue;
    const holder = parse(found);
    if (holder && lives(holder)) throw inUse(dataDir, holder);
    if (holder && holder.place !== place() && !(await fallsSilent(path))) throw inUse(dataDir, holder);
    removeStale(path, found);
  }
  throw new DataFolderInUseError(`could not lock ${path}: other processes keep claiming it`);
}

function inUse(dataDir: string, holder: Holder): DataFolderInUseError {
  const where = holder.place === place() ? `process ${holder.pid}` : `a server on ${holder.place}`;
  return new DataFolderInUseError(
    `the data folder ${dataDir} is in use by ${where}: stop it first, or give this one a VALTRONICS_DATA_DIR of its own`,
  );
}

// The whole content appears under the name at once or not at all: link() fails if the name is taken.
function claim(path: string, content: string): boolean {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

// Two starts may find the same stale file. Renaming takes exactly one file away; if it turns out to be the other start's fresh
// lock, it goes back under its name.
function removeStale(path: string, expected: string): void {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readFileSync(aside, 'utf8') !== expected) {
    try {
      linkSync(aside, path);
    } catch {
      // A third start claimed the name in between; the loop decides between the two that are left.
    }
  }
  rmSync(aside, { force: true });
}

function held(path: string, content: string): FolderLock {
  const heartbeat = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Removed by hand. The lock of PostgreSQL itself still stands.
    }
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    release() {
      clearInterval(heartbeat);
      if (read(path) === content) rmSync(path, { force: true });
    },
  };
}

function lives(holder: Holder): boolean {
  return holder.place === place() && processStart(holder.pid) === holder.start;
}

async function fallsSilent(path: string): Promise<boolean> {
  const deadline = Date.now() + SILENT_AFTER_MS;
  for (;;) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat || Date.now() - stat.mtimeMs > SILENT_AFTER_MS) return true;
    if (Date.now() > deadline) return false;
    await delay(500);
  }
}

// Pids mean something only within one pid namespace of one host.
function place(): string {
  if (process.platform !== 'linux') return hostname();
  return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    if (typeof value?.pid !== 'number' || typeof value.start !== 'string' || typeof value.place !== 'string')
      return undefined;
    return { pid: value.pid, start: value.start, place: value.place };
  } catch {
    return undefined; // cut short by a full disk: nobody's
  }
}
