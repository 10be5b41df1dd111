import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type OpenedCheckpoint, openCheckpoint } from './checkpoint.ts';
import { readCheckpoints } from './checkpoint-list.ts';
import { bundlesOf, type EntryValues, lookAt, type PartOfLog, read, tryRead, valuesPath } from './entry-files.ts';
import { MOST_THREADS } from './looking-threads.ts';
import type { NoteVerifier } from './signed-note.ts';
import type { Look } from './sound-tile.ts';
import { readBundle, TILE_WIDTH, type TilePlace, tilePath, writeBundle } from './tiles.ts';
import type { LogSource, StoredLeaf } from './verify-log.ts';

// A log as a folder, in the shape of c2sp.org/tlog-tiles: `checkpoint`, `tile/…`, `tile/entries/…`. Beside them `checkpoints`, all that were
// signed, and `values/…`, the personal values that are not erased, with their salts.

const CHECKPOINT = 'checkpoint';
const CHECKPOINTS = 'checkpoints';
const KEY = 'key';

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
}

export function createFolderWriter(folder: string) {
  return {
    tile(place: TilePlace, hashes: Buffer): void {
      write(join(folder, tilePath(place)), hashes);
    },
    /** `null`: pruned, and kept as an entry of no bytes. */
    entries(number: number, entries: readonly (Buffer | null)[], values: readonly EntryValues[]): void {
      const bundle = writeBundle(entries.map((entry) => entry ?? Buffer.alloc(0)));
      write(join(folder, tilePath({ level: 'entries', number, width: entries.length })), bundle);
      if (values.length === 0) return;
      write(join(folder, valuesPath(number)), values.map((line) => `${JSON.stringify(line)}\n`).join(''));
    },
    checkpoints(notes: readonly string[]): void {
      write(join(folder, CHECKPOINTS), notes.map((note) => `${note}\n`).join(''));
      write(join(folder, CHECKPOINT), notes.at(-1) ?? '');
    },
  };
}

export const writeKeyFile = (folder: string, key: string): void => write(join(folder, KEY), `${key}\n`);
export const readKeyFile = (folder: string): string | undefined =>
  existsSync(join(folder, KEY)) ? read(join(folder, KEY)).toString('utf8').trim() : undefined;

/** The logs of an export: the folder itself, or those in it. */
export function logFolders(folder: string): string[] {
  if (existsSync(join(folder, CHECKPOINT))) return [folder];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, CHECKPOINT)))
    .map((entry) => join(folder, entry.name))
    .sort();
}

export interface FolderLog {
  readonly source: LogSource;
  readonly checkpoints: readonly OpenedCheckpoint[];
  /** Notes that are not good. */
  readonly badNotes: number;
}

/** As much of the log as its own newest checkpoint says there is. `look` looks at a part of it: here, or in a thread. */
export function openLogFolder(
  folder: string,
  keys: readonly NoteVerifier[],
  look: (part: PartOfLog) => Look | Promise<Look> = lookAt,
): FolderLog {
  const head = openCheckpoint(read(join(folder, CHECKPOINT)).toString('utf8'), keys);
  const notes = readCheckpoints(tryRead(join(folder, CHECKPOINTS))?.toString('utf8') ?? '');
  const opened = notes.flatMap((note) => {
    try {
      const checkpoint = openCheckpoint(note, keys);
      return checkpoint.origin === head.origin ? [checkpoint] : [];
    } catch {
      return [];
    }
  });

  const source: LogSource = {
    origin: head.origin,
    size: head.size,
    tile: async (place) => tryRead(join(folder, tilePath(place))) ?? Buffer.alloc(0),
    async leaves(from, to) {
      const leaves: StoredLeaf[] = [];
      for (const { number, bytes } of bundlesOf({ folder, size: head.size, from, to })) {
        for (const [offset, entry] of readBundle(bytes).entries()) {
          const position = number * TILE_WIDTH + offset;
          if (position >= from && position < to)
            leaves.push({ position, hash: undefined, entry: entry.length === 0 ? null : entry });
        }
      }
      return leaves;
    },
    looksAtOnce: 2 * MOST_THREADS,
    look: async (from, to) => look({ folder, size: head.size, from, to }),
  };
  return { source, checkpoints: [head, ...opened], badNotes: notes.length - opened.length };
}
