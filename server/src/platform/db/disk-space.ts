import { statfsSync } from 'node:fs';
import { type Clock, systemClock } from '../../lib/clock.ts';

export interface DiskSpace {
  freeBytes: number;
  totalBytes: number;
}

export function checkSpace(path: string): DiskSpace {
  const { bavail, blocks, bsize } = statfsSync(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

export interface SpaceGuard {
  /** False while there is too little space: refuse writes before PostgreSQL runs out and panics. */
  writable(): boolean;
  stop(): void;
}

export interface SpaceGuardOptions {
  path: string;
  minimumFreeBytes: number;
  intervalMs: number;
  clock?: Clock;
  /** For tests: the disk to ask instead of the real one. */
  measure?: (path: string) => DiskSpace;
}

// Writes resume only with a tenth more than the minimum, or a disk at the edge would flap with every checkpoint.
const RESUME_MARGIN = 0.1;

export function createSpaceGuard(options: SpaceGuardOptions): SpaceGuard {
  const { path, minimumFreeBytes, intervalMs, clock = systemClock, measure = checkSpace } = options;
  let enough = true;
  let measuredAt = Number.NEGATIVE_INFINITY;
  const refresh = () => {
    measuredAt = clock.now();
    try {
      const { freeBytes } = measure(path);
      enough = freeBytes >= minimumFreeBytes + (enough ? 0 : minimumFreeBytes * RESUME_MARGIN);
    } catch {
      enough = false; // a disk that cannot be asked cannot be trusted with a write
    }
  };
  refresh();
  const timer = setInterval(refresh, intervalMs);
  timer.unref();
  return {
    writable() {
      // Under load the timer can be late; then the question itself measures.
      if (clock.now() - measuredAt >= intervalMs * 2) refresh();
      return enough;
    },
    stop: () => clearInterval(timer),
  };
}
