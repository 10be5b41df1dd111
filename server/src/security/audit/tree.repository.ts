import { type RawBuilder, sql } from 'kysely';
import { HASH_BYTES, type Hash } from '../../lib/transparency/merkle.ts';
import { createEdge, type Edge, hashesIn, TILE_WIDTH, type TilePlace } from '../../lib/transparency/tiles.ts';
import type { Reader } from './tokens.ts';

export interface TreeRow {
  readonly id: number;
  readonly organisation_id: number | null;
  readonly origin: string;
}

export interface CheckpointRow {
  readonly tree: number;
  readonly size: number;
  readonly note: string;
  readonly signed_at: Date;
}

export async function listTrees(reader: Reader): Promise<TreeRow[]> {
  return (await sql<TreeRow>`select id, organisation_id, origin from audit_trees order by id`.execute(reader.db)).rows;
}

/**
 * How many leaves a tree has. After a pruning the last ones may be gone while their tile stands. Counted in floats and bounded by what a number
 * holds here: a place that somebody made up further on is a damage of that tree, and must not fail the statement that asks for others too.
 */
export const leavesOf = (
  tree: RawBuilder<unknown>,
): RawBuilder<number> => sql`least(${Number.MAX_SAFE_INTEGER}::float8, greatest(
  coalesce((select max(position)::float8 + 1 from audit_leaves where tree = ${tree}), 0),
  coalesce((select (max(number)::float8 + 1) * ${TILE_WIDTH} from audit_tiles where tree = ${tree} and level = 0), 0)))`;

export async function sizeOf(reader: Reader, tree: number): Promise<number> {
  const found = await sql<{ size: number }>`select ${leavesOf(sql.val(tree))} as size`.execute(reader.db);
  return found.rows[0]?.size ?? 0;
}

/** A tile as far as it is filled. What is not there leaves it short, which whoever reads it notices. */
export async function readTile(reader: Reader, tree: number, { level, number, width }: TilePlace): Promise<Buffer> {
  const complete = async () => {
    const found = await sql<{ hashes: Buffer }>`
      select hashes from audit_tiles where tree = ${tree} and level = ${level} and number = ${number}`.execute(
      reader.db,
    );
    return found.rows[0]?.hashes;
  };
  const whole = width === TILE_WIDTH ? await complete() : undefined;
  if (whole) return whole;
  const first = number * TILE_WIDTH;
  const parts =
    level === 0
      ? await sql<{ at: string; hash: Buffer }>`
          select position as at, hash from audit_leaves
          where tree = ${tree} and position >= ${first} and position < ${first + width} order by position`.execute(
          reader.db,
        )
      : await sql<{ at: string; hash: Buffer }>`
          select number as at, root as hash from audit_tiles
          where tree = ${tree} and level = ${level - 1} and number >= ${first} and number < ${first + width} order by number`.execute(
          reader.db,
        );
  const inOrder = parts.rows.every(({ at }, index) => Number(at) === first + index);
  if (inOrder && parts.rows.length === width) return Buffer.concat(parts.rows.map(({ hash }) => hash));
  // The edge of an older tree, whose leaves were pruned since: their tile is complete by now.
  return (await complete())?.subarray(0, width * HASH_BYTES) ?? Buffer.alloc(0);
}

/** The right edge of a tree, from what is stored. */
export async function readEdge(reader: Reader, tree: number, size: number): Promise<Edge> {
  const levels: Hash[][] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level += 1) {
    const count = Math.floor(size / TILE_WIDTH ** level);
    const width = count % TILE_WIDTH;
    if (width === 0) {
      levels.push([]);
      continue;
    }
    const tile = await readTile(reader, tree, { level, number: Math.floor(count / TILE_WIDTH), width });
    if (tile.length !== width * HASH_BYTES)
      throw new BrokenTreeError(tree, `tile ${level}/${Math.floor(count / TILE_WIDTH)}`);
    levels.push(hashesIn(tile));
  }
  return createEdge(size, levels);
}

/** What is stored of a tree has holes: nothing more is appended to it or signed. */
export class BrokenTreeError extends Error {
  override readonly name = 'BrokenTreeError';

  constructor(tree: number, place: string) {
    super(`the tree ${tree} of the audit log is broken at ${place}`);
  }
}

export async function lastCheckpoint(reader: Reader, tree: number): Promise<CheckpointRow | undefined> {
  const found = await sql<CheckpointRow>`
    select tree, size::float8 as size, note, signed_at from audit_checkpoints
    where tree = ${tree} order by size desc limit 1`.execute(reader.db);
  return found.rows[0];
}
