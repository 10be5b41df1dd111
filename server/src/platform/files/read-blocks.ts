import { read } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import { BLOCK_BYTES } from '../../lib/blocks.ts';

const readInto = promisify(read);

/**
 * Reads an open file, pipe or device from where it stands to its end, one block ahead of whoever reads the blocks. The descriptor stays open.
 * Errors are those of read(2).
 */
export async function* readBlocks(descriptor: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  // One that is being read into, and the two that a reader of blocks may still hold.
  const ring = Array.from({ length: 3 }, () => Buffer.alloc(BLOCK_BYTES));
  const fill = async (turn: number): Promise<Uint8Array> => {
    const block = ring[turn % ring.length] ?? Buffer.alloc(0);
    const { bytesRead } = await readInto(descriptor, block, 0, block.length, null);
    return block.subarray(0, bytesRead);
  };
  let coming = fill(0);
  try {
    for (let turn = 1; ; turn += 1) {
      const block = await coming;
      signal?.throwIfAborted();
      if (block.length === 0) return;
      coming = fill(turn);
      yield block;
    }
  } finally {
    // One that nobody wants any more; the descriptor must not be closed under it.
    await coming.catch(() => undefined);
  }
}

/**
 * Reads a stream of Node, such as standard input, to its end. Waiting for more ends when the signal says so. The stream is closed at the end.
 */
export async function* readStream(stream: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let before: Uint8Array<ArrayBuffer> | undefined;
  for await (const block of addAbortSignal(signal, stream)) {
    yield block;
    // Freed at once: what comes through a pipe is always new memory, and a collector would let a hundred megabytes of it wait.
    if (before && before.buffer.byteLength === before.length) before.buffer.transfer(0);
    before = block;
  }
}
