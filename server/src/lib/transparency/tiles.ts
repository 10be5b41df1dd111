import { EMPTY_ROOT, HASH_BYTES, type Hash, nodeHash, rootOf, splitOf } from './merkle.ts';

// A tree is kept as tiles (c2sp.org/tlog-tiles): rows of 256 hashes at every eighth height. What is complete never changes.

export const TILE_WIDTH = 256;

export interface TilePlace {
  readonly level: number;
  readonly number: number;
  /** How many hashes; below 256 at the right edge only. */
  readonly width: number;
}

/** Where the hashes come from. Each answer holds at least `width` hashes, one after the other. */
export type TileReader = (place: TilePlace) => Promise<Buffer>;

/** Hashes of a level at a tree of this size: complete subtrees of 256^level leaves. */
const countAt = (level: number, size: number): number => Math.floor(size / TILE_WIDTH ** level);

export function tilesOf(size: number): TilePlace[] {
  const places: TilePlace[] = [];
  for (let level = 0; countAt(level, size) > 0; level += 1) {
    const count = countAt(level, size);
    for (let number = 0; number * TILE_WIDTH < count; number += 1) {
      places.push({ level, number, width: Math.min(TILE_WIDTH, count - number * TILE_WIDTH) });
    }
  }
  return places;
}

