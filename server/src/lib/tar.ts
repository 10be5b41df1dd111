import type { Blocks } from './blocks.ts';

// As much of tar (POSIX ustar) as it takes to keep regular files, in a form that every tar reads.

export class TarError extends Error {
  override readonly name = 'TarError';
}

export interface TarEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly size: number;
  /** To be read whole before the next entry is asked for, or not at all. */
  readonly blocks: AsyncGenerator<Uint8Array>;
}

const RECORD = 512;
const MAX_NAME_BYTES = 100;
const CHECKSUM = { start: 148, end: 156 };
const ZEROS = Buffer.alloc(2 * RECORD);

/** One file. `content` is handed on as it is. */
export function* tarFile(name: string, content: Uint8Array): Generator<Uint8Array> {
  yield header(name, content.length);
  yield content;
  const rest = content.length % RECORD;
  if (rest > 0) yield ZEROS.subarray(0, RECORD - rest);
}

export const tarEnd = (): Uint8Array => ZEROS;

function header(name: string, size: number): Buffer {
  const record = Buffer.alloc(RECORD);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw new TarError(`the name ${name} is too long for tar`);
  record.write(name, 0, 'utf8');
  record.write('0000600\0', 100, 'latin1');
  record.write('0000000\0', 108, 'latin1');
  record.write('0000000\0', 116, 'latin1');
  record.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  record.write(`${'0'.repeat(11)}\0`, 136, 'latin1');
  record.write('0', 156, 'latin1');
  record.write('ustar\u000000', 257, 'latin1');
  record.write(`${checksum(record).toString(8).padStart(6, '0')}\0 `, CHECKSUM.start, 'latin1');
  return record;
}

/** The sum of all bytes, with the sum's own field as spaces. */
function checksum(record: Uint8Array): number {
  return record.reduce((sum, byte, at) => sum + (at >= CHECKSUM.start && at < CHECKSUM.end ? 0x20 : byte), 0);
}

/** Reads what `tarFile` wrote; with `folders`, also entries of those. Throws a TarError where that is not what there is. */
export async function* readTar(source: Blocks, takes: { readonly folders?: true } = {}): AsyncGenerator<TarEntry> {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  async function* take(bytes: number): AsyncGenerator<Uint8Array> {
    for (let left = bytes; left > 0; ) {
      if (rest.length === 0) {
        const next = await iterator.next();
        if (next.done) throw new TarError('the archive is cut short');
        rest = next.value;
      }
      const piece = rest.subarray(0, left);
      rest = rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }
  async function record(): Promise<Buffer> {
    const bytes = Buffer.alloc(RECORD);
    let at = 0;
    for await (const piece of take(RECORD)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
  async function drain(blocks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const _ of blocks);
  }

  try {
    for (let bytes = await record(); !bytes.equals(ZEROS.subarray(0, RECORD)); bytes = await record()) {
      const { name, size, isFolder } = parse(bytes);
      if (isFolder && (!takes.folders || size > 0)) throw new TarError('the archive holds something else than files');
      const blocks = take(size);
      yield { name, isFolder, size, blocks };
      await drain(blocks);
      await drain(take((RECORD - (size % RECORD)) % RECORD));
    }
    // The second record of zeros; behind it there is nothing.
    if (!(await record()).equals(ZEROS.subarray(0, RECORD)) || rest.length > 0 || !(await iterator.next()).done)
      throw new TarError('the archive goes on behind its end');
  } finally {
    await iterator.return?.();
  }
}

function parse(record: Buffer): { name: string; size: number; isFolder: boolean } {
  const field = (start: number, length: number): string =>
    record.toString('utf8', start, start + length).replace(/[\0 ].*$/s, '');
  const sum = Number.parseInt(field(CHECKSUM.start, 8), 8);
  const size = /^[0-7]{11}$/.test(field(124, 12)) ? Number.parseInt(field(124, 12), 8) : Number.NaN;
  const kind = String.fromCharCode(record[156] ?? 0);
  if (sum !== checksum(record) || Number.isNaN(size) || !['0', '5'].includes(kind))
    throw new TarError('the archive holds something else than files');
  return { name: field(0, MAX_NAME_BYTES), size, isFolder: kind === '5' };
}
