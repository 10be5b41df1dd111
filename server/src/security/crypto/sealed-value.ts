import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { deriveKey } from './derive-key.ts';

// Sealing a value for one place (docs/decisions/0007-key-hierarchy.md).
//
//   sealed = version (1) ‖ epoch (4) ‖ salt (32) ‖ commitment (32) ‖ AES-256-GCM ciphertext ‖ tag (16)
//   key ‖ commitment = HKDF-SHA256(sealing key, salt, "valtronics/seal/" ‖ version, 64)
//   additional data  = everything before the ciphertext ‖ the place
//
// Why this is safe:
// - Each message has its own key from 256 random bits of salt, so the nonce may be constant: a key and nonce pair repeats only if a salt does, and the
//   number of messages under one sealing key is not limited by GCM's 96-bit nonces.
// - The place (organisation, table, column, row) is authenticated: a sealed value copied by someone who can write to the database into another row,
//   column or tenant does not open. Its encoding is canonical JSON of a fixed array, so two places never share an encoding.
// - GCM alone does not commit to its key: one ciphertext can be made that opens under two keys. The commitment is the second half of the same HKDF
//   output; two keys with one commitment would be a SHA-256 collision. It is compared in constant time before anything is decrypted.
// - The tag is always 16 bytes, and plaintext leaves only after it has been verified. Every refusal looks the same to the caller.

/** Where a sealed value belongs. `organisation` is null for what the whole instance owns. */
export interface Place {
  readonly organisation: number | null;
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

/** How it was sealed; anybody can read it, and it is authenticated. */
export interface SealHeader {
  /** 1: with the key of the epoch itself; 2: with a data key of the epoch. */
  readonly version: 1 | 2;
  readonly epoch: number;
}

export type SealProblem =
  | 'malformed'
  | 'unknown-version'
  | 'unknown-epoch'
  | 'retired-epoch'
  | 'no-key'
  | 'refused'
  | 'bad-input';

export class SealError extends Error {
  override readonly name = 'SealError';
  readonly problem: SealProblem;

  constructor(problem: SealProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

const SALT_BYTES = 32;
const COMMITMENT_BYTES = 32;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const SALT_START = 1 + 4;
const COMMITMENT_START = SALT_START + SALT_BYTES;
const HEADER_BYTES = COMMITMENT_START + COMMITMENT_BYTES;
const NONCE = Buffer.alloc(12);
const MAX_PLAINTEXT_BYTES = 16 * 1024 * 1024;
const MAX_PLACE_LENGTH = 256;

/** Bytes that sealing adds to a plaintext. */
export const SEAL_OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES;

/** Seals at most 16 MiB with a sealing key of 32 bytes. Throws a SealError for what is no text or no place. */
export function sealValue(
  sealingKey: Uint8Array,
  { version, epoch }: SealHeader,
  plaintext: Uint8Array | string,
  place: Place,
): Buffer {
  const bytes = toBytes(plaintext);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(version, 0);
  header.writeUInt32BE(epoch, 1);
  randomBytes(SALT_BYTES).copy(header, SALT_START);
  const { key, commitment } = messageKeys(sealingKey, header);
  commitment.copy(header, COMMITMENT_START);

  const cipher = createCipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, encodePlace(place)]));
  return Buffer.concat([header, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** Version and epoch of a sealed value, or a SealError for what is none. Whoever opens with them verifies them. */
export function readSealHeader(sealed: Uint8Array): SealHeader {
  const bytes = viewOf(sealed);
  if (bytes.length < SEAL_OVERHEAD_BYTES || bytes.length > SEAL_OVERHEAD_BYTES + MAX_PLAINTEXT_BYTES) {
    throw new SealError('malformed', 'a sealed value has an impossible length');
  }
  const version = bytes.readUInt8(0);
  if (version !== 1 && version !== 2) throw new SealError('unknown-version', 'a sealed value has an unknown version');
  return { version, epoch: bytes.readUInt32BE(1) };
}

/** The plaintext, whole and authentic, or a SealError. */
export function openValue(sealingKey: Uint8Array, sealed: Uint8Array, place: Place): Buffer {
  readSealHeader(sealed);
  const bytes = viewOf(sealed);
  const header = bytes.subarray(0, HEADER_BYTES);
  const { key, commitment } = messageKeys(sealingKey, header);
  if (!timingSafeEqual(commitment, header.subarray(COMMITMENT_START))) throw refused();

  const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([header, encodePlace(place)]));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const plaintext = decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES));
  try {
    return Buffer.concat([plaintext, decipher.final()]);
  } catch {
    plaintext.fill(0); // not authentic, so nobody may see it
    throw refused();
  }
}

function messageKeys(sealingKey: Uint8Array, header: Buffer): { key: Buffer; commitment: Buffer } {
  const salt = header.subarray(SALT_START, COMMITMENT_START);
  const label = `valtronics/seal/${header.readUInt8(0)}`;
  const output = deriveKey(sealingKey, salt, label, KEY_BYTES + COMMITMENT_BYTES);
  return { key: output.subarray(0, KEY_BYTES), commitment: output.subarray(KEY_BYTES) };
}

function encodePlace(place: Place): Buffer {
  const { organisation, table, column, row } = place;
  const isOrganisation = organisation === null || (Number.isSafeInteger(organisation) && organisation >= 0);
  const areNames = [table, column, row].every(
    (name) => name !== '' && name.length <= MAX_PLACE_LENGTH && name.isWellFormed(),
  );
  if (!isOrganisation || !areNames)
    throw new SealError('bad-input', 'a place must name organisation, table, column and row');
  return Buffer.from(canonicalJson(['valtronics/place/1', organisation, table, column, row]));
}

function toBytes(plaintext: Uint8Array | string): Uint8Array {
  // Encoding half of a surrogate pair would silently alter the text.
  if (typeof plaintext === 'string' && !plaintext.isWellFormed())
    throw new SealError('bad-input', 'a text to seal is not valid Unicode');
  const bytes = typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext;
  if (bytes.length > MAX_PLAINTEXT_BYTES) throw new SealError('bad-input', 'a value to seal is over 16 MiB');
  return bytes;
}

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function refused(): SealError {
  return new SealError('refused', 'a sealed value was altered, moved to another place, or sealed with another key');
}
