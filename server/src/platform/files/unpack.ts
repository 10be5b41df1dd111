import { mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blocks } from '../../lib/blocks.ts';
import { readTar, TarError } from '../../lib/tar.ts';

/**
 * Puts the files of a tar into a folder that is empty and ours alone, closed to others. Throws a TarError where it holds anything that would end up
 * elsewhere. Nothing is forced to the disk: whoever uses the files does that.
 */
export async function unpackTar(tar: Blocks, folder: string): Promise<void> {
  for await (const { name, isFolder, blocks } of readTar(tar, { folders: true })) {
    const steps = name.replace(/^\.\//, '').replace(/\/$/, '').split('/');
    if (steps.some((step) => ['', '.', '..'].includes(step)))
      throw new TarError(`the archive holds ${JSON.stringify(name)}, which is not within it`);
    const path = join(folder, ...steps);
    if (isFolder) {
      // A link in its way would be followed; there is none, since only files and folders are made.
      mkdirSync(path, { mode: 0o700, recursive: true });
      continue;
    }
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const block of blocks) await file.writeFile(block);
    } finally {
      await file.close();
    }
  }
}

/** Writes a file in which stretches of zeros take no room on the disk; how many bytes it has. */
export async function writeSparse(path: string, blocks: Blocks): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  let at = 0;
  try {
    for await (const block of blocks) {
      if (block.some((byte) => byte !== 0)) {
        for (let done = 0; done < block.length; )
          done += (await file.write(block, done, block.length - done, at + done)).bytesWritten;
      }
      at += block.length;
    }
    await file.truncate(at);
    return at;
  } finally {
    await file.close();
  }
}
