import { sql } from 'kysely';
import { compareLeaf, isWhole, type LeafSource, type Salts } from '../../lib/transparency/audit-leaf.ts';
import { treeName } from '../../lib/transparency/self-account.ts';
import { type Told, toldFindings } from '../../lib/transparency/told-findings.ts';
import type { Finding, LogSource, StoredLeaf } from '../../lib/transparency/verify-log.ts';
import { createTurns } from '../../lib/turns.ts';
import { createErasedValues } from './erased-values.ts';
import { type LeafOfRow, type LeafRow, type LogPlace, readRows, readRowsAt } from './log-rows.ts';
import type { Reader } from './tokens.ts';
import { readTile, sizeOf, type TreeRow } from './tree.repository.ts';

/** Far more than all looks and the walk ask for at once. */
const MOST_WAITING = 100;

export type DatabaseLog = Omit<LogSource, 'look' | 'looksAtOnce'> & {
  readonly place: LogPlace;
  compareRows(from: number, to: number): Promise<readonly Finding[]>;
  compareRowsAt(positions: readonly number[]): Promise<readonly Finding[]>;
  /** Once the rows were compared: values that are gone without an erasure, rows without a leaf. */
  compareRest(): Promise<Told>;
  /** Personal values that were gone where rows were compared. */
  erasedValues(): number;
};

/** A log as the database holds it, read within one transaction so that it does not grow while it is verified. */
export async function databaseLog(reader: Reader, { id: tree, origin }: TreeRow): Promise<DatabaseLog> {
  const owner = await ownerOf(reader, origin);
  const place = { tree, owner };
  const size = await sizeOf(reader, tree);
  const erased = createErasedValues();
  // A connection takes one query at a time; whoever looks ahead waits.
  const turns = createTurns(MOST_WAITING);
  const inTurn = <T>(query: () => Promise<T>): Promise<T> => turns('', query);

  /** What people are shown against what was logged. */
  function compareRow({ position, hash: _, eventId, entry, salts, ...row }: LeafRow): Finding[] {
    if (entry === null) return [];
    if (row.id !== null && isAsLogged(row as LeafSource, salts ?? {}, entry)) return [];
    const said = namesOf(entry);
    // In the log of the instance; whether it is good is seen where it is opened.
    if (said?.kind === 'checkpoint' && owner === null && eventId === null) return [];
    const id = eventId ?? said?.id;
    const at = { position: Number(position), ...(id === undefined ? {} : { eventId: id }) };
    // The leaf itself says which event it is. Which row is said to belong to it is no part of what was signed.
    if (said === undefined) return [{ kind: 'row_edited', ...at }];
    if (said.kind !== 'event' || said.id !== eventId || row.id === null) return [{ kind: 'row_missing', ...at }];
    const comparison = compared(row as LeafSource, salts ?? {}, entry);
    if (!comparison?.fits) return [{ kind: 'row_edited', ...at }];
    erased.add({ position: at.position, ...(row as LeafSource) }, comparison.erased);
    return [];
  }

  return {
    origin,
    place,
    size,
    tile: (at) => inTurn(() => readTile(reader, tree, at)),
    leaves: (from, to) => inTurn(() => readLeaves(reader, tree, from, to)),
    compareRows: async (from, to) => (await inTurn(() => readRows(reader, place, from, to))).flatMap(compareRow),
    compareRowsAt: async (positions) => (await inTurn(() => readRowsAt(reader, place, positions))).flatMap(compareRow),
    async compareRest() {
      const rest = toldFindings(await inTurn(() => insertedRows(reader, place, size)));
      for (const finding of await inTurn(() => erased.unaccounted(reader, tree, owner))) rest.add(finding);
      return rest.told();
    },
    erasedValues: () => erased.count(),
  };
}

/**
 * Whose log it is, by its origin, which stands in everything that was signed: what the table of trees says could be changed. Null: of the
 * instance. An organisation that is not there has no id, so all its events are missing.
 */
async function ownerOf(reader: Reader, origin: string): Promise<number | null> {
  const name = treeName(origin);
  if (name === 'instance') return null;
  const found = await sql<{ id: number }>`select id from organisations where public_id::text = ${name}`.execute(
    reader.db,
  );
  return found.rows[0]?.id ?? -1;
}

export async function readLeaves(reader: Reader, tree: number, from: number, to: number): Promise<StoredLeaf[]> {
  const found = await sql<LeafOfRow>`
    select position, hash, entry from audit_leaves
    where tree = ${tree} and position >= ${from} and position < ${to} order by position`.execute(reader.db);
  return found.rows.map(storedLeaf);
}

const storedLeaf = ({ position, hash, entry }: LeafOfRow): StoredLeaf => ({
  position: Number(position),
  hash,
  entry: entry === null ? null : Buffer.from(entry),
});

function namesOf(entry: string): { kind?: unknown; id?: string } | undefined {
  try {
    return (JSON.parse(entry) as { kind?: unknown; id?: string } | null) ?? undefined;
  } catch {
    return undefined;
  }
}

/** The usual case. */
function isAsLogged(row: LeafSource, salts: Salts, entry: string): boolean {
  try {
    return isWhole(row, salts, entry);
  } catch {
    return false;
  }
}

function compared(row: LeafSource, salts: Salts, entry: string): ReturnType<typeof compareLeaf> | undefined {
  try {
    return compareLeaf(row, salts, entry);
  } catch {
    // Something else than what any leaf of ours says.
    return undefined;
  }
}

/**
 * Events of the table that no leaf of their log stands for and that do not wait for one either. A leaf stands at a place that is walked: whoever
 * owns the database could put one beside them all.
 */
async function insertedRows(reader: Reader, { tree, owner }: LogPlace, size: number): Promise<Told> {
  const found = await sql<{ id: string; total: number }>`
    select e.id, (count(*) over ())::float8 as total from audit_events e
    where e.organisation_id is not distinct from ${owner}::integer
      and not exists (select from audit_leaves l where l.event_id = e.id and l.tree = ${tree}
        and l.position >= 0 and l.position < ${size} and l.position = l.position::bigint)
      and not exists (select from audit_pending p where p.event_id = e.id)
    order by e.at limit 100`.execute(reader.db);
  const more = (found.rows[0]?.total ?? 0) - found.rows.length;
  return {
    findings: found.rows.map(({ id }) => ({ kind: 'row_inserted', position: null, eventId: id })),
    more: more > 0 ? [{ kind: 'row_inserted', count: more }] : [],
  };
}

/** Events with more than one place, which an index forbids until somebody takes it away; of all trees, by the tree. */
export async function repeatedLeaves(reader: Reader): Promise<ReadonlyMap<number, Told>> {
  const found = await sql<{ tree: number; position: string; eventId: string; total: number }>`
    select tree, position, event_id as "eventId", total from (
      select l.tree, l.position, l.event_id, row_number() over (partition by l.tree order by l.position) as number,
        (count(*) over (partition by l.tree))::float8 as total
      from audit_leaves l join (
        select event_id from audit_leaves where event_id is not null group by event_id having count(*) > 1) twice using (event_id)) repeated
    where number <= 100 order by tree, position`.execute(reader.db);
  const told = new Map<number, Told>();
  for (const [tree, rows] of Map.groupBy(found.rows, (row) => row.tree)) {
    const more = (rows[0]?.total ?? 0) - rows.length;
    told.set(tree, {
      findings: rows.map(({ position, eventId }) => ({ kind: 'twice', position: Number(position), eventId })),
      more: more > 0 ? [{ kind: 'twice', count: more }] : [],
    });
  }
  return told;
}
