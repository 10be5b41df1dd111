import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isUnfinished, writeCompleteFile } from '../files/complete-file.ts';
import { readBlocks } from '../files/read-blocks.ts';
import { type Storage, StorageError } from './storage.ts';

/** Files of mode 600 in a folder that is there. Others in it are left alone. */
export function folderStorage(folder: string): Storage {
  const at = (name: string): string => join(folder, name);
  const statusOf = (path: string) => reading(path, () => statSync(path, { throwIfNoEntry: false }));
  const sizeOf = (name: string): number | undefined => {
    const status = statusOf(at(name));
    return status?.isFile() ? status.size : undefined;
  };
  return {
    place: folder,
    names: async () => reading(folder, () => readdirSync(folder)),
    async read(name) {
      const bytes = sizeOf(name);
      if (bytes === undefined) return undefined;
      return { bytes, blocks: closing(reading(at(name), () => openSync(at(name), 'r'))) };
    },
    size: async (name) => sizeOf(name),
    write: (name, blocks) => writeCompleteFile({ target: at(name), replaces: false }, blocks),
    async remove(name) {
      reading(at(name), () => rmSync(at(name), { force: true }));
    },
    async sweep(before) {
      for (const name of reading(folder, () => readdirSync(folder)).filter(isUnfinished)) {
        const changedAt = statusOf(at(name))?.mtime;
        if (changedAt && changedAt < before) reading(at(name), () => rmSync(at(name), { force: true }));
      }
    },
    below: (name) => folderWithin(folder, name),
  };
}

/** The folder around it must be there: one that was to be mounted and is not is not made up for. */
function folderWithin(folder: string, name: string): Storage {
  const path = join(folder, name);
  const inner = folderStorage(path);
  return {
    ...inner,
    names: async () => (existsSync(path) || !existsSync(folder) ? inner.names() : []),
    async sweep(before) {
      if (existsSync(path)) await inner.sweep(before);
    },
    async write(file, blocks) {
      if (!existsSync(path)) reading(folder, () => mkdirSync(path, { mode: 0o700 }));
      await inner.write(file, blocks);
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
