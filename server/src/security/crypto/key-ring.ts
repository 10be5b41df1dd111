import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { RootKey } from './root-key.ts';

// Sealing a value for one place.
//
//   sealed = version (1) ‖ epoch (4) ‖ salt (32) ‖ commitment (32) ‖ AES-256-GCM ciphertext ‖ tag (16)
//   key ‖ commitment = HKDF-SHA256(epoch key, salt, "valtronics/seal/1", 64)
//   additional data  = everything before the ciphertext ‖ the place
//
// Why this is safe:
// - Each message has its own key from 256 random bits of salt, so the nonce may be constant: a key and nonce pair repeats only if a salt does, and the
//   number of messages under one epoch key is not limited by GCM's 96-bit nonces.
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

export interface KeyRing {
  seal(plaintext: Uint8Array | string, place: Place): Buffer;
  /** The plaintext, whole and authentic, or a SealError. */
  open(sealed: Uint8Array, place: Place): Buffer;
  /**
   * A name for a text (HMAC-SHA-256, 32 bytes): the same text has the same name within a purpose, and nobody without the root key can
   * find out which text it is, however few there are to try.
   */
  pseudonym(purpose: string, text: string): Buffer;
}

export type SealProblem = 'malformed' | 'unknown-version' | 'unknown-epoch' | 'refused' | 'bad-input';

export class SealError extends Error {
  override readonly name = 'SealError';
  readonly problem: SealProblem;

  constructor(problem: SealProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

const VERSION = 1;
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

// The one epoch so far is derived from the root key. The header names it, so wrapped epochs can be added and old ones refused.
const ACTIVE_EPOCH = 1;

export function createKeyRing(rootKey: RootKey): KeyRing {
  const pseudonymKey = rootKey.deriveKey('pseudonym/1');
  const epochKeys = new Map([[ACTIVE_EPOCH, rootKey.deriveKey(`seal-epoch/${ACTIVE_EPOCH}`)]]);

  return {
    seal(plaintext, place) {
      const bytes = toBytes(plaintext);
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt8(VERSION, 0);
      header.writeUInt32BE(ACTIVE_EPOCH, 1);
      randomBytes(SALT_BYTES).copy(header, SALT_START);
      const { key, commitment } = messageKeys(epochKeyOf(epochKeys, ACTIVE_EPOCH), header);
      commitment.copy(header, COMMITMENT_START);

      const cipher = createCipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.concat([header, encodePlace(place)]));
      return Buffer.concat([header, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },

    open(sealed, place) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (bytes.length < SEAL_OVERHEAD_BYTES || bytes.length > SEAL_OVERHEAD_BYTES + MAX_PLAINTEXT_BYTES) {
        throw new SealError('malformed', 'a sealed value has an impossible length');
      }
      if (bytes.readUInt8(0) !== VERSION)
        throw new SealError('unknown-version', 'a sealed value has an unknown version');
      const header = bytes.subarray(0, HEADER_BYTES);
      const { key, commitment } = messageKeys(epochKeyOf(epochKeys, bytes.readUInt32BE(1)), header);
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
    },

    // As canonical JSON of a fixed array, so that no purpose and text read like another pair of them.
    pseudonym: (purpose, text) =>
      createHmac('sha256', pseudonymKey)
        .update(canonicalJson(['valtronics/pseudonym/1', purpose, text]))
        .digest(),
  };
}

function messageKeys(epochKey: Buffer, header: Buffer): { key: Buffer; commitment: Buffer } {
  const salt = header.subarray(SALT_START, COMMITMENT_START);
  const output = Buffer.from(hkdfSync('sha256', epochKey, salt, 'valtronics/seal/1', KEY_BYTES + COMMITMENT_BYTES));
  return { key: output.subarray(0, KEY_BYTES), commitment: output.subarray(KEY_BYTES) };
}

function epochKeyOf(epochKeys: ReadonlyMap<number, Buffer>, epoch: number): Buffer {
  const key = epochKeys.get(epoch);
  if (key === undefined)
    throw new SealError('unknown-epoch', `a sealed value names key epoch ${epoch}, which is not in the key ring`);
  return key;
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

function refused(): SealError {
  return new SealError('refused', 'a sealed value was altered, moved to another place, or sealed with another key');
}
