/** Views of so many first bytes are kept; longer ones are rare and made anew. */
const MOST_KEPT = 4_096;

interface Scratch {
  /** The buffer, with room for so many bytes. What was in it may be gone. */
  of(bytes: number): Buffer;
  /** Its first so many bytes. */
  first(bytes: number): Buffer;
}

/** One buffer for whoever hashes hundreds of thousands of short texts a second: a new one, or a new view of one, costs as much as the hash. */
export function createScratch(): Scratch {
  let buffer = Buffer.alloc(MOST_KEPT);
  let views: Buffer[] = [];

  return {
    of(bytes) {
      if (buffer.length < bytes) {
        buffer = Buffer.alloc(2 * bytes);
        views = [];
      }
      return buffer;
    },
    first(bytes) {
      if (bytes > MOST_KEPT) return buffer.subarray(0, bytes);
      views[bytes] ??= buffer.subarray(0, bytes);
      return views[bytes];
    },
  };
}
