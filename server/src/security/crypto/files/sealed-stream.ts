import { BLOCK_BYTES, type Blocks } from '../../../lib/blocks.ts';
import {
  CHUNK_BYTES,
  NONCE_BYTES,
  openChunk,
  type StreamKey,
  sealChunk,
  TAG_BYTES,
  writeChunkNonce,
} from './chunk-cipher.ts';
import { createChunkCutter } from './chunk-cutter.ts';
import { FileEncryptionError } from './file-encryption-error.ts';

// The STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár ("Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance",
// CRYPTO 2015) as age uses it: chunks of 64 KiB, each with a tag, under nonces that hold the chunk's number and whether it is the last.
//
// Why this is safe:
// - A key encrypts one stream, so a nonce that counts never repeats.
// - A chunk in another place has another number, a chunk of another file another key: neither opens.
// - Where a stream is cut short, its last chunk lacks the flag; where it goes on behind its end, a chunk with the flag is read without it.
// - The last chunk is empty only in an empty stream, so each plaintext has one length of ciphertext.
// - Plaintext leaves chunk by chunk and only after its tag was verified. That all of it has come is known when the iteration ends without an
//   error, so whoever acts on a part of it acts on a beginning.

/** In one block there are at most these, one of them begun in the block before. */
const CHUNKS_A_BLOCK = BLOCK_BYTES / CHUNK_BYTES + 1;
const OUTPUT_BYTES = CHUNKS_A_BLOCK * (CHUNK_BYTES + TAG_BYTES);

/** Encrypts a stream. An error of the source ends it without a last chunk, so that what was written until then does not open. */
export async function* sealStream(plain: Blocks, key: StreamKey): AsyncGenerator<Uint8Array> {
  const cutter = createChunkCutter(CHUNK_BYTES);
  const nonce = Buffer.alloc(NONCE_BYTES);
  const outputs = outputRing();
  let index = 0;
  const seal = (chunk: Uint8Array, isLast: boolean, target: Buffer, at: number): number => {
    writeChunkNonce(nonce, index, isLast);
    index += 1;
    return sealChunk(key, nonce, chunk, target, at);
  };
  for await (const piece of inPieces(plain)) {
    let length = 0;
    for (const chunk of cutter.push(piece)) length += seal(chunk, false, outputs.free(), length);
    if (length > 0) yield outputs.handOut(length);
  }
  yield outputs.handOut(seal(cutter.last(), true, outputs.free(), 0));
}

/**
 * Decrypts a stream. Every byte it yields is authentic and in its place; only its ordinary end says that none is missing. Throws a
 * FileEncryptionError (`refused`) where the stream was altered, cut short, reordered, extended, or made with another key.
 */
export async function* openStream(sealed: Blocks, key: StreamKey): AsyncGenerator<Uint8Array> {
  const cutter = createChunkCutter(CHUNK_BYTES + TAG_BYTES);
  const nonce = Buffer.alloc(NONCE_BYTES);
  const outputs = outputRing();
  let index = 0;
  const open = (chunk: Uint8Array, isLast: boolean, target: Buffer, at: number): number => {
    writeChunkNonce(nonce, index, isLast);
    const length = openChunk(key, nonce, chunk, target, at);
    if (length === undefined || (isLast && length === 0 && index > 0)) throw refused(index);
    index += 1;
    return length;
  };
  for await (const piece of inPieces(sealed)) {
    let length = 0;
    for (const chunk of cutter.push(piece)) length += open(chunk, false, outputs.free(), length);
    if (length > 0) yield outputs.handOut(length);
  }
  const length = open(cutter.last(), true, outputs.free(), 0);
  if (length > 0) yield outputs.handOut(length);
}

/**
 * Two outputs, one of them free: the other holds what was handed out last, which the reader of a stream of blocks may still be writing. So they
 * change places when a block is handed out and never otherwise; a piece that completes no chunk hands out none.
 */
function outputRing() {
  let [free, handedOut] = [Buffer.alloc(OUTPUT_BYTES), Buffer.alloc(OUTPUT_BYTES)];
  return {
    free: () => free,
    handOut(length: number): Buffer {
      [free, handedOut] = [handedOut, free];
      return handedOut.subarray(0, length);
    },
  };
}

/** No larger than what an output has room for. */
async function* inPieces(blocks: Blocks): AsyncGenerator<Uint8Array> {
  for await (const block of blocks) {
    for (let at = 0; at < block.length; at += BLOCK_BYTES) yield block.subarray(at, at + BLOCK_BYTES);
  }
}

function refused(index: number): FileEncryptionError {
  const place = (index * CHUNK_BYTES).toLocaleString('en');
  return new FileEncryptionError(
    'refused',
    `the encrypted file was altered, cut short or added to, behind byte ${place} of what it holds: take it from its origin or a backup again`,
  );
}
