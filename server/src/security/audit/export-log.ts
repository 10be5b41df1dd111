import { sql } from 'kysely';
import { type LeafSource, openedValues, type Salts } from '../../lib/transparency/audit-leaf.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import type { EntryValues } from '../../lib/transparency/entry-files.ts';
import { createFolderWriter } from '../../lib/transparency/log-folder.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { createTreeReader, TILE_WIDTH, tilesOf } from '../../lib/transparency/tiles.ts';
import { writeProof } from '../../lib/transparency/tlog-proof.ts';
import { readLeaves } from './log-source.ts';
import { leafColumns } from './pending.repository.ts';
import type { Reader } from './tokens.ts';
import { lastCheckpoint, readTile, type TreeRow } from './tree.repository.ts';

/** Writes a tree, as far as it is signed, to a folder that is not there yet. Answers its size; 0: nothing is signed, so nothing was written. */
export async function exportTree(
  reader: Reader,
  tree: TreeRow,
  folder: string,
  onProgress: (position: number, size: number) => void = () => {},
): Promise<number> {
  const notes = await sql<{ note: string; size: number }>`
    select note, size::float8 as size from audit_checkpoints where tree = ${tree.id} order by size`.execute(reader.db);
  const size = notes.rows.at(-1)?.size ?? 0;
  if (size === 0) return 0;
  const writer = createFolderWriter(folder);
  for (const place of tilesOf(size)) writer.tile(place, await readTile(reader, tree.id, place));
  for (let from = 0; from < size; from += TILE_WIDTH) {
    const to = Math.min(size, from + TILE_WIDTH);
    const leaves = new Map((await readLeaves(reader, tree.id, from, to)).map((leaf) => [leaf.position, leaf.entry]));
    const entries = Array.from({ length: to - from }, (_, offset) => leaves.get(from + offset) ?? null);
    writer.entries(from / TILE_WIDTH, entries, await valuesOf(reader, tree.id, from, to));
    onProgress(to, size);
  }
  writer.checkpoints(notes.rows.map(({ note }) => note));
  return size;
}

async function valuesOf(reader: Reader, tree: number, from: number, to: number): Promise<EntryValues[]> {
  const found = await sql<LeafSource & { position: string; salts: Salts }>`
    select l.position, s.salts, ${leafColumns}
    from audit_leaves l join audit_events e on e.id = l.event_id join audit_salts s on s.event_id = l.event_id
    where l.tree = ${tree} and l.position >= ${from} and l.position < ${to} order by l.position`.execute(reader.db);
  return found.rows
    .map(({ position, salts, ...row }) => ({ position: Number(position), values: openedValues(row, salts) }))
    .filter(({ values }) => Object.keys(values).length > 0);
}

export interface EventProof {
  readonly proof: string;
  readonly position: number;
  readonly checkpoint: OpenedCheckpoint;
}

/** The proof that an event stands in its log, under the newest checkpoint. Undefined: there is no such event, or it is not signed yet. */
export async function proveEvent(
  reader: Reader,
  eventId: string,
  keys: readonly NoteVerifier[],
): Promise<EventProof | undefined> {
  const found = await sql<LeafSource & { tree: number; position: string; entry: string; salts: Salts | null }>`
    select l.tree, l.position, l.entry, s.salts, ${leafColumns}
    from audit_leaves l join audit_events e on e.id = l.event_id left join audit_salts s on s.event_id = l.event_id
    where l.event_id = ${eventId} and l.entry is not null`.execute(reader.db);
  const leaf = found.rows[0];
  const signed = leaf && (await lastCheckpoint(reader, leaf.tree));
  const position = Number(leaf?.position);
  if (!leaf || !signed || signed.size <= position) return undefined;
  const checkpoint = openCheckpoint(signed.note, keys);
  const tree = createTreeReader((place) => readTile(reader, leaf.tree, place), signed.size);
  const values = openedValues(leaf, leaf.salts ?? {});
  const extra = Buffer.from(JSON.stringify({ entry: leaf.entry, values }));
  const hashes = await tree.inclusion(position);
  return { position, checkpoint, proof: writeProof({ index: position, hashes, checkpoint: signed.note, extra }) };
}
