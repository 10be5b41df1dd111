import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aStream, collect, released, someBytes } from './blocks.builders.ts';
import { CHUNK_BYTES, type StreamKey, TAG_BYTES } from './chunk-cipher.ts';
import { FileEncryptionError } from './file-encryption-error.ts';
import { openStream, sealStream } from './sealed-stream.ts';

// What comes out is what was put in or a beginning of it, and an end without an error means: all of it.

const SEALED_BYTES = CHUNK_BYTES + TAG_BYTES;

const aKey = (algorithm: StreamKey['algorithm']): StreamKey => ({ algorithm, key: randomBytes(32) });
const seal = (plain: Uint8Array, key: StreamKey, cuts?: number[]) => collect(sealStream(aStream(plain, cuts), key));

/** Lengths around the borders of chunks, where mistakes live. */
const lengths = fc.oneof(
  fc.nat(300),
  fc
    .record({ chunks: fc.integer({ min: 1, max: 4 }), off: fc.integer({ min: -2, max: 2 }) })
    .map(({ chunks, off }) => chunks * CHUNK_BYTES + off),
  fc.nat(4 * CHUNK_BYTES),
);
const cuts = fc.array(fc.nat(5 * CHUNK_BYTES), { maxLength: 8 });

async function expectRefused(sealed: Uint8Array, key: StreamKey, plain: Buffer, cutAt: number[] = []): Promise<void> {
  const { bytes, error } = await released(openStream(aStream(sealed, cutAt), key));
  expect(error).toBeInstanceOf(FileEncryptionError);
  expect(error).toMatchObject({ problem: 'refused' });
  expect(bytes.length).toBeLessThanOrEqual(plain.length);
  expect(bytes.equals(plain.subarray(0, bytes.length))).toBe(true);
}

describe.each(['aes-256-gcm', 'chacha20-poly1305'] as const)('%s', (algorithm) => {
  test('a stream of any length, in blocks of any size, comes out as it went in and has one length', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, cuts, cuts, async (length, cutsIn, cutsOut) => {
        const [plain, key] = [someBytes(length), aKey(algorithm)];
        const sealed = await seal(plain, key, cutsIn);
        expect(sealed.length).toBe(length + TAG_BYTES * Math.max(1, Math.ceil(length / CHUNK_BYTES)));
        expect((await collect(openStream(aStream(sealed, cutsOut), key))).equals(plain)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('a block larger than any of ours is cut', async () => {
    const [plain, key] = [someBytes(3_000_000), aKey(algorithm)];
    expect((await collect(openStream(aStream(await seal(plain, key)), key))).equals(plain)).toBe(true);
  });

  test('one flipped bit anywhere is refused', async () => {
    const [plain, key] = [someBytes(2 * CHUNK_BYTES + 1_000), aKey(algorithm)];
    const sealed = await seal(plain, key);
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length * 8 - 1), cuts, async (bit, cutAt) => {
        const altered = Buffer.from(sealed);
        altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await expectRefused(altered, key, plain, cutAt);
      }),
      { numRuns: 100 },
    );
  });

  test('what is cut short is refused, at every byte of the last tag and anywhere, also between two chunks', async () => {
    const [plain, key] = [someBytes(3 * CHUNK_BYTES), aKey(algorithm)];
    const sealed = await seal(plain, key);
    for (let missing = 1; missing <= TAG_BYTES + 1; missing += 1)
      await expectRefused(sealed.subarray(0, sealed.length - missing), key, plain);
    for (const chunks of [0, 1, 2]) await expectRefused(sealed.subarray(0, chunks * SEALED_BYTES), key, plain);
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), async (length) =>
        expectRefused(sealed.subarray(0, length), key, plain),
      ),
      { numRuns: 60 },
    );
  });

  test('chunks that are swapped, dropped, repeated or appended are refused', async () => {
    const [plain, key] = [someBytes(4 * CHUNK_BYTES + 77), aKey(algorithm)];
    const sealed = await seal(plain, key);
    const chunks = Array.from({ length: 5 }, (_, index) =>
      sealed.subarray(index * SEALED_BYTES, (index + 1) * SEALED_BYTES),
    );
    const places = fc.nat(4);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('swap', 'drop', 'repeat', 'append'), places, places, async (how, one, other) => {
        fc.pre(how !== 'swap' || one !== other);
        const changed = [...chunks];
        const [a = Buffer.alloc(0), b = Buffer.alloc(0)] = [chunks[one], chunks[other]];
        if (how === 'swap') [changed[one], changed[other]] = [b, a];
        if (how === 'drop') changed.splice(one, 1);
        if (how === 'repeat') changed.splice(other, 0, a);
        if (how === 'append') changed.push(a);
        await expectRefused(Buffer.concat(changed), key, plain);
      }),
      { numRuns: 80 },
    );
  });

  test('bytes behind the end are refused, after a short and after a full last chunk', async () => {
    for (const length of [0, 10, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES]) {
      const [plain, key] = [someBytes(length), aKey(algorithm)];
      const sealed = await seal(plain, key);
      for (const more of [1, TAG_BYTES, 200])
        await expectRefused(Buffer.concat([sealed, randomBytes(more)]), key, plain);
      await expectRefused(Buffer.concat([sealed, sealed]), key, plain);
    }
  });

  test('an empty last chunk behind others, which no writer makes, is refused', async () => {
    const [plain, key] = [someBytes(CHUNK_BYTES), aKey(algorithm)];
    // Made by hand: the first chunk as one that is followed, then an authentic last one of nothing.
    const longer = await seal(someBytes(CHUNK_BYTES + 1), key);
    const emptyLast = Buffer.alloc(TAG_BYTES);
    const { sealChunk, writeChunkNonce, NONCE_BYTES } = await import('./chunk-cipher.ts');
    const nonce = Buffer.alloc(NONCE_BYTES);
    writeChunkNonce(nonce, 1, true);
    sealChunk(key, nonce, Buffer.alloc(0), emptyLast, 0);
    await expectRefused(Buffer.concat([longer.subarray(0, SEALED_BYTES), emptyLast]), key, plain);
  });

  test('another key opens nothing', async () => {
    const plain = someBytes(CHUNK_BYTES + 5);
    await expectRefused(await seal(plain, aKey(algorithm)), aKey(algorithm), plain);
  });
});

test('a source that fails leaves no last chunk, so what was written does not open', async () => {
  const [plain, key] = [someBytes(3 * CHUNK_BYTES), aKey('aes-256-gcm')];
  async function* failing() {
    yield plain;
    throw new Error('the disk is gone');
  }
  const { bytes, error } = await released(sealStream(failing(), key));
  expect(error).toMatchObject({ message: 'the disk is gone' });
  await expectRefused(bytes, key, plain);
});

describe('a block holds until the one after the next is asked for, whatever the pieces it was made of', () => {
  test.each([5_000_000, 70_000, 16_384, 1_000])('%i bytes', async (size) => {
    const key = aKey('aes-256-gcm');
    const plain = someBytes(5_000_000);
    const pieces = Array.from({ length: Math.floor(plain.length / size) }, (_, index) => (index + 1) * size);
    const sealed = await collect(sealStream(aStream(plain, pieces), key));
    expect((await collect(openStream(aStream(sealed, pieces), key))).equals(plain)).toBe(true);
  });
});
