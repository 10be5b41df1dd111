import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HASH_BYTES, type Hash, leafHash, rootOf, rootOfRow } from './merkle.ts';
import { type Look, soundTile } from './sound-tile.ts';
import { boundsIn, createEdge, hashesIn, TILE_WIDTH, type TilePlace, writeBundle } from './tiles.ts';
import { type Expected, type LogSource, type LogVerdict, verifyLog } from './verify-log.ts';

// Whole tiles are looked at apart from the walk. Whatever somebody did to a log, the verdict has to be that of a walk leaf by leaf.

const ORIGIN = 'test.example.org/audit/0/instance';

const anEntry = (position: number): Buffer =>
  Buffer.from(
    JSON.stringify(
      position % 97 === 5
        ? { kind: 'checkpoint', note: `a note at ${position}` }
        : { at: `2026-01-01T00:00:00.${String(position).padStart(6, '0')}Z`, id: `event ${position}`, kind: 'event' },
    ),
  );

interface AlteredLog {
  readonly entries: (Buffer | null)[];
  /** Level by level, the hashes one after the other. */
  readonly rows: Buffer[];
  readonly heads: Expected[];
}

function aLog(size: number, headsAt: readonly number[]): AlteredLog {
  const entries = Array.from({ length: size }, (_, position) => anEntry(position));
  const rows: Hash[][] = [[]];
  const heads: Expected[] = [];
  const edge = createEdge();
  for (const entry of entries) {
    const hash = leafHash(entry);
    rows[0]?.push(hash);
    for (const { level, root } of edge.append(hash)) {
      rows[level + 1] ??= [];
      rows[level + 1]?.push(root);
    }
    if (headsAt.includes(edge.size)) heads.push({ size: edge.size, root: edge.root(), isTrusted: edge.size % 2 === 0 });
  }
  return { entries, heads, rows: rows.map((row) => Buffer.concat(row)) };
}

const tileOf = (rows: readonly Buffer[], { level, number, width }: TilePlace): Buffer =>
  rows[level]?.subarray(number * TILE_WIDTH * HASH_BYTES, (number * TILE_WIDTH + width) * HASH_BYTES) ??
  Buffer.alloc(0);

function soundOf({ entries, rows }: Pick<AlteredLog, 'entries' | 'rows'>, from: number, to: number): Look['sound'] {
  const sound: Look['sound'][number][] = [];
  for (let first = from; first < to; first += TILE_WIDTH) {
    const part = entries.slice(first, Math.min(first + TILE_WIDTH, to));
    const bytes = writeBundle(part.map((entry) => entry ?? Buffer.alloc(0)));
    const number = first / TILE_WIDTH;
    const hashes = tileOf(rows, { level: 0, number, width: TILE_WIDTH });
    sound.push(soundTile({ number, bytes, bounds: boundsIn(bytes, TILE_WIDTH), hashes }));
  }
  return sound;
}

function sourceOf({ entries, rows }: AlteredLog, { isWalked }: { isWalked: boolean }): LogSource {
  return {
    origin: ORIGIN,
    size: entries.length,
    tile: async (place) => tileOf(rows, place),
    leaves: async (from, to) =>
      entries.slice(from, to).map((entry, index) => ({ position: from + index, hash: undefined, entry })),
    looksAtOnce: 2,
    look: async (from, to) => ({ sound: isWalked ? [] : soundOf({ entries, rows }, from, to), odd: [] }),
  };
}

const verdictOf = (log: AlteredLog, isWalked: boolean): Promise<LogVerdict> =>
  verifyLog(sourceOf(log, { isWalked }), log.heads);

const at = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const alteration = fc.record({
  what: fc.constantFrom('edit', 'delete', 'exchange', 'tile', 'upperTile', 'head', 'prune') as fc.Arbitrary<
    'edit' | 'delete' | 'exchange' | 'tile' | 'upperTile' | 'head' | 'prune'
  >,
  where: at,
});

function alter(log: AlteredLog, { what, where }: { what: string; where: number }): void {
  const { entries, rows, heads } = log;
  const position = Math.floor(where * entries.length);
  const change = (level: number, index: number): void => {
    const row = rows[level];
    if (row && index * HASH_BYTES < row.length) row[index * HASH_BYTES] = (row[index * HASH_BYTES] ?? 0) ^ 1;
  };
  if (what === 'edit') entries[position] = Buffer.from(`${entries[position] ?? ''} `);
  else if (what === 'delete') entries[position] = null;
  else if (what === 'exchange') [entries[position], entries[0]] = [entries[0] ?? null, entries[position] ?? null];
  else if (what === 'tile') change(0, position);
  else if (what === 'upperTile') change(1, Math.floor(position / TILE_WIDTH));
  else if (what === 'prune') entries.fill(null, 0, position);
  else {
    const head = heads[Math.floor(where * heads.length)];
    if (head) heads[heads.indexOf(head)] = { ...head, root: Buffer.alloc(HASH_BYTES, 1) };
  }
}