/** `tile/0/x001/234.p/5`; entries stand under `tile/entries/…` by the same rule. */
export function tilePath({ level, number, width }: Omit<TilePlace, 'level'> & { level: number | 'entries' }): string {
  const groups =
    String(number)
      .padStart(Math.ceil(String(number).length / 3) * 3, '0')
      .match(/.{3}/g) ?? [];
  const path = groups.map((group, index) => (index < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

export const hashAt = (tile: Buffer, index: number): Hash =>
  tile.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);

export const hashesIn = (tile: Buffer): Hash[] =>
  Array.from({ length: tile.length / HASH_BYTES }, (_, index) => hashAt(tile, index));

/** Proofs and roots of a tree of up to `size` leaves, from its tiles. */
export function createTreeReader(read: TileReader, size: number) {
  const kept = new Map<string, Promise<Buffer>>();
  function tile(level: number, number: number): Promise<Buffer> {
    const key = `${level}/${number}`;
    let found = kept.get(key);
    if (found === undefined) {
      const width = Math.min(TILE_WIDTH, countAt(level, size) - number * TILE_WIDTH);
      found = read({ level, number, width }).then((hashes) => {
        if (hashes.length < width * HASH_BYTES) throw new Error(`tile ${key} holds too few hashes`);
        return hashes;
      });
      kept.set(key, found);
    }
    return found;
  }

  /** A complete subtree of 2^height leaves. */
  async function node(height: number, index: number): Promise<Hash> {
    const level = Math.floor(height / 8);
    const across = 2 ** (height % 8);
    const first = index * across;
    const hashes = await tile(level, Math.floor(first / TILE_WIDTH));
    const offset = first % TILE_WIDTH;
    return rootOf(Array.from({ length: across }, (_, step) => hashAt(hashes, offset + step)));
  }

  async function range(from: number, to: number): Promise<Hash> {
    const count = to - from;
    const height = Math.log2(count);
    if (Number.isInteger(height) && from % count === 0) return node(height, from / count);
    const split = splitOf(count);
    return nodeHash(await range(from, from + split), await range(from + split, to));
  }

  async function path(index: number, from: number, to: number): Promise<Hash[]> {
    if (to - from <= 1) return [];
    const split = from + splitOf(to - from);
    return index < split
      ? [...(await path(index, from, split)), await range(split, to)]
      : [...(await path(index, split, to)), await range(from, split)];
  }

  /** RFC 6962, 2.1.2: `whole` while the older tree is itself the part that is looked at. */
  async function between(older: number, from: number, to: number, whole: boolean): Promise<Hash[]> {
    if (older === to) return whole ? [] : [await range(from, to)];
    const split = from + splitOf(to - from);
    return older <= split
      ? [...(await between(older, from, split, whole)), await range(split, to)]
      : [...(await between(older, split, to, false)), await range(from, split)];
  }

  const within = (count: number): void => {
    if (!Number.isSafeInteger(count) || count < 0 || count > size)
      throw new RangeError(`the tree holds ${size} leaves`);
  };
  return {
    async root(of = size): Promise<Hash> {
      within(of);
      return of === 0 ? rootOf([]) : range(0, of);
    },
    async inclusion(index: number, of = size): Promise<Hash[]> {
      within(of);
      if (index >= of) throw new RangeError(`the tree holds ${of} leaves`);
      return path(index, 0, of);
    },
    async consistency(older: number, newer = size): Promise<Hash[]> {
      within(newer);
      if (older > newer) throw new RangeError('the older tree is the larger one');
      return older === 0 || older === newer ? [] : between(older, 0, newer, true);
    },
  };
}

export interface CompleteTile {
  readonly level: number;
  readonly number: number;
  readonly hashes: Buffer;
  readonly root: Hash;
}

/** The right edge of a growing tree: what of each level is not yet in a complete tile. */
export interface Edge {
  readonly size: number;
  /** Takes one leaf; answers the tiles it completed. */
  append(leaf: Hash): CompleteTile[];
  /** Takes the hashes of a whole tile of leaves, where the next one begins, whose root somebody has made already. */
  appendTile(hashes: Buffer, root: Hash): CompleteTile[];
  root(): Hash;
}

/** `levels`: the hashes of each level that are in no complete tile. */
export function createEdge(size = 0, levels: Hash[][] = []): Edge {
  let count = size;
  // The complete subtrees the tree consists of, largest first. One more leaf costs one hash on average, and the root one for each of these.
  const peaks = levels.flatMap((row, level) => peaksOf(row, level * 8).reverse()).reverse();

  function rowAt(level: number): Hash[] {
    levels[level] ??= [];
    return levels[level];
  }

  /** A new complete subtree of 2^height leaves, with what it completes. */
  function place(subtree: Hash, atHeight: number): CompleteTile[] {
    const done: CompleteTile[] = [];
    let [node, height] = [subtree, atHeight];
    for (let last = peaks.at(-1); last?.height === height; last = peaks.at(-1)) {
      peaks.pop();
      node = nodeHash(last.hash, node);
      height += 1;
      if (height % 8 !== 0) continue;
      const level = height / 8 - 1;
      const number = Math.floor(count / TILE_WIDTH ** (level + 1)) - 1;
      done.push({ level, number, hashes: Buffer.concat(rowAt(level)), root: node });
      levels[level] = [];
      rowAt(level + 1).push(node);
    }
    peaks.push({ height, hash: node });
    return done;
  }

  return {
    get size() {
      return count;
    },
    append(leaf) {
      rowAt(0).push(leaf);
      count += 1;
      return place(leaf, 0);
    },
    appendTile(hashes, root) {
      if (count % TILE_WIDTH !== 0 || hashes.length !== TILE_WIDTH * HASH_BYTES)
        throw new RangeError('a tile is appended where one begins, and whole');
      rowAt(1).push(root);
      count += TILE_WIDTH;
      return [{ level: 0, number: count / TILE_WIDTH - 1, hashes, root }, ...place(root, 8)];
    },
    root() {
      const [smallest, ...larger] = peaks.toReversed();
      return smallest === undefined
        ? EMPTY_ROOT
        : larger.reduce((right, { hash }) => nodeHash(hash, right), smallest.hash);
    },
  };
}

/** A row of fewer than 256 hashes as complete subtrees, largest first. */
function peaksOf(row: readonly Hash[], height: number): { height: number; hash: Hash }[] {
  const peaks: { height: number; hash: Hash }[] = [];
  for (let power = 7, from = 0; power >= 0; power -= 1) {
    const width = 2 ** power;
    if (row.length - from < width) continue;
    peaks.push({ height: height + power, hash: rootOf(row.slice(from, from + width)) });
    from += width;
  }
  return peaks;
}

/** Entries of a bundle, each after its length in two bytes. */
export function writeBundle(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      if (entry.length > 0xffff) throw new RangeError('an entry of a bundle is at most 65,535 bytes');
      const length = Buffer.alloc(2);
      length.writeUInt16BE(entry.length);
      return [length, entry];
    }),
  );
}

export function readBundle(bundle: Buffer): Buffer[] {
  const bounds = boundsIn(bundle, TILE_WIDTH);
  return Array.from({ length: bounds.length / 2 }, (_, index) =>
    bundle.subarray(bounds[2 * index], bounds[2 * index + 1]),
  );
}

/** Where each entry of a bundle begins and ends, one pair after the other; at most so many entries, whatever stands after them. */
export function boundsIn(bundle: Buffer, most: number): number[] {
  const bounds: number[] = [];
  for (let at = 0; at < bundle.length && bounds.length < 2 * most; ) {
    const start = at + 2;
    const end = start > bundle.length ? start : start + bundle.readUInt16BE(at);
    if (end > bundle.length) throw new RangeError('a bundle ends in the middle of an entry');
    bounds.push(start, end);
    at = end;
  }
  return bounds;
}
