import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface EventFile {
  append(lines: readonly string[]): Promise<void>;
}

/** 128 MiB together, some hundred thousand events. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_FILES = 8;

/**
 * Lines at the end of a file that only its owner may read. Past its size it becomes `….1.jsonl`, that one `….2.jsonl`, and the oldest goes.
 * The file is opened for each batch, a few times a second at most: so it is never one that somebody else has moved away, be it another
 * server of the same folder or a log shipper.
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
      const file = await open(path, 'a', 0o600);
      let size: number;
      try {
        await file.appendFile(lines.join(''));
        if (isDurable) await file.datasync();
        size = (await file.stat()).size;
      } finally {
        await file.close();
      }
      if (size >= mostBytes) await rotate();
    },
  };
}
