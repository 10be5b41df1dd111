import { HASH_BYTES, hashLeafInto, rootOfRow } from './merkle.ts';
import { mayTellOfLogs } from './self-account.ts';
import { TILE_WIDTH } from './tiles.ts';
import type { Finding } from './verify-log.ts';

// Nearly every tile of a log is as it was logged. That it is, whoever reads it can find out by itself, in a thread of its own; what is left
// for who walks from the first leaf to the last is one hash of each. Any other tile is walked leaf by leaf.

/** What somebody saw of a part of a log, from where a tile begins on. It crosses from thread to thread. */
export interface Look {
  /** Tile by tile; undefined: to be walked leaf by leaf. */
  readonly sound: readonly (SoundTile | undefined)[];
  /** Where what people see is not what was logged. */
  readonly odd: readonly Finding[];
}

/** A tile whose 256 entries are all there and have the hashes that stand in it. */
export interface SoundTile {
  /** Its hashes, one after the other. */
  readonly hashes: Uint8Array;
  readonly root: Uint8Array;
  /** The first entry, and those that may say something of logs. */
  readonly telling: readonly { readonly position: number; readonly entry: Uint8Array }[];
}

/** What more says something of logs is walked leaf by leaf, and is kept nowhere meanwhile. */
const MOST_TELLING_BYTES = 1024 * 1024;

export interface SeenTile {
  readonly number: number;
  /** The entries: each from one bound to before the next. One of no bytes is not there. */
  readonly bytes: Buffer;
  readonly bounds: readonly number[];
  /** What is kept as the tile. */
  readonly hashes: Buffer;
}

export function soundTile({ number, bytes, bounds, hashes }: SeenTile): SoundTile | undefined {
  if (bounds.length !== 2 * TILE_WIDTH || hashes.length !== TILE_WIDTH * HASH_BYTES) return undefined;
  const made = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
  for (let index = 0; index < TILE_WIDTH; index += 1) {
    const [start, end] = [bounds[2 * index] as number, bounds[2 * index + 1] as number];
    if (start === end) return undefined;
    hashLeafInto(made, index, bytes, start, end);
  }
  if (!made.equals(hashes)) return undefined;
  const telling = tellingEntries(number, bytes, bounds);
  if (telling.reduce((sum, { entry }) => sum + entry.length, 0) > MOST_TELLING_BYTES) return undefined;
  // Of their own: a view would take all it is a view of along to another thread.
  const own = telling.map(({ position, entry }) => ({ position, entry: new Uint8Array(entry) }));
  return { hashes: made, root: new Uint8Array(rootOfRow(made)), telling: own };
}

function tellingEntries(
  number: number,
  bytes: Buffer,
  bounds: readonly number[],
): { position: number; entry: Buffer }[] {
  return Array.from({ length: mayTellOfLogs(bytes) ? TILE_WIDTH : 1 }, (_, index) => ({
    position: number * TILE_WIDTH + index,
    entry: bytes.subarray(bounds[2 * index], bounds[2 * index + 1]),
  })).filter(({ entry }, index) => index === 0 || mayTellOfLogs(entry));
}
