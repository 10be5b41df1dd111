import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { EMPTY_ROOT, type Hash, includes, isConsistent, leafHash, nodeHash, rootOf, splitOf } from './merkle.ts';
import {
  type CompleteTile,
  createEdge,
  createTreeReader,
  readBundle,
  TILE_WIDTH,
  tilePath,
  tilesOf,
  writeBundle,
} from './tiles.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

// The eight leaves, roots and proofs that implementations of RFC 6962 are tested with since the first of them.
const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  hex,
);
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
].map(hex);

/** The definition of the RFC, word for word. */
function definition(entries: readonly Buffer[]): Hash {
  if (entries.length === 0) return EMPTY_ROOT;
  if (entries.length === 1) return leafHash(entries[0] as Buffer);
  const split = splitOf(entries.length);
  return nodeHash(definition(entries.slice(0, split)), definition(entries.slice(split)));
}

function treeOf(entries: readonly Buffer[]) {
  const edge = createEdge();
  const tiles = new Map<string, CompleteTile>();
  const levels: Hash[][] = [];
  for (const entry of entries) {
    const hash = leafHash(entry);
    levels[0] ??= [];
    levels[0].push(hash);
    for (const tile of edge.append(hash)) {
      tiles.set(`${tile.level}/${tile.number}`, tile);
      levels[tile.level + 1] ??= [];
      levels[tile.level + 1]?.push(tile.root);
    }
  }
  const reader = createTreeReader(async ({ level, number, width }) => {
    const complete = tiles.get(`${level}/${number}`);
    if (width === TILE_WIDTH && complete) return complete.hashes;
    return Buffer.concat((levels[level] ?? []).slice(number * TILE_WIDTH, number * TILE_WIDTH + width));
  }, entries.length);
  return { edge, reader, tiles, levels };
}

const counted = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => Buffer.from(`leaf ${index}`));

