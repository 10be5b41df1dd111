import { randomBytes } from 'node:crypto';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Blocks } from '../../lib/blocks.ts';

/** The file could not be written; one line that names it, the cause and the remedy. */
export class FileOutputError extends Error {
  override readonly name = 'FileOutputError';
}

export interface CompleteFile {
  readonly target: string;
  /** Whether a file that is there already is replaced; otherwise it stays as it is and the work fails. */
  readonly replaces: boolean;
  /** How a finished file gets its name; link(2) unless a test says otherwise. */
  readonly linkFile?: typeof link;
}

/** Whether a file has the name under which one grows: left by somebody who was killed, or being written. */
export const isUnfinished = (name: string): boolean => /^\.valtronics-[0-9a-f]{16}\.tmp$/.test(name);

/**
 * Writes a file (mode 0600) of which nothing is to be seen until all of it is on the disk: it grows under another name beside its target and
 * gets its own name at the end. An error of the blocks or of the disk leaves the target as it was. Throws a FileOutputError, or what reading the
 * blocks throws.
 */
export async function writeCompleteFile(
  { target, replaces, linkFile = link }: CompleteFile,
  blocks: Blocks,
): Promise<void> {
  await assertMayBeWritten(target, replaces);
  // Not made of the target's name, which may be as long as names can be.
  const temporary = join(dirname(target), `.valtronics-${randomBytes(8).toString('hex')}.tmp`);
  const handle = await open(temporary, 'wx', 0o600).catch((error: unknown) => {
    throw cannotWrite(target, error);
  });
  try {
    try {
      await writeBlocks(handle, blocks, target);
    } finally {
      await handle.close();
    }
    await (replaces ? rename(temporary, target) : nameOnce(temporary, target, linkFile)).catch((error: unknown) => {
      throw isThere(error) ? alreadyThere(target) : cannotWrite(target, error);
    });
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(target));
}

/** Said before the work, which may take long. What counts is how the file gets its name at the end. */
async function assertMayBeWritten(target: string, replaces: boolean): Promise<void> {
  const status = await lstat(target).catch(() => undefined);
  if (!status) return;
  if (!status.isFile())
    throw new FileOutputError(`${target} is no regular file, and is not replaced by one: choose another name`);
  if (!replaces) throw alreadyThere(target);
}

/** A block is written while the next one is being made. */
async function writeBlocks(handle: FileHandle, blocks: Blocks, target: string): Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const block of blocks) {
      await writing;
      writing = writeAll(handle, block).catch((error: unknown) => {
        throw cannotWrite(target, error);
      });
      // Thrown where it is waited for, after the next block; until then it is not unhandled.
      writing.catch(() => undefined);
    }
  } finally {
    // Also after an error of the blocks: the file must not be closed under a write.
    await writing;
  }
  await handle.sync().catch((error: unknown) => {
    throw cannotWrite(target, error);
  });
}

async function writeAll(handle: FileHandle, block: Uint8Array): Promise<void> {
  for (let at = 0; at < block.length; ) at += (await handle.write(block, at)).bytesWritten;
}

/** link(2) refuses to replace, which rename(2) does not. */
async function nameOnce(temporary: string, target: string, linkFile: typeof link): Promise<void> {
  try {
    await linkFile(temporary, target);
  } catch (error) {
    if (!hasNoLinks(error)) throw error;
    // FAT and some shares know no hard links: there, between this look and the renaming, another program's file could be replaced.
    await assertMayBeWritten(target, false);
    await rename(temporary, target);
    return;
  }
  await unlink(temporary);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
const isThere = (error: unknown): boolean => codeOf(error) === 'EEXIST';
const hasNoLinks = (error: unknown): boolean => ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error));

function alreadyThere(target: string): FileOutputError {
  return new FileOutputError(`${target} is there already: choose another name, or have it replaced with --force`);
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no space left: make room, or choose another place',
  EDQUOT: 'the quota is used up: make room, or choose another place',
  EACCES: 'its folder may not be written to by this user: choose another',
  EROFS: 'its folder may only be read: choose another',
  ENOENT: 'its folder does not exist: make it first',
};

function cannotWrite(target: string, cause: unknown): FileOutputError {
  if (cause instanceof FileOutputError) return cause;
  const code = codeOf(cause);
  return new FileOutputError(`${basename(target)} cannot be written: ${REMEDIES[code] ?? code}`, { cause });
}
