/**
 * A stream of bytes in blocks of any size. The memory of a block is used again: it holds the block until the one after the next is asked
 * for, so a reader may still write one while it waits for the next, and copies what it wants to keep longer.
 */
export type Blocks = AsyncIterable<Uint8Array>;

/** Bytes of the blocks that our own sources produce. */
export const BLOCK_BYTES = 1024 * 1024;

/** A text or a buffer where blocks are asked for. */
export async function* once(block: Uint8Array): AsyncGenerator<Uint8Array> {
  yield block;
}
