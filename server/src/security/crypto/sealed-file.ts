import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { KeyRing } from './key-ring.ts';

export interface SealedFile {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** A small secret file, sealed to its own name: replacing it by another sealed file of the same data folder is refused. */
export function sealedFile(path: string, keyRing: KeyRing): SealedFile {
  const place = { organisation: null, table: 'file', column: 'content', row: basename(path) };
  return {
    async read() {
      try {
        return keyRing.open(await readFile(path), place).toString('utf8');
      } catch (error) {
        if ((error as { code?: string }).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async write(text) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      // Complete under another name first: a crash leaves the old file or the new one, never half of it.
      const temporary = `${path}.${randomBytes(6).toString('hex')}`;
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(keyRing.seal(text, place));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    },
  };
}
