import { hkdfSync, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { StreamKey } from './chunk-cipher.ts';
import { FileEncryptionError } from './file-encryption-error.ts';
import { PASSPHRASE_MAGIC } from './file-format.ts';

// The header of a file that a passphrase opens; docs/file-encryption.md specifies it for others.
//
//   header     = "VALTRONICS-FILE" ‖ version (1) ‖ iterations (4, big-endian) ‖ salt (32) ‖ nonce (32) ‖ commitment (32)
//   master     = PBKDF2-HMAC-SHA-256(passphrase, salt, iterations, 32)
//   key ‖ commitment = HKDF-SHA-256(master, salt: nonce, info: "valtronics/file/1" ‖ header without the commitment, 64)
//
// Why this is safe:
// - Every byte of the header goes into the keys or is the commitment itself: a header that differs in one bit does not open.
// - Salt and nonce are 256 random bits each for every file, so no key encrypts two streams.
// - GCM alone does not commit to its key: one file could be made that opens differently under two passphrases. The commitment is the second
//   half of the same HKDF output, and two passphrases with one commitment would be a collision of SHA-256.
// - The iterations are bounded before anything is derived: a file from a stranger cannot keep the processor busy for hours, and a file made
//   with fewer than is safe is not taken for one of ours.

const MAGIC = Buffer.from(PASSPHRASE_MAGIC, 'latin1');
const VERSION = 1;
const SALT_BYTES = 32;
const KEY_BYTES = 32;
const COMMITMENT_BYTES = 32;
const ITERATIONS_START = MAGIC.length + 1;
const SALT_START = ITERATIONS_START + 4;
const FILE_NONCE_START = SALT_START + SALT_BYTES;
const COMMITMENT_START = FILE_NONCE_START + SALT_BYTES;
const INFO = Buffer.from('valtronics/file/1', 'latin1');

export const PASSPHRASE_HEADER_BYTES = COMMITMENT_START + COMMITMENT_BYTES;

/** OWASP's Password Storage Cheat Sheet asks for 600,000 of PBKDF2-HMAC-SHA-256; a file is guessed at without anybody counting, so more. */
export const ITERATIONS = { least: 600_000, most: 10_000_000, ofNewFiles: 1_000_000 } as const;

/** What NIST SP 800-63B-4 (3.1.1.2) asks of a password that protects alone; in characters. */
const LEAST_CHARACTERS = 15;
const MOST_BYTES = 1_024;

/** PBKDF2-HMAC-SHA-256 of node:crypto: passphrase, salt, iterations → 32 bytes. */
export type DeriveMaster = (passphrase: Uint8Array, salt: Uint8Array, iterations: number) => Promise<Uint8Array>;

const pbkdf2Async = promisify(pbkdf2);
export const deriveMaster: DeriveMaster = (passphrase, salt, iterations) =>
  pbkdf2Async(passphrase, salt, iterations, KEY_BYTES, 'sha256');

export interface NewHeader {
  readonly header: Buffer;
  readonly key: StreamKey;
}

/**
 * A header for a new file and the key of its stream. Takes about half a second. Throws a FileEncryptionError (`bad-input`) for a passphrase
 * of fewer than 15 characters or over 1,024 bytes, and for iterations outside of the bounds.
 */
export async function newPassphraseHeader(
  passphrase: string,
  options: {
    readonly iterations?: number;
    readonly random?: (bytes: number) => Uint8Array;
    readonly derive?: DeriveMaster;
  } = {},
): Promise<NewHeader> {
  const { iterations = ITERATIONS.ofNewFiles, random = randomBytes, derive = deriveMaster } = options;
  if ([...passphrase.normalize('NFC')].length < LEAST_CHARACTERS)
    throw new FileEncryptionError(
      'bad-input',
      `the passphrase has fewer than ${LEAST_CHARACTERS} characters: whoever has the file may guess as long as they like, so take five words or more`,
    );
  if (!areWithinBounds(iterations)) throw new FileEncryptionError('bad-input', boundsOf('the iterations asked for'));
  const header = Buffer.alloc(PASSPHRASE_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt8(VERSION, MAGIC.length);
  header.writeUInt32BE(iterations, ITERATIONS_START);
  header.set(random(SALT_BYTES), SALT_START);
  header.set(random(SALT_BYTES), FILE_NONCE_START);
  const { key, commitment } = await keysOf(header, passphrase, derive);
  commitment.copy(header, COMMITMENT_START);
  return { header, key };
}

/**
 * The key of the stream behind a header. Throws a FileEncryptionError: `malformed` for a header outside of its bounds, before anything is
 * derived; `unknown-version`; `wrong-key` for another passphrase or an altered header, which cannot be told apart.
 */
export async function openPassphraseHeader(
  header: Buffer,
  passphrase: string,
  derive: DeriveMaster = deriveMaster,
): Promise<StreamKey> {
  checkPassphraseHeader(header);
  const { key, commitment } = await keysOf(header, passphrase, derive);
  if (!timingSafeEqual(commitment, header.subarray(COMMITMENT_START)))
    throw new FileEncryptionError(
      'wrong-key',
      'the passphrase is not that of this file, or the file’s header was altered',
    );
  return key;
}

/** What can be said of a header without the passphrase, so that nobody is asked for one in vain. Throws as `openPassphraseHeader` does. */
export function checkPassphraseHeader(header: Buffer): void {
  if (header.length > MAGIC.length && header.readUInt8(MAGIC.length) !== VERSION)
    throw new FileEncryptionError(
      'unknown-version',
      `the file has version ${header.readUInt8(MAGIC.length)} of the format, and this program knows ${VERSION}: update it`,
    );
  if (header.length !== PASSPHRASE_HEADER_BYTES)
    throw new FileEncryptionError(
      'malformed',
      'the file ends within its header: take it from its origin or a backup again',
    );
  if (!areWithinBounds(header.readUInt32BE(ITERATIONS_START)))
    throw new FileEncryptionError('malformed', boundsOf('the iterations its header names'));
}

async function keysOf(header: Buffer, passphrase: string, derive: DeriveMaster) {
  const master = await derive(
    bytesOf(passphrase),
    header.subarray(SALT_START, FILE_NONCE_START),
    header.readUInt32BE(ITERATIONS_START),
  );
  const salt = header.subarray(FILE_NONCE_START, COMMITMENT_START);
  const info = Buffer.concat([INFO, header.subarray(0, COMMITMENT_START)]);
  const output = Buffer.from(hkdfSync('sha256', master, salt, info, KEY_BYTES + COMMITMENT_BYTES));
  const key: StreamKey = { algorithm: 'aes-256-gcm', key: output.subarray(0, KEY_BYTES) };
  return { key, commitment: output.subarray(KEY_BYTES) };
}

/** In Unicode's composed form (NFC), or a passphrase typed on another system would be another one. */
function bytesOf(passphrase: string): Buffer {
  const bytes = Buffer.from(passphrase.normalize('NFC'));
  // Encoding half of a surrogate pair would silently alter the text.
  if (bytes.length === 0 || bytes.length > MOST_BYTES || !passphrase.isWellFormed())
    throw new FileEncryptionError('bad-input', `a passphrase is valid Unicode of 1 to ${MOST_BYTES} bytes`);
  return bytes;
}

function areWithinBounds(iterations: number): boolean {
  return Number.isSafeInteger(iterations) && iterations >= ITERATIONS.least && iterations <= ITERATIONS.most;
}

function boundsOf(what: string): string {
  const [least, most] = [ITERATIONS.least, ITERATIONS.most].map((bound) => bound.toLocaleString('en'));
  return `${what} are not between ${least} and ${most}`;
}
