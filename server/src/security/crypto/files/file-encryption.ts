import type { Blocks } from '../../../lib/blocks.ts';
import { FileEncryptionError } from './file-encryption-error.ts';
import { type FileFormat, FORMAT_PEEK_BYTES, formatOf } from './file-format.ts';
import { createHeadReader, type HeadReader } from './head-reader.ts';
import {
  checkPassphraseHeader,
  type NewHeader,
  newPassphraseHeader,
  openPassphraseHeader,
  PASSPHRASE_HEADER_BYTES,
} from './passphrase-header.ts';
import { openStream, sealStream } from './sealed-stream.ts';

// Encrypting and decrypting files and other streams of any length in constant memory; docs/file-encryption.md says how it is used and
// specifies what is written.

/** Who can decrypt: whoever knows the passphrase, or whoever holds the identity of one of the age recipients (`age1…`). */
export type EncryptFor =
  | { readonly passphrase: string; readonly iterations?: number }
  | { readonly recipients: readonly string[] };

/** What there is to decrypt with. The passphrase is asked for only when the file is one that a passphrase opens. */
export interface DecryptWith {
  readonly passphrase?: () => Promise<string>;
  /** `AGE-SECRET-KEY-1…` */
  readonly identities?: readonly string[];
}

export interface FileStream {
  readonly format: FileFormat;
  /**
   * Encrypted or decrypted. What is decrypted is authentic block by block, but only when the iteration ends without an error is it known that
   * nothing is missing: what was written until an error is to be thrown away.
   */
  readonly blocks: AsyncGenerator<Uint8Array>;
}

/**
 * Encrypts a stream. Ready once the keys are there (a passphrase takes about half a second); the work itself is done as the blocks are read.
 * Throws a FileEncryptionError (`bad-input`).
 */
export async function encryptFile(plain: Blocks, to: EncryptFor): Promise<FileStream> {
  const isForPassphrase = 'passphrase' in to;
  const { header, key } = isForPassphrase
    ? await newPassphraseHeader(to.passphrase, to.iterations === undefined ? {} : { iterations: to.iterations })
    : await newAgeHeader(to.recipients);
  async function* blocks(): AsyncGenerator<Uint8Array> {
    yield header;
    yield* sealStream(plain, key);
  }
  return { format: isForPassphrase ? 'passphrase' : 'age', blocks: blocks() };
}

/**
 * Decrypts what `encryptFile`, or age, made. Ready once the header is found good. Throws a FileEncryptionError, and so does reading the blocks
 * (`refused`).
 */
export async function decryptFile(sealed: Blocks, keys: DecryptWith): Promise<FileStream> {
  const head = createHeadReader(sealed);
  try {
    const format = formatOf(await head.peek(FORMAT_PEEK_BYTES));
    const key = format === 'passphrase' ? await passphraseKey(head, keys) : await ageKey(head, keys);
    return { format, blocks: openStream(head.rest(), key) };
  } catch (error) {
    await head.close();
    throw error;
  }
}

async function passphraseKey(head: HeadReader, { passphrase }: DecryptWith) {
  const header = await head.take(PASSPHRASE_HEADER_BYTES);
  checkPassphraseHeader(header);
  if (!passphrase)
    throw new FileEncryptionError(
      'no-key',
      'the file was encrypted with a passphrase, and only age identities were given',
    );
  return openPassphraseHeader(header, await passphrase());
}

async function ageKey(head: HeadReader, { identities = [] }: DecryptWith) {
  if (identities.length === 0)
    throw new FileEncryptionError(
      'no-key',
      'the file was encrypted to age recipients: name the file of an identity with -i FILE',
    );
  const { openAgeHeader } = await ageHeaders();
  return openAgeHeader(head, identities);
}

async function newAgeHeader(recipients: readonly string[]): Promise<NewHeader> {
  return (await ageHeaders()).newAgeHeader(recipients);
}

/** Only when it is needed: its elliptic curves and post-quantum schemes take a quarter of the memory that all of this may take. */
const ageHeaders = () => import('./age-header.ts');
