import { sql } from 'kysely';
import { expectedLeaf, type LeafSource, type Salts } from '../../lib/transparency/audit-leaf.ts';
import type { Finding, LogSource, StoredLeaf } from '../../lib/transparency/verify-log.ts';
import { leafColumns } from './pending.repository.ts';
import type { Reader } from './tokens.ts';
import { readTile, sizeOf, type TreeRow } from './tree.repository.ts';

/** A log as the database holds it, read within one transaction so that it does not grow while it is verified. */
export async function databaseLog(reader: Reader, tree: TreeRow): Promise<LogSource> {
  return {
    origin: tree.origin,
    size: await sizeOf(reader, tree.id),
    tile: (place) => readTile(reader, tree.id, place),
    leaves: (from, to) => readLeaves(reader, tree.id, from, to),
    compareRows: (from, to) => compareRows(reader, tree.id, from, to),
  };
}

export async function readLeaves(reader: Reader, tree: number, from: number, to: number): Promise<StoredLeaf[]> {
  const found = await sql<{ position: string; hash: Buffer; entry: string | null }>`
    select position, hash, entry from audit_leaves
    where tree = ${tree} and position >= ${from} and position < ${to} order by position`.execute(reader.db);
  return found.rows.map(({ position, hash, entry }) => ({
    position: Number(position),
    hash,
    entry: entry === null ? null : Buffer.from(entry),
  }));
}

type ComparedRow = { [K in keyof LeafSource]: LeafSource[K] | null } & {
  position: string;
  eventId: string;
  entry: string;
  salts: Salts | null;
};

/** What people are shown against what was logged. */
async function compareRows(reader: Reader, tree: number, from: number, to: number): Promise<Finding[]> {
  const found = await sql<ComparedRow>`
    select l.position, l.event_id as "eventId", l.entry, s.salts, ${leafColumns}
    from audit_leaves l left join audit_events e on e.id = l.event_id left join audit_salts s on s.event_id = l.event_id
    where l.tree = ${tree} and l.position >= ${from} and l.position < ${to} and l.event_id is not null and l.entry is not null
    order by l.position`.execute(reader.db);
  const findings: Finding[] = [];
  for (const { position, eventId, entry, salts, ...row } of found.rows) {
    const at = { position: Number(position), eventId };
    if (row.id === null) findings.push({ kind: 'row_missing', ...at });
    else if (!fits(row as LeafSource, salts ?? {}, entry)) findings.push({ kind: 'row_edited', ...at });
  }
  return findings;
}

function fits(row: LeafSource, salts: Salts, entry: string): boolean {
  try {
    return expectedLeaf(row, salts, entry) === entry;
  } catch {
    // An entry that is no JSON any more.
    return false;
  }
}

/** Events of the table that no leaf stands for and that do not wait for one either. */
export async function insertedRows(reader: Reader, organisationId: number | null): Promise<Finding[]> {
  const found = await sql<{ id: string }>`
    select e.id from audit_events e
    where e.organisation_id is not distinct from ${organisationId}
      and not exists (select from audit_leaves l where l.event_id = e.id)
      and not exists (select from audit_pending p where p.event_id = e.id)
    order by e.at limit 100`.execute(reader.db);
  return found.rows.map(({ id }) => ({ kind: 'row_inserted', position: null, eventId: id }));
}
