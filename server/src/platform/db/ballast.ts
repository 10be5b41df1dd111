import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, statSync, truncateSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkSpace } from './disk-space.ts';

export interface Ballast {
  /** Sets the space aside if there is plenty left. */
  ensure(): Promise<void>;
  /** Gives it up; true if there was any. */
  release(): boolean;
}

const BALLAST_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
// Never take the space that somebody needs right now.
const PLENTY = 4;

/**
 * A file that holds disk space in reserve. On a full disk PostgreSQL panics while writing its log and cannot come back, because
 * crash recovery itself needs space; giving up this file lets it.
 */
export function createBallast(folder: string, bytes = BALLAST_BYTES): Ballast {
  const path = join(folder, 'ballast');
  return {
    async ensure() {
      if (existsSync(path) && statSync(path).size >= bytes) return;
      if (checkSpace(folder).freeBytes < bytes * PLENTY) return;
      const draft = `${path}.new`;
      try {
        await fill(draft, bytes);
        await rename(draft, path);
      } catch {
        await rm(draft, { force: true }); // the disk filled up meanwhile: better no reserve than a full disk
      }
    },
    release() {
      if (!existsSync(path)) return false;
      // Emptied before it is unlinked, so the blocks are free even if somebody holds it open.
      truncateSync(path);
      rmSync(path, { force: true });
      return true;
    },
  };
}

// Written, not just extended: a sparse file reserves nothing, and random bytes defeat a file system that compresses.
async function fill(path: string, bytes: number): Promise<void> {
  const chunk = randomBytes(CHUNK_BYTES);
  const file = await open(path, 'w', 0o600);
  try {
    for (let written = 0; written < bytes; written += chunk.length) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}
