import { sql } from 'kysely';
import type { Salts } from '../../lib/transparency/audit-leaf.ts';
import { HASH_BYTES, type Hash } from '../../lib/transparency/merkle.ts';
import type { CompleteTile } from '../../lib/transparency/tiles.ts';
import { deletePending, type Waiting } from './pending.repository.ts';
import { textsOfJson } from './texts-of-json.ts';
import type { Reader } from './tokens.ts';
import { leavesOf, type TreeRow } from './tree.repository.ts';

// All of this under the sequencer's lock.

/** A tree, and its size when it was read. */
export interface SizedTree extends TreeRow {
  readonly size: number;
}

export interface NewLeaf {
  readonly hash: Hash;
  readonly eventId: string | null;
  readonly entry: string;
  /** Of the personal values in it. */
  readonly salts: Salts;
}

/** What is added to a tree at once. */
export interface Growth {
  readonly leaves: readonly NewLeaf[];
  readonly tiles: readonly CompleteTile[];
  /** What of the queue has its place by it. */
  readonly placed: readonly Waiting[];
}

const sizedTree = sql`t.id, t.organisation_id, t.origin, ${leavesOf(sql`t.id`)} as size`;

/** The tree of an organisation (null: of the instance), planted if there is none. */
export async function plantTree(tx: Reader, organisationId: number | null, keyName: string): Promise<SizedTree> {
  const found = await sql<SizedTree>`
    select ${sizedTree} from audit_trees t where t.organisation_id is not distinct from ${organisationId}`.execute(
    tx.db,
  );
  if (found.rows[0]) return found.rows[0];
  const planted = await sql<TreeRow>`
    insert into audit_trees (organisation_id, origin) values (${organisationId},
      ${keyName} || '/' || coalesce((select public_id::text from organisations where id = ${organisationId}), 'instance'))
    returning id, organisation_id, origin`.execute(tx.db);
  const row = planted.rows[0];
  if (!row) throw new Error('a tree could not be planted');
  return { ...row, size: 0 };
}

/** Trees that hold more than was signed. */
export async function unsignedTrees(tx: Reader): Promise<SizedTree[]> {
  const found = await sql<SizedTree>`
    select * from (select ${sizedTree} from audit_trees t) sized
    where size > coalesce((select max(c.size) from audit_checkpoints c where c.tree = sized.id), 0)
    order by organisation_id nulls last`.execute(tx.db);
  return found.rows;
}

/**
 * Stores what is added to a tree from this position on, with the salts of its values, and ends the wait of its events. One statement, as each
 * costs a round trip, which at a few events a turn is most of what they cost.
 */
export async function growTree(
  tx: Reader,
  tree: number,
  first: number,
  { leaves, tiles, placed }: Growth,
): Promise<void> {
  const hashes = Buffer.concat(leaves.map(({ hash }) => hash));
  const salted = leaves.filter(({ salts }) => Object.keys(salts).length > 0);
  await sql`
    with new_leaves as (
      insert into audit_leaves (tree, position, hash, event_id, entry)
      select ${tree}, ${first}::bigint + number - 1, substr(${hashes}::bytea, (number::integer - 1) * ${HASH_BYTES} + 1, ${HASH_BYTES}), event_id, entry
      from unnest(${leaves.map(({ eventId }) => eventId)}::uuid[], ${textsOfJson(leaves.map(({ entry }) => entry))})
        with ordinality as leaf (event_id, entry, number)
    ), new_tiles as (
      insert into audit_tiles (tree, level, number, hashes, root)
      select ${tree}, level, number, hashes, root
      from unnest(${tiles.map(({ level }) => level)}::integer[], ${tiles.map(({ number }) => number)}::bigint[],
        ${tiles.map(({ hashes }) => hashes)}::bytea[], ${tiles.map(({ root }) => root)}::bytea[]) as tile (level, number, hashes, root)
    ), new_salts as (
      insert into audit_salts (event_id, salts)
      select event_id, salts::jsonb
      from unnest(${salted.map(({ eventId }) => eventId)}::uuid[], ${textsOfJson(salted.map(({ salts }) => JSON.stringify(salts)))})
        as salted (event_id, salts)
    )
    ${deletePending(placed)}`.execute(tx.db);
}

export async function insertCheckpoint(tx: Reader, tree: number, size: number, note: string): Promise<void> {
  await sql`insert into audit_checkpoints (tree, size, note) values (${tree}, ${size}, ${note})`.execute(tx.db);
}
