import type { Blocks } from '../../../lib/blocks.ts';

const NEWLINE = 10;

/** Reads what stands before a stream, and hands on the rest. */
export interface HeadReader {
  /** So many bytes, or fewer where the stream is shorter. They stay to be read. */
  peek(bytes: number): Promise<Buffer>;
  take(bytes: number): Promise<Buffer>;
  /** Up to and with the next line feed, or undefined where none comes within so many bytes. */
  takeLine(maxBytes: number): Promise<Buffer | undefined>;
  /** Everything that was not taken. Ends the reading of the head. */
  rest(): AsyncGenerator<Uint8Array>;
  /** Ends the source where the rest is not wanted. */
  close(): Promise<void>;
}

export function createHeadReader(blocks: Blocks): HeadReader {
  const source = blocks[Symbol.asyncIterator]();
  // Copied, because a block's memory is used again while a head waits for more.
  let ahead = Buffer.alloc(0);

  async function fill(): Promise<boolean> {
    const { done, value } = await source.next();
    if (done) return false;
    ahead = Buffer.concat([ahead, value]);
    return true;
  }

  async function peek(bytes: number): Promise<Buffer> {
    while (ahead.length < bytes && (await fill()));
    return ahead.subarray(0, bytes);
  }

  function drop(bytes: number): void {
    ahead = ahead.subarray(bytes);
  }

  return {
    peek,
    async take(bytes) {
      const taken = await peek(bytes);
      drop(taken.length);
      return taken;
    },
    async takeLine(maxBytes) {
      for (let seen = 0; ; ) {
        const at = ahead.indexOf(NEWLINE, seen);
        if (at >= maxBytes || (at < 0 && ahead.length >= maxBytes)) return undefined;
        if (at >= 0) {
          const line = ahead.subarray(0, at + 1);
          drop(line.length);
          return line;
        }
        seen = ahead.length;
        if (!(await fill())) return undefined;
      }
    },
    async *rest() {
      try {
        if (ahead.length > 0) yield ahead;
        for (let part = await source.next(); !part.done; part = await source.next()) yield part.value;
      } finally {
        await source.return?.();
      }
    },
    async close() {
      await source.return?.();
    },
  };
}
