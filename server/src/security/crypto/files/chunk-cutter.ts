export interface ChunkCutter {
  /** Chunks of full size of which it is certain that something follows. Each is to be used before the next is asked for. */
  push(piece: Uint8Array): Generator<Uint8Array>;
  /** What is left at the end, from nothing up to a full chunk: the last chunk. */
  last(): Uint8Array;
}

/**
 * Cuts a stream into chunks of `chunkBytes`. Which chunk is the last is only known at the end, so a full one waits until a byte follows. What
 * comes in large pieces is handed on without being copied, but for the chunk at the end of each piece.
 */
export function createChunkCutter(chunkBytes: number): ChunkCutter {
  const held = Buffer.alloc(chunkBytes);
  let length = 0;
  return {
    *push(piece) {
      let rest = piece;
      while (rest.length > 0) {
        if (length === chunkBytes) {
          yield held;
          length = 0;
        }
        if (length === 0 && rest.length > chunkBytes) {
          yield rest.subarray(0, chunkBytes);
          rest = rest.subarray(chunkBytes);
        } else {
          const taken = Math.min(chunkBytes - length, rest.length);
          held.set(rest.subarray(0, taken), length);
          length += taken;
          rest = rest.subarray(taken);
        }
      }
    },
    last: () => held.subarray(0, length),
  };
}