it('a log of which whole tiles are looked at has the verdict of one that is walked leaf by leaf', async () => {
  const kinds = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1_100 }),
      fc.array(at, { maxLength: 6 }),
      fc.array(alteration, { maxLength: 3 }),
      async (size, heads, alterations) => {
        const log = aLog(
          size,
          heads.map((where) => 1 + Math.floor(where * size)),
        );
        for (const one of alterations) alter(log, one);
        const verdict = await verdictOf(log, false);
        expect(verdict).toEqual(await verdictOf(log, true));
        for (const { kind } of verdict.findings) kinds.add(kind);
        if (alterations.length === 0) expect(verdict.findings).toEqual([]);
      },
    ),
    { numRuns: 250 },
  );
  expect([...kinds]).toEqual(expect.arrayContaining(['edited', 'missing', 'rewritten']));
});

it('what is missing on both sides of a whole tile is told apart, and a pruning covers nothing after it', async () => {
  const log = aLog(1_024, [1_024]);
  for (const position of [3, 700]) log.entries[position] = null;
  const verdict = await verdictOf(log, false);
  expect(verdict).toEqual(await verdictOf(log, true));
  expect(verdict.findings).toEqual([
    { kind: 'missing', position: 3 },
    { kind: 'missing', position: 700 },
  ]);
});

it.each([false, true])('a tile of the level above that was changed is told, whichever way (%s)', async (isWalked) => {
  const log = aLog(TILE_WIDTH ** 2 + 300, []);
  expect((await verdictOf(log, isWalked)).findings).toEqual([]);
  alter(log, { what: 'upperTile', where: 0.5 });
  expect((await verdictOf(log, isWalked)).findings).toEqual([{ kind: 'tile_edited', position: 0 }]);
});

it('what stands in whole tiles of the log itself is heard of as well', async () => {
  const verdict = await verdictOf(aLog(600, [600]), false);
  expect(verdict.findings).toEqual([]);
  expect(verdict.logged).toEqual(Array.from({ length: 7 }, (_, index) => `a note at ${5 + index * 97}`));
});

it.each(['an error', 'the end of what is there'])(
  'whatever ends a walk, nothing is looked at after it: %s',
  async (ends) => {
    const log = aLog(30_000, []);
    const source = sourceOf(log, { isWalked: true });
    let [asked, answered] = [0, 0];
    const slow: LogSource = {
      ...source,
      looksAtOnce: 5,
      tile: async () => Buffer.alloc(0),
      leaves: async () => [],
      async look(from, to) {
        const nth = asked;
        asked += 1;
        await delay(nth * 5);
        answered += 1;
        if (ends === 'an error' && nth === 1) throw new Error('a disk that is broken');
        return nth === 0 && ends === 'an error' ? { sound: soundOf(log, from, to), odd: [] } : source.look(from, to);
      },
    };
    const verdict = verifyLog(slow, []);
    if (ends === 'an error') await expect(verdict).rejects.toThrow('a disk that is broken');
    else expect((await verdict).size).toBe(0);
    expect(asked).toBeGreaterThan(4);
    expect(answered).toBe(asked);
  },
);

it('an entry that is missing, or a tile of another length, leaves a tile to who walks', () => {
  const entries = Array.from({ length: TILE_WIDTH }, (_, position) => anEntry(position));
  const hashes = Buffer.concat(entries.map(leafHash));
  const seen = (some: Buffer[], tile: Buffer) => {
    const bytes = writeBundle(some);
    return soundTile({ number: 0, bytes, bounds: boundsIn(bytes, TILE_WIDTH), hashes: tile });
  };
  const sound = seen(entries, hashes);
  expect(sound && Buffer.from(sound.root)).toEqual(rootOf(hashesIn(hashes)));
  expect(rootOfRow(hashes)).toEqual(rootOf(hashesIn(hashes)));
  expect(seen(entries.with(9, Buffer.alloc(0)), hashes)).toBeUndefined();
  expect(seen(entries.with(9, anEntry(8)), hashes)).toBeUndefined();
  expect(seen(entries.slice(1), hashes)).toBeUndefined();
  expect(seen(entries, hashes.subarray(HASH_BYTES))).toBeUndefined();
  expect(seen(entries, Buffer.alloc(0))).toBeUndefined();
  // Too much of what may say something of logs to be kept.
  const telling = entries.map(() => Buffer.from(`"checkpoint"${' '.repeat(8_000)}`));
  expect(seen(telling, Buffer.concat(telling.map(leafHash)))).toBeUndefined();
});

it('a tile that is said to be whole where the log ends within it is walked', async () => {
  const log = aLog(TILE_WIDTH + 40, []);
  const longer = aLog(2 * TILE_WIDTH, []);
  const source = sourceOf(log, { isWalked: true });
  const verdict = await verifyLog(
    { ...source, look: async (from) => ({ sound: soundOf(longer, from, 512), odd: [] }) },
    [],
  );
  expect(verdict).toMatchObject({ size: TILE_WIDTH + 40, findings: [] });
});
