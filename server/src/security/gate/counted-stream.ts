import { Readable } from 'node:stream';

/** The same stream, of which somebody hears how much has passed: after so many bytes each time, and at its end, also when the reader leaves. */
export function countedStream(source: Readable, every: number, passed: (bytes: number) => void): Readable {
  // Leaving ends the loop, and that ends the source.
  async function* chunks() {
    let bytes = 0;
    try {
      for await (const chunk of source as AsyncIterable<string | Buffer>) {
        bytes += Buffer.byteLength(chunk);
        if (bytes >= every) {
          passed(bytes);
          bytes = 0;
        }
        yield chunk;
      }
    } finally {
      if (bytes > 0) passed(bytes);
    }
  }
  return Readable.from(chunks(), { objectMode: false });
}
