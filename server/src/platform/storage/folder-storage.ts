import { closeSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeCompleteFile } from '../files/complete-file.ts';
import { readBlocks } from '../files/read-blocks.ts';
import { type Storage, StorageError } from './storage.ts';

/** Files of mode 600 in a folder that is there. Others in it are left alone. */
export function folderStorage(folder: string): Storage {
  const at = (name: string): string => join(folder, name);
  return {
    place: folder,
    names: async () => reading(folder, () => readdirSync(folder)),
    async read(name) {
      const path = at(name);
      const status = reading(path, () => statSync(path, { throwIfNoEntry: false }));
      if (!status?.isFile()) return undefined;
      return { bytes: status.size, blocks: closing(reading(path, () => openSync(path, 'r'))) };
    },
    write: (name, blocks) => writeCompleteFile({ target: at(name), replaces: false }, blocks),
    async remove(name) {
      reading(at(name), () => rmSync(at(name), { force: true }));
    },
  };
}

async function* closing(descriptor: number): AsyncGenerator<Uint8Array> {
  try {
    yield* readBlocks(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function reading<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StorageError(code === 'ENOENT' ? `there is no ${path}` : `${path} cannot be read: ${code}`, {
      cause: error,
    });
  }
}
