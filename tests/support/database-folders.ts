import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkSpace } from '../../server/src/platform/db/disk-space.ts';

const MEMORY_DISK = '/dev/shm';
const GIB = 1024 ** 3;

/**
 * Where test databases lie: in memory where there is plenty, since creating and cloning them is all waiting for the disk. PostgreSQL
 * runs with the same settings as ever; what a test can kill is a process, and those lose nothing either way.
 */
export function databaseFolderBase(): string {
  const isPlenty = existsSync(MEMORY_DISK) && checkSpace(MEMORY_DISK).freeBytes > 2 * GIB && freemem() > 4 * GIB;
  return isPlenty && allowsPrograms(MEMORY_DISK) ? MEMORY_DISK : tmpdir();
}

/** A new folder there, which another account may pass through: as root the database runs as one. */
export function newDatabaseFolder(prefix: string, mode = 0o711): string {
  const folder = mkdtempSync(join(databaseFolderBase(), prefix));
  chmodSync(folder, mode);
  return folder;
}

// Containers mount it "noexec", and the database brings its own programs.
function allowsPrograms(folder: string): boolean {
  const trial = mkdtempSync(join(folder, 'valtronics-trial-'));
  try {
    const program = join(trial, 'program');
    writeFileSync(program, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    execFileSync(program, { stdio: 'ignore', timeout: 5_000 });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}
