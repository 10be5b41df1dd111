import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
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
  // A pipe has no end, and would be waited for.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new RangeError(`${path} is no file`);
    if (found.size > MAX_FILE_BYTES) throw new RangeError(`${path} is larger than any file of a log`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
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
    yield { number, bytes, bounds: boundsIn(bytes, width) };
  }
}

/** Looks at what an export holds of this part: the entries, their tiles, and the personal values beside them. */
export function lookAt(part: PartOfLog): Look {
  const sound: Look['sound'][number][] = [];
  const odd: Look['odd'][number][] = [];
  for (const bundle of bundlesOf(part)) {
    // A tile that ends beyond the log is none of it, whatever a file says.
    const isWithin = (bundle.number + 1) * TILE_WIDTH <= part.size;
    const tile = isWithin
      ? tryRead(join(part.folder, tilePath({ level: 0, number: bundle.number, width: TILE_WIDTH })))
      : undefined;
    sound.push(tile && soundTile({ ...bundle, hashes: tile }));
    for (const position of falsePositions(part.folder, bundle)) odd.push({ kind: 'row_edited', position });
    if ((bundle.bounds.at(-1) ?? 0) < bundle.bytes.length)
      odd.push({ kind: 'row_inserted', position: bundle.number * TILE_WIDTH + bundle.bounds.length / 2 });
  }
  return { sound, odd };
}

/** Where a personal value is not the one that was logged. Each entry is looked at once: its line comes after those before it, as it is written. */
function falsePositions(folder: string, { number, bytes, bounds }: Bundle): Set<number> {
  const lines = tryRead(join(folder, valuesPath(number)))?.toString('utf8') ?? '';
  const text = bytes.toString('latin1');
  const found = new Set<number>();
  let last = -1;
  for (let at = 0; at < lines.length; ) {
    const line = lineAt(lines, at);
    at = line.end + 1;
    const place = line.position - number * TILE_WIDTH;
    const [start, end] = Number.isInteger(place) ? [bounds[2 * place], bounds[2 * place + 1]] : [];
    // What is missing is found where the leaves are compared.
    if (start === undefined || end === undefined) continue;
    // Of what was pruned no value is left.
    if (place <= last || (start === end && Object.keys(line.values).length > 0)) {
      found.add(line.position);
      continue;
    }
    last = place;
    const stated = line.isUsual ? usualCommitments(text.slice(start, end)) : undefined;
    const fits = stated
      ? isCommittedTo(stated.address, line.values['/address']) &&
        isCommittedTo(stated.label, line.values['/actor/label'])
      : falseValues(bytes.toString('utf8', start, end), line.values).length === 0;
    if (!fits) found.add(line.position);
  }
  return found;
}

/** What nearly every line says, as it is written. It is a fifth of the work to read these than to parse them. */
const usualLine =
  /\{"position":(0|[1-9]\d{0,14}),"values":\{"\/address":\{"salt":"([\w+/=]*)","value":"([^"\\\p{Cc}]*)"\},"\/actor\/label":\{"salt":"([\w+/=]*)","value":"([^"\\\p{Cc}]*)"\}\}\}(?=\n)/uy;

/** Characters. A pattern remembers each that it may have to give back, so a line of millions is parsed instead. */
const MOST_USUAL = 4_096;

type Line = { readonly end: number; readonly position: number } & (
  | { readonly isUsual: true; readonly values: Readonly<Record<'/address' | '/actor/label', OpenedValue>> }
  | { readonly isUsual: false; readonly values: EntryValues['values'] }
);

/** An empty line stands for no entry. What a line says is somebody else's, and says no more than what it is read for. */
function lineAt(lines: string, start: number): Line {
  const found = lines.indexOf('\n', start);
  const end = found < 0 ? lines.length : found;
  usualLine.lastIndex = start;
  const usual = end - start <= MOST_USUAL ? usualLine.exec(lines) : null;
  if (usual) {
    const [, position, salt1 = '', address = '', salt2 = '', label = ''] = usual;
    const values = { '/address': { salt: salt1, value: address }, '/actor/label': { salt: salt2, value: label } };
    return { isUsual: true, end, position: Number(position), values };
  }
  if (end === start) return { isUsual: false, end, position: Number.NaN, values: {} };
  const said = JSON.parse(lines.slice(start, end)) as Partial<EntryValues> | null;
  if (typeof said?.position !== 'number' || typeof said.values !== 'object' || said.values === null)
    throw new SyntaxError('a line of values says of no entry what they are');
  return { isUsual: false, end, position: said.position, values: said.values };
}
