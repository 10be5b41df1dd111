import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

// Files that only their owner may read, written so that a crash leaves the old content or the new, never half of one.

const MAX_FILE_BYTES = 256 * 1024;

export type PrivateFileResult =
  | { readonly outcome: 'read'; readonly text: string }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unsafe'; readonly mode: string }
  | { readonly outcome: 'unreadable'; readonly reason: string };

export function readPrivateFile(file: string): PrivateFileResult {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    // The descriptor's own status, not the path's: nobody can swap the file between the check and the read.
    const status = fstatSync(descriptor);
    if (!status.isFile()) return { outcome: 'unreadable', reason: 'not a regular file' };
    if (status.size > MAX_FILE_BYTES) return { outcome: 'unreadable', reason: 'too large' };
    if ((status.mode & 0o077) !== 0) return { outcome: 'unsafe', mode: (status.mode & 0o777).toString(8) };
    return { outcome: 'read', text: readFileSync(descriptor, 'utf8') };
  } catch (error) {
    const code = errorCode(error);
    return code === 'ENOENT' ? { outcome: 'absent' } : { outcome: 'unreadable', reason: code };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Creates the file unless it exists, and returns what it then holds, whoever wrote it. */
export function createFileOnce(file: string, text: string): string {
  ensureFolder(dirname(file));
  const temporary = writeTemporary(file, text, 0o600);
  try {
    linkSync(temporary, file); // refuses to replace, unlike rename
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return readFileSync(file, 'utf8');
  } finally {
    unlinkSync(temporary);
    syncFolder(dirname(file));
  }
  return text;
}

/** Puts the file in place whole, over an older one. */
export function replaceFile(file: string, content: string | Uint8Array, mode: number): void {
  ensureFolder(dirname(file));
  const temporary = writeTemporary(file, content, mode);
  renameSync(temporary, file);
  syncFolder(dirname(file));
}

/** A file that was written beside its place is made durable and put there. */
export function movedIntoPlace(temporary: string, file: string): void {
  const descriptor = openSync(temporary, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  syncFolder(dirname(file));
}

export function ensureFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

function writeTemporary(file: string, content: string | Uint8Array, mode: number): string {
  const temporary = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  const descriptor = openSync(temporary, 'wx', mode);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return temporary;
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
