import type { Blocks } from '../../../lib/blocks.ts';

/** A stream of these bytes, cut at these places. */
export async function* aStream(bytes: Uint8Array, cuts: readonly number[] = []): AsyncGenerator<Uint8Array> {
  const ends = [...new Set([...cuts.filter((cut) => cut > 0 && cut < bytes.length), bytes.length])].sort(
    (a, b) => a - b,
  );
  let at = 0;
  for (const end of ends) {
    yield bytes.subarray(at, end);
    at = end;
  }
}

export async function collect(blocks: Blocks): Promise<Buffer<ArrayBuffer>> {
  const { bytes, error } = await released(blocks);
  if (error !== undefined) throw error;
  return bytes;
}

/** Everything that came, and how it ended. Each block is looked at when the next one is there, until when it is to hold. */
export async function released(blocks: Blocks): Promise<{ bytes: Buffer<ArrayBuffer>; error: unknown }> {
  const parts: Buffer<ArrayBuffer>[] = [];
  let before: { readonly block: Uint8Array; readonly as: Buffer } | undefined;
  try {
    for await (const block of blocks) {
      if (before && !before.as.equals(before.block)) throw new Error('a block was written over before its time');
      const as = Buffer.from(block);
      before = { block, as };
      parts.push(as);
    }
    return { bytes: Buffer.concat(parts), error: undefined };
  } catch (error) {
    return { bytes: Buffer.concat(parts), error };
  }
}

/** Bytes in which no two chunks are alike. */
export function someBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}
