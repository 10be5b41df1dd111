import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { checkSpace } from './disk-space.ts';

export interface Ballast {
  /** Sets the space aside if there is enough of it left. */
  ensure(): void;
  /** Gives it up; true if there was any. */
  release(): boolean;
}

export const BALLAST_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/**
 * A file that holds disk space in reserve. On a full disk PostgreSQL panics while writing its log and cannot come back, because
 * crash recovery itself needs space; giving up this file lets it.
 */
export function createBallast(folder: string, bytes = BALLAST_BYTES): Ballast {
  const path = join(folder, 'ballast');
  return {
    ensure() {
      if (existsSync(path) && statSync(path).size >= bytes) return;
      // Never take the space that somebody needs right now.
      if (checkSpace(folder).freeBytes < bytes * 4) return;
      const draft = `${path}.new`;
      try {
        fill(draft, bytes);
        renameSync(draft, path);
      } catch {
        rmSync(draft, { force: true }); // the disk filled up meanwhile: better no reserve than a full disk
      }
    },
    release() {
      if (!existsSync(path)) return false;
      // Truncated before it is unlinked, so the blocks are free even if somebody holds it open.
      const handle = openSync(path, 'r+');
      ftruncateSync(handle, 0);
      closeSync(handle);
      rmSync(path, { force: true });
      return true;
    },
  };
}

// Written, not just extended: a sparse file reserves nothing, and random-looking bytes defeat a compressing file system.
function fill(path: string, bytes: number): void {
  const handle = openSync(path, 'w', 0o600);
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let state = 0x9e3779b9;
    for (let offset = 0; offset < chunk.length; offset += 4) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      chunk.writeInt32LE(state | 0, offset);
    }
    for (let written = 0; written < bytes; written += chunk.length) writeSync(handle, chunk);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
