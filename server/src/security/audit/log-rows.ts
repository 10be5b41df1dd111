import { type RawBuilder, sql } from 'kysely';
import type { LeafSource, Salts } from '../../lib/transparency/audit-leaf.ts';
import { TILE_WIDTH } from '../../lib/transparency/tiles.ts';
import { leafColumns } from './pending.repository.ts';
import type { Reader } from './tokens.ts';

// Leaves of a log, each with what people are shown for it.

export interface LeafOfRow {
  readonly position: string;
  readonly hash: Buffer;
  readonly entry: string | null;
}

/** A leaf with the row it stands for, as far as there is one. */
export type LeafRow = { [K in keyof LeafSource]: LeafSource[K] | null } & LeafOfRow & {
    readonly eventId: string | null;
    readonly salts: Salts | null;
  };

/** Of a log: its tree, and whose it is; null: of the instance. */
export interface LogPlace {
  readonly tree: number;
  readonly owner: number | null;
}

const leafRows = ({ tree, owner }: LogPlace, places: RawBuilder<unknown>): RawBuilder<LeafRow> => sql`
  select l.position, l.hash, l.event_id as "eventId", l.entry, s.salts, ${leafColumns}
  from audit_leaves l
    left join audit_events e on e.id = l.event_id and e.organisation_id is not distinct from ${sql.lit(owner)}::integer
    left join audit_salts s on s.event_id = l.event_id
  where l.tree = ${sql.lit(tree)} and ${places}`;

const between = (from: number, to: number) => sql`l.position >= ${sql.lit(from)} and l.position < ${sql.lit(to)}`;

export async function readRows(reader: Reader, place: LogPlace, from: number, to: number): Promise<LeafRow[]> {
  return (await sql<LeafRow>`${leafRows(place, between(from, to))} order by position`.execute(reader.db)).rows;
}

export async function readRowsAt(reader: Reader, place: LogPlace, positions: readonly number[]): Promise<LeafRow[]> {
  const places = sql`l.position = any (${positions}::bigint[])`;
  return (await sql<LeafRow>`${leafRows(place, places)} order by position`.execute(reader.db)).rows;
}

/** The same rows as a query without parameters, for a COPY: each with the fields that `look-at-rows.ts` reads, in their order; the rows in none. */
export function rowsToCopy({ db }: Reader, place: LogPlace, from: number, to: number): string {
  return sql`
    select position::text, hash, "eventId"::text, entry, salts::text, id::text, at, event, outcome, "actorKind", "actorId", "actorLabel",
      "resourceKind", "resourceId", address, "requestId", details::text
    from (${leafRows(place, between(from, to))}) r`.compile(db).sql;
}

/** The complete tiles of the leaves of those places, likewise. */
export function tilesToCopy({ db }: Reader, { tree }: LogPlace, from: number, to: number): string {
  return sql`
    select number::text, hashes from audit_tiles
    where tree = ${sql.lit(tree)} and level = 0 and number >= ${sql.lit(from / TILE_WIDTH)} and number < ${sql.lit(Math.floor(to / TILE_WIDTH))}`.compile(
    db,
  ).sql;
}
