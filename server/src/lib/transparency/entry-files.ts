import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { falseValues, isCommittedTo, type OpenedValue, usualCommitments } from './audit-leaf.ts';
import { type Look, soundTile } from './sound-tile.ts';
import { boundsIn, TILE_WIDTH, tilePath } from './tiles.ts';

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
  readonly bytes: Buffer;
  /** Where its entries begin and end. */
  readonly bounds: readonly number[];
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

const NOTHING = Buffer.alloc(0);

/** What is missing has no entries. */
export function* bundlesOf({ folder, size, from, to }: PartOfLog): Generator<Bundle> {
  for (let number = Math.floor(from / TILE_WIDTH); number * TILE_WIDTH < to; number += 1) {
    const width = Math.min(TILE_WIDTH, size - number * TILE_WIDTH);
    const bytes = tryRead(join(folder, tilePath({ level: 'entries', number, width }))) ?? NOTHING;
    yield { number, bytes, bounds: boundsIn(bytes) };
  }
}

/** Looks at what an export holds of this part: the entries, their tiles, and the personal values beside them. */
export function lookAt(part: PartOfLog): Look {
  const sound: Look['sound'][number][] = [];
  const odd: Look['odd'][number][] = [];
  for (const bundle of bundlesOf(part)) {
    const tile = tryRead(join(part.folder, tilePath({ level: 0, number: bundle.number, width: TILE_WIDTH })));
    sound.push(soundTile({ ...bundle, hashes: tile ?? NOTHING }));
    for (const position of falsePositions(part.folder, bundle)) odd.push({ kind: 'row_edited', position });
  }
  return { sound, odd };
}

/** Where a personal value is not the one that was logged. */
function falsePositions(folder: string, { number, bytes, bounds }: Bundle): number[] {
  const lines = tryRead(join(folder, valuesPath(number)))?.toString('utf8') ?? '';
  const text = bytes.toString('latin1');
  const found: number[] = [];
  for (let next = 0; next < lines.length; ) {
    const line = lineAt(lines, next);
    next = line.end + 1;
    if (line.values === undefined) continue;
    const index = 2 * (line.position - number * TILE_WIDTH);
    const [start, end] = [bounds[index], bounds[index + 1]];
    // What is missing is found where the leaves are compared.
    if (start === undefined || end === undefined) continue;
    const stated = line.isUsual ? usualCommitments(text, start, end) : undefined;
    const fits = stated
      ? isCommittedTo(stated.address, line.values['/address']) &&
        isCommittedTo(stated.label, line.values['/actor/label'])
      : falseValues(bytes.toString('utf8', start, end), line.values).length === 0;
    if (!fits) found.push(line.position);
  }
  return found;
}

/** What nearly every line says, as it is written. It is a fifth of the work to read these than to parse them. */
const usualLine =
  /\{"position":(\d{1,15}),"values":\{"\/address":\{"salt":"([\w+/=]*)","value":"([^"\\\n]*)"\},"\/actor\/label":\{"salt":"([\w+/=]*)","value":"([^"\\\n]*)"\}\}\}(?=\n)/y;

type Line = { readonly end: number } & (
  | {
      readonly isUsual: true;
      readonly position: number;
      readonly values: Record<'/address' | '/actor/label', OpenedValue>;
    }
  | ({ readonly isUsual: false } & (EntryValues | { readonly values: undefined }))
);

function lineAt(lines: string, start: number): Line {
  usualLine.lastIndex = start;
  const usual = usualLine.exec(lines);
  if (usual) {
    const [{ length }, position, salt1 = '', address = '', salt2 = '', label = ''] = usual;
    const values = { '/address': { salt: salt1, value: address }, '/actor/label': { salt: salt2, value: label } };
    return { isUsual: true, end: start + length, position: Number(position), values };
  }
  const found = lines.indexOf('\n', start);
  const end = found < 0 ? lines.length : found;
  if (end === start) return { isUsual: false, end, values: undefined };
  return { isUsual: false, end, ...(JSON.parse(lines.slice(start, end)) as EntryValues) };
}
