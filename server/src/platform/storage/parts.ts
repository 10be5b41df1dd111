import type { Blocks } from '../../lib/blocks.ts';

const SMALL = 16 * 1024 * 1024;
const LARGE = 128 * 1024 * 1024;
/** An upload has at most 10,000 parts: from here on they are larger, which is enough for 700 GiB. */
const SMALL_PARTS = 5_000;

/** Joins blocks to parts of an upload. A part is good until the next one is asked for. */
export async function* inParts(
  blocks: Blocks,
  sizeOf = (number: number): number => (number <= SMALL_PARTS ? SMALL : LARGE),
): AsyncGenerator<Uint8Array, undefined> {
  let number = 1;
  let part = Buffer.alloc(sizeOf(number));
  let length = 0;
  for await (const block of blocks) {
    for (let rest = block; rest.length > 0; ) {
      const taken = rest.subarray(0, part.length - length);
      part.set(taken, length);
      length += taken.length;
      rest = rest.subarray(taken.length);
      if (length < part.length) continue;
      yield part;
      number += 1;
      length = 0;
      // A new one: whoever got the last one may still be looking at the one after it.
      part = Buffer.alloc(sizeOf(number));
    }
  }
  if (length > 0) yield part.subarray(0, length);
}