describe('RFC 6962', () => {
  it('the empty tree, leaves and roots of the reference implementation', () => {
    expect(EMPTY_ROOT.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(leafHash(Buffer.from('L123456')).toString('hex')).toBe(
      '395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56',
    );
    expect(nodeHash(Buffer.from('N123'), Buffer.from('N456'))).not.toEqual(leafHash(Buffer.from('N123N456')));
    for (const [index, root] of roots.entries()) {
      expect(
        treeOf(leaves.slice(0, index + 1))
          .edge.root()
          .toString('hex'),
      ).toBe(root.toString('hex'));
      expect(rootOf(leaves.slice(0, index + 1).map(leafHash))).toEqual(root);
    }
  });

  it('inclusion and consistency proofs of the reference implementation', async () => {
    const { reader } = treeOf(leaves);
    const text = (hashes: readonly Hash[]) => hashes.map((hash) => hash.toString('hex'));
    expect(text(await reader.inclusion(0, 8))).toEqual([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
    expect(text(await reader.inclusion(5, 8))).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
    expect(text(await reader.inclusion(1, 5))).toEqual([
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ]);
    expect(text(await reader.consistency(1, 8))).toEqual([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
    expect(text(await reader.consistency(6, 8))).toEqual([
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
    expect(text(await reader.consistency(2, 5))).toEqual([
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ]);
  });

  it('every leaf of every small tree is included, every older tree is its beginning, and nothing else is', async () => {
    const entries = counted(40);
    const { reader } = treeOf(entries);
    for (let size = 1; size <= entries.length; size += 1) {
      const root = definition(entries.slice(0, size));
      expect(await reader.root(size)).toEqual(root);
      for (let index = 0; index < size; index += 1) {
        const at = {
          leaf: leafHash(entries[index] as Buffer),
          index,
          size,
          proof: await reader.inclusion(index, size),
          root,
        };
        expect(includes(at)).toBe(true);
        expect(includes({ ...at, index: (index + 1) % size }) && size > 1).toBe(false);
        expect(includes({ ...at, leaf: EMPTY_ROOT })).toBe(false);
        expect(includes({ ...at, proof: [...at.proof, EMPTY_ROOT] })).toBe(false);
        if (at.proof.length > 0) expect(includes({ ...at, proof: at.proof.slice(1) })).toBe(false);
      }
      for (let older = 0; older <= size; older += 1) {
        const proof = await reader.consistency(older, size);
        const head = { size: older, root: definition(entries.slice(0, older)) };
        expect([older, size, isConsistent(head, { size, root }, proof)]).toEqual([older, size, true]);
        expect(isConsistent({ ...head, root: leafHash(Buffer.from('x')) }, { size, root }, proof)).toBe(false);
        // Everything begins with nothing.
        if (older > 0) expect(isConsistent(head, { size, root: leafHash(Buffer.from('x')) }, proof)).toBe(false);
        expect(isConsistent(head, { size, root }, [...proof, EMPTY_ROOT])).toBe(false);
      }
    }
  });
});

describe('tiles', () => {
  it('are named as c2sp.org/tlog-tiles says, complete and at the edge', () => {
    expect(tilePath({ level: 0, number: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 'entries', number: 0, width: 5 })).toBe('tile/entries/000.p/5');
    const of70000 = tilesOf(70_000).map(({ level, width }) => `${level}:${width}`);
    expect(of70000.filter((tile) => tile === '0:256')).toHaveLength(273);
    expect(of70000.filter((tile) => tile !== '0:256')).toEqual(['0:112', '1:256', '1:17', '2:1']);
    expect(tilesOf(256).map(({ level, width }) => `${level}:${width}`)).toEqual(['0:256', '1:1']);
  });

  it('bundles of entries are read as they were written, and not beyond their end', () => {
    const entries = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(65_535, 1)];
    const bundle = writeBundle(entries);
    expect(bundle.subarray(0, 5)).toEqual(Buffer.from([0, 0, 0, 1, 97]));
    expect(readBundle(bundle)).toEqual(entries);
    for (const end of [1, 3, 4, bundle.length - 1])
      expect(() => readBundle(bundle.subarray(0, end))).toThrow(RangeError);
    expect(() => writeBundle([Buffer.alloc(65_536)])).toThrow(RangeError);
  });

  it('a tree of more than one level gives the same roots and proofs, whenever it was begun anew from its edge', async () => {
    const entries = counted(70_000);
    const { edge, reader, levels } = treeOf(entries);
    expect(edge.root()).toEqual(definition(entries));
    const again = createEdge(
      entries.length,
      levels.map((row) => row.slice(row.length - (row.length % TILE_WIDTH))),
    );
    expect(again.root()).toEqual(edge.root());
    const more = leafHash(Buffer.from('more'));
    again.append(more);
    edge.append(more);
    expect(again.root()).toEqual(edge.root());
    for (const size of [1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000]) {
      expect(await reader.root(size)).toEqual(definition(entries.slice(0, size)));
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(69_999), fc.nat(69_999), async (a, b) => {
        const [older, newer] = a < b ? [a + 1, b + 1] : [b + 1, a + 1];
        const ends = {
          older: { size: older, root: await reader.root(older) },
          newer: { size: newer, root: await reader.root(newer) },
        };
        const index = older - 1;
        expect(isConsistent(ends.older, ends.newer, await reader.consistency(older, newer))).toBe(true);
        const leaf = leafHash(entries[index] as Buffer);
        expect(includes({ leaf, index, ...ends.newer, proof: await reader.inclusion(index, newer) })).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('the edge begun anew at every size goes on as if it had not been', () => {
    const entries = counted(600);
    const hashes = entries.map(leafHash);
    for (const size of [0, 1, 2, 3, 128, 255, 256, 257, 383, 512, 599]) {
      const { levels } = treeOf(entries.slice(0, size));
      const edge = createEdge(
        size,
        levels.map((row) => row.slice(row.length - (row.length % TILE_WIDTH))),
      );
      const tiles = hashes.slice(size).flatMap((hash) => edge.append(hash));
      expect([size, edge.root()]).toEqual([size, definition(entries)]);
      expect(tiles.map(({ level, number }) => `${level}/${number}`)).toEqual(
        ['0/0', '0/1'].filter((_, number) => size < (number + 1) * TILE_WIDTH),
      );
    }
  });
});
