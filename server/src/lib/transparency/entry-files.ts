import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { falseValues, type OpenedValue } from './audit-leaf.ts';
import { readBundle, TILE_WIDTH, tilePath } from './tiles.ts';

// The entries of an exported log and the personal values beside them, as files.

export interface EntryValues {
  readonly position: number;
  readonly values: Readonly<Record<string, OpenedValue>>;
}

/** Positions `from` to before `to` of a log of that size. */
export interface PartOfLog {
  readonly folder: string;
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

interface Bundle {
  readonly number: number;
  readonly entries: readonly (Buffer | undefined)[];
}

const MAX_FILE_BYTES = 64 * 1024 * 1024;

export const valuesPath = (number: number): string =>
  tilePath({ level: 'entries', number, width: TILE_WIDTH }).replace('tile/entries/', 'values/');

export function read(path: string): Buffer {
  const content = readFileSync(path);
  if (content.length > MAX_FILE_BYTES) throw new RangeError(`${path} is larger than any file of a log`);
  return content;
}

/** Undefined: there is no such file. Without a look beforehand, since a log has thousands. */
export function tryRead(path: string): Buffer | undefined {
  try {
    return read(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** What is missing has no entries. */
export function* bundlesOf({ folder, size, from, to }: PartOfLog): Generator<Bundle> {
  for (let number = Math.floor(from / TILE_WIDTH); number * TILE_WIDTH < to; number += 1) {
    const width = Math.min(TILE_WIDTH, size - number * TILE_WIDTH);
    const bundle = tryRead(join(folder, tilePath({ level: 'entries', number, width })));
    yield { number, entries: bundle === undefined ? [] : readBundle(bundle) };
  }
}

/** Where a personal value is not the one that was logged. */
export function falsePositions(part: PartOfLog): number[] {
  const found: number[] = [];
  for (const { number, entries } of bundlesOf(part)) {
    const lines = tryRead(join(part.folder, valuesPath(number)))?.toString('utf8') ?? '';
    for (const line of lines.split('\n')) {
      if (line === '') continue;
      const { position, values } = JSON.parse(line) as EntryValues;
      const entry = entries[position - number * TILE_WIDTH];
      // What is missing is found where the leaves are compared.
      if (entry !== undefined && falseValues(entry.toString('utf8'), values).length > 0) found.push(position);
    }
  }
  return found;
}
