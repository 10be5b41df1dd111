import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { Blocks } from '../../lib/blocks.ts';

const LEVEL = 3;
/** 8 MiB of what was, four times what our own level looks back: whoever made a file does not decide how much memory reading it takes. */
const MOST_WINDOW_LOG = 23;

/** Compresses a stream as zstd does; its tools read it. */
export const compress = (blocks: Blocks): AsyncGenerator<Uint8Array> =>
  through(
    blocks,
    createZstdCompress({
      params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
    }),
  );

export const decompress = (blocks: Blocks): AsyncGenerator<Uint8Array> =>
  through(blocks, createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: MOST_WINDOW_LOG } }));

async function* through(blocks: Blocks, transform: Transform): AsyncGenerator<Uint8Array> {
  const done = pipeline(Readable.from(copied(blocks), { objectMode: true, highWaterMark: 1 }), transform);
  done.catch(() => undefined); // an error of the source ends the transform, which tells it
  for await (const block of transform) yield block;
  await done;
}

/** Streams of Node hold blocks for longer than a source of ours promises them. */
async function* copied(blocks: Blocks): AsyncGenerator<Buffer> {
  for await (const block of blocks) yield Buffer.from(block);
}
