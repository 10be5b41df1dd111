import { createCipheriv, createDecipheriv } from 'node:crypto';

// AES-256 key wrap with padding: KWP of NIST SP 800-38F, 6.3, which is RFC 5649. Deterministic and authenticated: a wrapped key needs no nonce, and
// one that was altered, or wrapped under another key, is refused. That rests on 64 bits which must come out right, a constant and the length: a
// forger succeeds about once in 2^60 attempts, which is why what is wrapped here are random keys, a few each, and never data. It takes no additional
// data, so whoever wraps derives a wrapping key for exactly what is wrapped.

const ALGORITHM = 'id-aes256-wrap-pad';
const WRAPPING_KEY_BYTES = 32;
/** The constant half of the initial value (RFC 5649, 3); the other half, the length, is put in by the cipher. */
const INITIAL_VALUE = Buffer.from('a65959a6', 'hex');
/** Keys are short; what is longer is no key. */
const MAX_KEY_BYTES = 1_024;
const BLOCK_BYTES = 8;

/** A wrapped key was altered, moved, or wrapped under another key. Which of them cannot be known. */
export class KeyWrapError extends Error {
  override readonly name = 'KeyWrapError';
}

/** Wraps a key of 1 to 1,024 bytes under one of 32 bytes. The result is 8 to 15 bytes longer: 40 for a key of 32. */
export function wrapKey(wrappingKey: Uint8Array, key: Uint8Array): Buffer {
  assertWrappingKey(wrappingKey);
  if (key.length === 0 || key.length > MAX_KEY_BYTES) throw new RangeError('a key to wrap has 1 to 1,024 bytes');
  const cipher = createCipheriv(ALGORITHM, wrappingKey, INITIAL_VALUE);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** The key, whole and authentic, or a KeyWrapError. */
export function unwrapKey(wrappingKey: Uint8Array, wrapped: Uint8Array): Buffer {
  assertWrappingKey(wrappingKey);
  const isPossible = wrapped.length >= 2 * BLOCK_BYTES && wrapped.length <= MAX_KEY_BYTES + BLOCK_BYTES;
  if (!isPossible || wrapped.length % BLOCK_BYTES !== 0) throw refused();
  const decipher = createDecipheriv(ALGORITHM, wrappingKey, INITIAL_VALUE);
  try {
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    // Without the cause: OpenSSL tells apart what nobody outside should.
    throw refused();
  }
}

function assertWrappingKey(wrappingKey: Uint8Array): void {
  if (wrappingKey.length !== WRAPPING_KEY_BYTES) throw new RangeError('a wrapping key has 32 bytes');
}

const refused = (): KeyWrapError =>
  new KeyWrapError('a wrapped key was altered, moved to another place, or wrapped under another key');
