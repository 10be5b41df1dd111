import { createHash } from 'node:crypto';
import type { Blocks } from '../../../lib/blocks.ts';
import { compress, decompress } from '../../../platform/files/zstd.ts';
import { decryptFile, encryptFile } from '../../crypto/files/file-encryption.ts';
import { BackupError } from '../backup-error.ts';
import { watched } from '../create-backup.ts';
import { damaged } from '../manifest.ts';
import { asBackupError, type ReadingOptions } from '../open-backup.ts';
import type { ChainStore } from './chain-store.ts';

/** What lies in the store: digests of the file as it is there. */
export interface KeptFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** Compressed, encrypted, kept; in one pass, and nothing in clear touches a disk. */
export async function keepSealed(
  store: ChainStore,
  name: string,
  plain: Blocks,
  recipients: readonly string[],
): Promise<{ file: KeptFile; plain: { sha256: string } }> {
  const [before, after] = [createHash('sha256'), createHash('sha256')];
  let bytes = 0;
  const { blocks } = await encryptFile(compress(watched(plain, (block) => void before.update(block))), { recipients });
  await store.keepFile(
    name,
    watched(blocks, (block) => {
      after.update(block);
      bytes += block.length;
    }),
  );
  return { file: { bytes, sha256: after.digest('hex') }, plain: { sha256: before.digest('hex') } };
}

/** What `keepSealed` kept, in clear. What was read is good only once the iteration ends without an error, which is a BackupError. */
export async function* openSealed(
  store: ChainStore,
  {
    name,
    file,
    plain,
  }: { readonly name: string; readonly file: KeptFile; readonly plain?: { readonly sha256: string } },
  { identities, onProgress, signal }: ReadingOptions & { readonly identities: readonly string[] },
): AsyncGenerator<Uint8Array> {
  const kept = await blocksOf(store, { name, file });
  const [sealedDigest, plainDigest] = [createHash('sha256'), createHash('sha256')];
  const sealed = watched(kept, (block) => {
    signal.throwIfAborted();
    sealedDigest.update(block);
    onProgress(block.length);
  });
  try {
    const opened = await decryptFile(sealed, { identities });
    for await (const block of decompress(opened.blocks)) {
      plainDigest.update(block);
      yield block;
    }
  } catch (error) {
    if (signal.aborted) throw error;
    const fault = asBackupError(name, error);
    // A header that was altered, and another file in its place, look like a wrong identity.
    if (fault instanceof BackupError && fault.problem === 'wrong-key')
      await checkSealed(store, { name, file }, { onProgress: () => undefined, signal });
    throw fault;
  }
  if (sealedDigest.digest('hex') !== file.sha256 || (plain && plainDigest.digest('hex') !== plain.sha256))
    throw damaged(name, 'its file was altered');
}

/** Whether the encrypted file is the one that was kept. No identity is needed. Throws a BackupError. */
export async function checkSealed(
  store: ChainStore,
  { name, file }: { readonly name: string; readonly file: KeptFile },
  { onProgress, signal }: ReadingOptions,
): Promise<void> {
  const sealed = watched(await blocksOf(store, { name, file }), (block) => {
    signal.throwIfAborted();
    onProgress(block.length);
  });
  if ((await sha256Of(sealed)) !== file.sha256) throw damaged(name, 'its file was altered');
}

/** Of a file that is as long as the one that was kept. */
async function blocksOf(
  store: ChainStore,
  { name, file }: { readonly name: string; readonly file: KeptFile },
): Promise<Blocks> {
  const found = await store.file(name);
  if (!found) throw damaged(name, `its file is not in ${store.place}`);
  if (found.bytes !== file.bytes) throw damaged(name, `its file has ${found.bytes} bytes instead of ${file.bytes}`);
  return found.blocks;
}

/** In hexadecimal. */
export async function sha256Of(blocks: Blocks): Promise<string> {
  const digest = createHash('sha256');
  for await (const block of blocks) digest.update(block);
  return digest.digest('hex');
}
