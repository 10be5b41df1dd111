import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Blocks } from '../../lib/blocks.ts';
import { readBlocks } from '../files/read-blocks.ts';
import type { Settings } from './embedded-settings.ts';
import { isSegment, SEGMENT_BYTES } from './wal-segments.ts';

// With `archive_mode` on and no command PostgreSQL keeps every finished segment of its log, "in the expectation that a command will soon be
// provided", and marks it with an empty file `archive_status/<segment>.ready`. We are that command: what is marked is waiting, and renaming the
// mark to `.done`, as PostgreSQL itself does after a command, lets it use the segment again. So there is no second copy on the disk, no shell, and
// nothing to be lost: a mark stays until what it marks is safe elsewhere.

/** A finished segment leaves this long after its first byte at the latest, which is how much of the newest can be lost with the machine. */
const ARCHIVE_TIMEOUT = '60s';

export const archiving: Settings = { archive_mode: 'on', archive_command: '', archive_timeout: ARCHIVE_TIMEOUT };

export interface WalOutbox {
  /** By which PostgreSQL tells one database from all others. */
  system(): string;
  /** Finished segments that nobody has taken yet, in the order of the log. */
  waiting(): string[];
  /** When it was finished: whatever was acknowledged before that is in it or in one before it. */
  finishedAt(segment: string): Date;
  read(segment: string): Blocks;
  /** It is safe elsewhere, or given up: PostgreSQL may use its file again. */
  release(segment: string): void;
}

export class WalOutboxError extends Error {
  override readonly name = 'WalOutboxError';
}

export function walOutbox(dataFolder: string): WalOutbox {
  const status = join(dataFolder, 'pg_wal', 'archive_status');
  const mark = (name: string, ending: 'ready' | 'done'): string => join(status, `${name}.${ending}`);

  function release(name: string): void {
    renameSync(mark(name, 'ready'), mark(name, 'done'));
    // Marks that come back after a power cut would read as a log that goes back in time.
    const folder = openSync(status, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  return {
    // The first eight bytes of its control file, in the order of the machine.
    system: () =>
      readFileSync(join(dataFolder, 'global', 'pg_control'))
        .readBigUInt64LE(0)
        .toString(),

    waiting() {
      const names = readdirSync(status)
        .filter((file) => file.endsWith('.ready'))
        .map((file) => file.slice(0, -'.ready'.length));
      // Histories of timelines and of base backups, and what was begun on a timeline that was left: no restore of ours asks for them.
      for (const name of names) if (!isSegment(name)) release(name);
      return names.filter(isSegment).sort();
    },

    finishedAt: (segment) => lstatSync(mark(segment, 'ready')).mtime,

    read: (segment) => contentOf(join(dataFolder, 'pg_wal', segment)),

    release,
  };
}

async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  // The folder is the database user's own: a link it planted there must not make us, who may be root, read elsewhere.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile() || found.size !== SEGMENT_BYTES)
      throw new WalOutboxError(`${path} is no segment of 16 MiB of PostgreSQL's log`);
    yield* readBlocks(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
