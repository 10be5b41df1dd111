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
  const next = outputRing();
  let index = 0;
  const seal = (chunk: Uint8Array, isLast: boolean, target: Buffer, at: number): number => {
    writeChunkNonce(nonce, index, isLast);
    index += 1;
    return sealChunk(key, nonce, chunk, target, at);
  };
  for await (const piece of inPieces(plain)) {
    const target = next();
    let length = 0;
    for (const chunk of cutter.push(piece)) length += seal(chunk, false, target, length);
    if (length > 0) yield target.subarray(0, length);
  }
  const target = next();
  yield target.subarray(0, seal(cutter.last(), true, target, 0));
}

/**
 * Decrypts a stream. Every byte it yields is authentic and in its place; only its ordinary end says that none is missing. Throws a
 * FileEncryptionError (`refused`) where the stream was altered, cut short, reordered, extended, or made with another key.
 */
export async function* openStream(sealed: Blocks, key: StreamKey): AsyncGenerator<Uint8Array> {
  const cutter = createChunkCutter(CHUNK_BYTES + TAG_BYTES);
  const nonce = Buffer.alloc(NONCE_BYTES);
  const next = outputRing();
  let index = 0;
  const open = (chunk: Uint8Array, isLast: boolean, target: Buffer, at: number): number => {
    writeChunkNonce(nonce, index, isLast);
    const length = openChunk(key, nonce, chunk, target, at);
    if (length === undefined || (isLast && length === 0 && index > 0)) throw refused(index);
    index += 1;
    return length;
  };
  for await (const piece of inPieces(sealed)) {
    const target = next();
    let length = 0;
    for (const chunk of cutter.push(piece)) length += open(chunk, false, target, length);
    if (length > 0) yield target.subarray(0, length);
  }
  const target = next();
  const length = open(cutter.last(), true, target, 0);
  if (length > 0) yield target.subarray(0, length);
}

/** Two outputs in turn, which is what a stream of blocks promises its reader. */
function outputRing(): () => Buffer {
  const outputs = [Buffer.alloc(OUTPUT_BYTES), Buffer.alloc(OUTPUT_BYTES)] as const;
  let turn: 0 | 1 = 0;
  return () => {
    turn = turn === 0 ? 1 : 0;
    return outputs[turn];
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
