import { createHash } from 'node:crypto';
import { decompress } from '../../platform/files/zstd.ts';
import { decryptFile } from '../crypto/files/file-encryption.ts';
import { FileEncryptionError } from '../crypto/files/file-encryption-error.ts';
import { ArchiveError, type ArchiveSink, readArchive } from './archive.ts';
import { BackupError } from './backup-error.ts';
import type { BackupStore } from './backup-store.ts';
import { watched } from './create-backup.ts';
import { damaged, type Manifest } from './manifest.ts';

export interface ReadingOptions {
  /** Bytes of the encrypted file. */
  onProgress(bytes: number): void;
  readonly signal: AbortSignal;
}

/** Whether the encrypted file is the one the manifest speaks of. No identity is needed. Throws a BackupError. */
export async function checkFile(store: BackupStore, manifest: Manifest, options: ReadingOptions): Promise<void> {
  const { blocks, assertWhole } = await fileOf(store, manifest, options);
  for await (const _ of blocks);
  assertWhole();
}

/**
 * Decrypts a backup and gives its rows to the sink, in one pass, held against the manifest and the list of its contents at the end: what the
 * sink was given is good only once this returns. Throws a BackupError.
 */
export async function openBackup(
  store: BackupStore,
  manifest: Manifest,
  options: ReadingOptions & { readonly identities: readonly string[]; readonly sink: ArchiveSink },
) {
  const { name, contents } = manifest;
  const { blocks, assertWhole } = await fileOf(store, manifest, options);
  try {
    const plain = await decryptFile(blocks, { identities: options.identities });
    const read = await readArchive(decompress(plain.blocks), options.sink);
    assertWhole();
    if (read.summary.sha256 !== contents.sha256) throw damaged(name, 'it holds something else than its manifest says');
    return read;
  } catch (error) {
    const fault = asBackupError(name, error);
    // A header that was altered, and another file in its place, look like a wrong identity.
    if (fault instanceof BackupError && fault.problem === 'wrong-key') await checkFile(store, manifest, options);
    throw fault;
  }
}

async function fileOf(store: BackupStore, { name, file }: Manifest, { onProgress, signal }: ReadingOptions) {
  const found = await store.file(name);
  if (!found) throw damaged(name, `its file is not in ${store.place}`);
  const digest = createHash('sha256');
  let bytes = 0;
  return {
    blocks: watched(found.blocks, (block) => {
      signal.throwIfAborted();
      digest.update(block);
      bytes += block.length;
      onProgress(block.length);
    }),
    assertWhole() {
      if (bytes !== file.bytes) throw damaged(name, `its file has ${bytes} bytes instead of ${file.bytes}`);
      if (digest.digest('hex') !== file.sha256) throw damaged(name, 'its file was altered');
    },
  };
}

/** What opening one found, as what it says of the backup. */
export function asBackupError(name: string, error: unknown): unknown {
  if (error instanceof ArchiveError) return damaged(name, error.message, error);
  if (error instanceof FileEncryptionError)
    return ['refused', 'malformed', 'not-encrypted', 'unknown-version'].includes(error.problem)
      ? damaged(name, error.message, error)
      : new BackupError('wrong-key', `${name} cannot be opened: ${error.message}`, { cause: error });
  // What zlib says of bytes that are no zstd: authentic, so it was encrypted like this.
  if (error instanceof Error && 'code' in error && /^ZSTD_|^Z_/.test(String(error.code)))
    return damaged(name, `what is in it cannot be decompressed (${error.message})`, error);
  return error;
}
