import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { KeyRing } from './key-ring.ts';
import { replaceFile } from './private-file.ts';

/** Names the file, so that the line which ends a start can be acted on. */
class SealedFileError extends Error {
  override readonly name = 'SealedFileError';
}

export interface SealedFile {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** A small secret file, sealed to its own name: replacing it by another sealed file of the same data folder is refused. */
export function sealedFile(path: string, keyRing: KeyRing): SealedFile {
  const place = { organisation: null, table: 'file', column: 'content', row: basename(path) };
  return {
    async read() {
      const sealed = await readFile(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (sealed === undefined) return undefined;
      try {
        return keyRing.open(sealed, place).toString('utf8');
      } catch (error) {
        throw new SealedFileError(`${path} was altered or sealed with another root key: restore it from your backup`, {
          cause: error,
        });
      }
    },
    async write(text) {
      replaceFile(path, keyRing.seal(text, place), 0o600);
    },
  };
}
