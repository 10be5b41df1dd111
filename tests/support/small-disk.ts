import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { onTestFinished } from 'vitest';

/** Makes the folder a disk of its own, to be filled; undefined where we may not mount one. */
export function asSmallDisk(folder: string, mebibytes: number): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0711`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    console.warn('skipped: only root on Linux may mount a small disk to fill');
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', folder]));
  chmodSync(folder, 0o711);
  return folder;
}
