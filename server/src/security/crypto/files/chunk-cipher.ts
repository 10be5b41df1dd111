import { createCipheriv, createDecipheriv } from 'node:crypto';
import { FileEncryptionError } from './file-encryption-error.ts';

/** Bytes of plaintext in each chunk but the last. */
export const CHUNK_BYTES = 64 * 1024;
export const TAG_BYTES = 16;
export const NONCE_BYTES = 12;

/** 2³² chunks, 256 TiB: a bound that no file reaches, so that no counter is ever near its end. */
const MAX_CHUNKS = 2 ** 32;

/** A 256-bit key that encrypts one stream and nothing else, and what with. */
export interface StreamKey {
  readonly algorithm: 'aes-256-gcm' | 'chacha20-poly1305';
  readonly key: Uint8Array;
}

/** Writes the nonce of a chunk: its number in 11 bytes, big-endian, then 1 for the last chunk and 0 for all others (as in age). */
export function writeChunkNonce(nonce: Buffer, index: number, isLast: boolean): void {
  if (!Number.isSafeInteger(index) || index < 0 || index >= MAX_CHUNKS)
    throw new FileEncryptionError('bad-input', 'a stream is longer than 256 TiB: split it');
  nonce.fill(0);
  nonce.writeUInt32BE(index, NONCE_BYTES - 5);
  nonce.writeUInt8(isLast ? 1 : 0, NONCE_BYTES - 1);
}

/** Encrypts a chunk to `target` at `at`, tag behind it; says how many bytes that were. */
export function sealChunk(
  stream: StreamKey,
  nonce: Uint8Array,
  chunk: Uint8Array,
  target: Uint8Array,
  at: number,
): number {
  const cipher = cipherOf(stream, nonce);
  const body = cipher.update(chunk);
  cipher.final();
  target.set(body, at);
  target.set(cipher.getAuthTag(), at + body.length);
  const written = body.length + TAG_BYTES;
  giveBack(body);
  return written;
}

/** Decrypts a chunk and its tag to `target` at `at`, once it is known to be authentic; says how many bytes, or undefined when it is not. */
export function openChunk(
  stream: StreamKey,
  nonce: Uint8Array,
  sealed: Uint8Array,
  target: Uint8Array,
  at: number,
): number | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const decipher = decipherOf(stream, nonce);
  decipher.setAuthTag(sealed.subarray(end));
  const body = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    body.fill(0); // not authentic, so nobody may see it
    return undefined;
  }
  target.set(body, at);
  const { length } = body;
  giveBack(body);
  return length;
}

function cipherOf({ algorithm, key }: StreamKey, nonce: Uint8Array) {
  const options = { authTagLength: TAG_BYTES };
  return algorithm === 'aes-256-gcm'
    ? createCipheriv(algorithm, key, nonce, options)
    : createCipheriv(algorithm, key, nonce, options);
}

function decipherOf({ algorithm, key }: StreamKey, nonce: Uint8Array) {
  const options = { authTagLength: TAG_BYTES };
  return algorithm === 'aes-256-gcm'
    ? createDecipheriv(algorithm, key, nonce, options)
    : createDecipheriv(algorithm, key, nonce, options);
}

/**
 * Frees what a cipher returned at once. Node gives each result memory of its own; left to the collector, which sees only a small object, a
 * hundred megabytes of them wait to be collected, and fresh memory costs more than the encryption.
 */
function giveBack(body: Buffer<ArrayBuffer>): void {
  if (body.length > 0 && body.buffer.byteLength === body.length) body.buffer.transfer(0);
}
