import * as contract from '@valtronics/contract';
import { Problem } from '../../lib/problem.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { verifierOf, verifierText } from '../../lib/transparency/signed-note.ts';
import { createTreeReader } from '../../lib/transparency/tiles.ts';
import { type EventProof, proveEvent } from '../../security/audit/export-log.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import { lastCheckpoint, listTrees, readTile, sizeOf, type TreeRow } from '../../security/audit/tree.repository.ts';
import type { Viewer } from '../../security/fields/show.ts';
import { showing } from '../../security/fields/show-answer.ts';
import { type AuditEventFilter, type AuditEventRow, listAuditEvents } from './audit-log.repository.ts';

type Of = 'organisation' | 'instance' | undefined;
type Read = <T>(work: (reader: Reader) => Promise<T>) => Promise<T>;

const ROWS_AT_ONCE = 1_000;

/** Row-level security shows an organisation its own tree, and the one that runs the instance that of the instance. */
async function treeOf(reader: Reader, of: Of): Promise<TreeRow> {
  const trees = await listTrees(reader);
  const tree = trees.find(({ organisation_id }) => (organisation_id === null) === (of === 'instance'));
  if (!tree) throw new Problem('not_found', { detail: 'Nothing of this log is signed yet.' });
  return tree;
}

export async function newestCheckpoint(
  reader: Reader,
  of: Of,
  verifier: NoteVerifier,
): Promise<contract.AuditCheckpoint> {
  const tree = await treeOf(reader, of);
  const signed = await lastCheckpoint(reader, tree.id);
  if (!signed) throw new Problem('not_found', { detail: 'Nothing of this log is signed yet.' });
  return {
    origin: tree.origin,
    size: signed.size,
    note: signed.note,
    key: verifierText(verifierOf(tree.origin, verifier.publicKey)),
    signedAt: signed.signed_at.toISOString(),
  };
}

export async function consistency(reader: Reader, { of, from, to }: { of?: Of; from: number; to: number }) {
  const tree = await treeOf(reader, of);
  const size = await sizeOf(reader, tree.id);
  if (from > to || to > size) {
    throw new Problem('invalid_request', { errors: [{ path: 'to', message: `lies between from and ${size}` }] });
  }
  const hashes = await createTreeReader((place) => readTile(reader, tree.id, place), size).consistency(from, to);
  return { origin: tree.origin, from, to, hashes: hashes.map((hash) => hash.toString('base64')) };
}

export async function eventProof(reader: Reader, id: string, verifier: NoteVerifier): Promise<EventProof> {
  const proven = await proveEvent(reader, id, [verifier]);
  if (!proven) throw new Problem('not_found', { detail: 'There is no such event, or it is not signed yet.' });
  return proven;
}

export function presentEvent(row: AuditEventRow): contract.AuditEvent {
  return {
    id: row.id,
    at: row.at.toISOString(),
    event: row.event,
    outcome: row.outcome,
    actor: { kind: row.actor_kind, id: row.actor_id, label: row.actor_label },
    resource:
      row.resource_kind !== null && row.resource_id !== null ? { kind: row.resource_kind, id: row.resource_id } : null,
    address: row.address,
    requestId: row.request_id,
    details: row.details,
    proof: {
      status: row.place === null ? 'pending' : row.checkpoint_size === null ? 'sequenced' : 'signed',
      position: row.place,
      checkpointSize: row.checkpoint_size,
    },
  };
}

/** The events as lines, as they are read: nothing but a thousand of them is in memory. */
export async function* exportLines(
  read: Read,
  filter: AuditEventFilter,
  format: 'jsonl' | 'csv',
  first: readonly AuditEventRow[],
  viewer: Viewer,
): AsyncGenerator<string> {
  const show = showing(contract.auditEvent, viewer);
  const line = format === 'csv' ? csvLine : (event: contract.AuditEvent) => `${JSON.stringify(event)}\n`;
  if (format === 'csv') yield `${CSV_COLUMNS.join()}\r\n`;
  let rows = first;
  for (let told = rows.length; rows.length > 0; told += rows.length) {
    yield rows.map((row) => line(show(presentEvent(row)))).join('');
    const last = rows.at(-1);
    if (rows.length < ROWS_AT_ONCE || told >= contract.auditExportLimit || !last) return;
    const before = [last.exact, last.id] as const;
    rows = await read((reader) => listAuditEvents(reader, filter, { before, limit: ROWS_AT_ONCE }));
  }
}

export const firstOfExport = (reader: Reader, filter: AuditEventFilter) =>
  listAuditEvents(reader, filter, { before: undefined, limit: ROWS_AT_ONCE });

const CSV_COLUMNS = [
  'at',
  'event',
  'outcome',
  'actor_kind',
  'actor_id',
  'actor',
  'resource_kind',
  'resource_id',
  'address',
  'request_id',
  'details',
  'proof',
  'position',
  'id',
] as const;

function csvLine({ at, event, outcome, actor, resource, address, requestId, details, proof, id }: contract.AuditEvent) {
  const fields = [
    at,
    event,
    outcome,
    actor.kind,
    actor.id,
    actor.label,
    resource?.kind,
    resource?.id,
    address,
    requestId,
    JSON.stringify(details),
    proof.status,
    proof.position,
    id,
  ];
  return `${fields.map(csvField).join()}\r\n`;
}

/** RFC 4180; what a spreadsheet would run as a formula (with wide signs, too) is made text, since names are typed by people. */
function csvField(value: string | number | null | undefined): string {
  const text = value === null || value === undefined ? '' : String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
