import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Longer than anything that is looked for. */
const OVERLAP = 1_024;
const PIECE = 4 * 1024 * 1024;

/**
 * Every file below a folder in pieces, since the log of a database has hundreds of megabytes. Each piece begins with the end of the one before, so that
 * nothing is cut in two.
 */
export async function* filePieces(folder: string): AsyncGenerator<{ readonly file: string; readonly bytes: Buffer }> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    let before = Buffer.alloc(0);
    for await (const chunk of createReadStream(path, { highWaterMark: PIECE })) {
      const bytes = Buffer.concat([before, chunk as Buffer]);
      yield { file: path.slice(folder.length + 1), bytes };
      before = bytes.subarray(-OVERLAP);
    }
  }
}
