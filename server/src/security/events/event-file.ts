import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface EventFile {
  append(lines: readonly string[]): Promise<void>;
}

/** 128 MiB together, some hundred thousand events. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_FILES = 8;
const NEWLINE = 10;

/**
 * Lines at the end of a file that only its owner may read. Past its size it becomes `….1.jsonl`, that one `….2.jsonl`, and the oldest goes.
 * The file is opened for each batch, a few times a second at most: so it is never one that somebody else has moved away, be it another
 * server of the same folder or a log shipper. Half a line stays alone: what could not be written whole is taken back, and what a crash or a
 * full disk left all the same is ended before the next line begins, which would else be lost with it.
 */
export function createEventFile(
  path: string,
  { mostBytes = MOST_BYTES, mostFiles = MOST_FILES, isDurable = false } = {},
): EventFile {
  const older = (nth: number): string => (nth === 0 ? path : path.replace(/(\.jsonl)?$/, `.${nth}.jsonl`));

  async function rotate(): Promise<void> {
    await rm(older(mostFiles - 1), { force: true });
    for (let nth = mostFiles - 2; nth >= 0; nth -= 1) {
      await rename(older(nth), older(nth + 1)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
  }

  return {
    async append(lines) {
      if (lines.length === 0) return;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const file = await open(path, 'a+', 0o600);
      let size: number;
      try {
        const before = (await file.stat()).size;
        const bytes = Buffer.from(`${(await isTorn(file, before)) ? '\n' : ''}${lines.join('')}`);
        try {
          await file.appendFile(bytes);
          if (isDurable) await file.datasync();
        } catch (error) {
          await takeBack(file, before, bytes).catch(() => undefined);
          throw error;
        }
        size = (await file.stat()).size;
      } finally {
        await file.close();
      }
      if (size >= mostBytes) await rotate();
    },
  };
}

async function isTorn(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] !== NEWLINE;
}

/** Only where nobody else has written behind us: what others wrote is theirs. */
async function takeBack(file: FileHandle, before: number, bytes: Buffer): Promise<void> {
  const written = (await file.stat()).size - before;
  if (written <= 0 || written > bytes.length) return;
  const { bytesRead, buffer } = await file.read(Buffer.alloc(written), 0, written, before);
  if (bytesRead === written && bytes.subarray(0, written).equals(buffer)) await file.truncate(before);
}
