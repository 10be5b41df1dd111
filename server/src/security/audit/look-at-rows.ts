import { type CopiedRows, copiedRows } from '../../lib/copied-rows.ts';
import { bufferOf } from '../../lib/thread-answers.ts';
import { isWhole, type LeafSource, type Salts } from '../../lib/transparency/audit-leaf.ts';
import { HASH_BYTES } from '../../lib/transparency/merkle.ts';
import { createPlainLeaves, type IsPlain, leafFields } from '../../lib/transparency/plain-leaf.ts';
import { type SoundTile, soundTile } from '../../lib/transparency/sound-tile.ts';
import { TILE_WIDTH } from '../../lib/transparency/tiles.ts';

/** A part of a log, as `log-rows.ts` has it copied: positions `from`, where a tile begins, to before `to`. */
export interface PartOfRows {
  readonly rows: Uint8Array<ArrayBuffer>;
  readonly tiles: Uint8Array<ArrayBuffer>;
  readonly from: number;
  readonly to: number;
  readonly isInstance: boolean;
}

export interface SeenRows {
  readonly sound: readonly (SoundTile | undefined)[];
  /** Positions whose row is not what its leaf says at first sight: erased values are among them. */
  readonly odd: readonly number[];
}

/** What is copied of a row before the fields of its event, and of a tile. */
const [POSITION, HASH, EVENT_ID, ENTRY, SALTS, EVENT] = [0, 1, 2, 3, 4, 5];
const [NUMBER, HASHES] = [0, 1];
const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** Looks at the leaves of a part, at their tiles and at what people see beside them. Throws a RangeError if it is not given what was copied. */
export function lookAtRows({ rows: copied, tiles: copiedTiles, from, to, isInstance }: PartOfRows): SeenRows {
  const bytes = bufferOf(copied);
  const rows = copiedRows(bytes, EVENT + leafFields.length);
  const tiles = tilesIn(bufferOf(copiedTiles));
  const isPlain = createPlainLeaves(bytes, rows, EVENT);
  const seen = Array.from({ length: Math.ceil((to - from) / TILE_WIDTH) }, () => ({ rows: 0, inPlace: 0 }));
  /** Where the entry of each place begins and ends; none begins at 0. */
  const bounds = new Int32Array(2 * (to - from));
  const odd: number[] = [];

  while (rows.next()) {
    const position = Number(rows.text(POSITION));
    const place = position - from;
    const tile = seen[Math.floor(place / TILE_WIDTH)];
    if (tile === undefined) throw new RangeError(`position ${position} is no part of ${from} to ${to}`);
    tile.rows += 1;
    // One that was pruned is none any more, and nobody is shown anything of it.
    if (rows.start(ENTRY) < 0) continue;
    const hashes = tiles.get(Math.floor(position / TILE_WIDTH));
    const at = (place % TILE_WIDTH) * HASH_BYTES;
    if (
      hashes?.compare(bytes, Math.max(0, rows.start(HASH)), rows.end(HASH), at, at + HASH_BYTES) === 0 &&
      bounds[2 * place] === 0
    )
      tile.inPlace += 1;
    bounds[2 * place] = rows.start(ENTRY);
    bounds[2 * place + 1] = rows.end(ENTRY);
    if (!isAsLogged(rows, isPlain, isInstance)) odd.push(position);
  }
  const sound = seen.map((tile, index) => {
    const number = from / TILE_WIDTH + index;
    const hashes = tiles.get(number);
    if (hashes === undefined || tile.rows !== TILE_WIDTH || tile.inPlace !== TILE_WIDTH) return undefined;
    return soundTile({
      number,
      hashes,
      ...entriesIn(bytes, bounds.subarray(2 * index * TILE_WIDTH, 2 * (index + 1) * TILE_WIDTH)),
    });
  });
  return { sound, odd };
}

/** Whether what people are shown is what the leaf says, at first sight. */
function isAsLogged(rows: CopiedRows, isPlain: IsPlain, isInstance: boolean): boolean {
  try {
    const salts = JSON.parse(rows.text(SALTS) ?? '{}') as Salts;
    if (rows.start(EVENT_ID) < 0) {
      // In the log of the instance stand checkpoints of others; whether one is good is seen where it is opened.
      const said = JSON.parse(rows.text(ENTRY) ?? '') as { kind?: unknown } | null;
      return isInstance && said?.kind === 'checkpoint';
    }
    return isPlain(rows.start(ENTRY), rows.end(ENTRY), salts) || isWhole(eventOf(rows), salts, rows.text(ENTRY) ?? '');
  } catch {
    // What no leaf of ours says.
    return false;
  }
}

function eventOf(rows: CopiedRows): LeafSource {
  const fields = Object.fromEntries(leafFields.map((name, index) => [name, rows.text(EVENT + index)]));
  return { ...fields, details: JSON.parse(fields.details ?? '') } as LeafSource;
}

function tilesIn(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const rows = copiedRows(bytes, HASHES + 1);
  const tiles = new Map<number, Buffer>();
  while (rows.next()) {
    const hashes = bytes.subarray(rows.start(HASHES), rows.end(HASHES));
    if (hashes.length === TILE_BYTES) tiles.set(Number(rows.text(NUMBER)), hashes);
  }
  return tiles;
}

/** No more of the bytes than what the entries lie in, in whatever order. */
function entriesIn(bytes: Buffer, bounds: Int32Array): { bytes: Buffer; bounds: number[] } {
  const start = bounds.reduce((least, bound) => Math.min(least, bound));
  const end = bounds.reduce((most, bound) => Math.max(most, bound));
  return { bytes: bytes.subarray(start, end), bounds: Array.from(bounds, (bound) => bound - start) };
}
