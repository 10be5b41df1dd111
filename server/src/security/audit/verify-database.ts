import { sql } from 'kysely';
import { type OpenedCheckpoint, openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { expectedOf, type Finding, type LogVerdict, verifyLog } from '../../lib/transparency/verify-log.ts';
import { databaseLog, insertedRows } from './log-source.ts';
import type { Reader } from './tokens.ts';
import { listTrees, type TreeRow } from './tree.repository.ts';

/** Beyond this an even selection of a tree's own checkpoints is verified, with the first and the last of them. */
const MOST_CHECKPOINTS = 20_000;

export interface DatabaseVerdict extends LogVerdict {
  /** Notes kept in the database or in another log that are not good. */
  readonly badNotes: number;
}

export interface Trusted {
  readonly keys: readonly NoteVerifier[];
  /** Checkpoints from outside of the database. */
  readonly checkpoints: readonly OpenedCheckpoint[];
}

/** Every tree of the database; the instance's first, since it also holds what was signed for the others. */
export async function verifyDatabase(
  reader: Reader,
  trusted: Trusted,
  onProgress?: (origin: string, position: number, size: number) => void,
): Promise<DatabaseVerdict[]> {
  const trees = await listTrees(reader);
  const verdicts: DatabaseVerdict[] = [];
  const logged = new Map<string, OpenedCheckpoint[]>();
  let badLogged = 0;
  for (const tree of trees.toSorted((a, b) => (a.organisation_id ?? 0) - (b.organisation_id ?? 0))) {
    const verdict = await verifyTree(reader, tree, trusted, logged.get(tree.origin) ?? [], (position, size) =>
      onProgress?.(tree.origin, position, size),
    );
    for (const note of verdict.logged) {
      const checkpoint = opened(note, trusted.keys);
      if (!checkpoint) badLogged += 1;
      else logged.set(checkpoint.origin, [...(logged.get(checkpoint.origin) ?? []), checkpoint]);
    }
    verdicts.push({ ...verdict, badNotes: verdict.badNotes + badLogged });
    badLogged = 0;
  }
  return [...verdicts, ...vanishedTrees(trees, [...logged.values()].flat(), trusted.checkpoints)];
}

async function verifyTree(
  reader: Reader,
  tree: TreeRow,
  trusted: Trusted,
  logged: readonly OpenedCheckpoint[],
  onProgress: (position: number, size: number) => void,
): Promise<DatabaseVerdict> {
  const notes = await ownNotes(reader, tree.id);
  const own = notes
    .map((note) => opened(note, trusted.keys))
    .filter((checkpoint) => checkpoint?.origin === tree.origin);
  const fromOutside = trusted.checkpoints.filter(({ origin }) => origin === tree.origin);
  const expected = [
    ...[...own, ...logged].flatMap((checkpoint) => (checkpoint ? [expectedOf(checkpoint, false)] : [])),
    ...fromOutside.map((checkpoint) => expectedOf(checkpoint, true)),
  ];
  const verdict = await verifyLog(await databaseLog(reader, tree), expected, onProgress);
  const findings = [...verdict.findings, ...(await insertedRows(reader, tree.organisation_id))];
  return { ...verdict, findings, badNotes: notes.length - own.length };
}

async function ownNotes(reader: Reader, tree: number): Promise<string[]> {
  const found = await sql<{ note: string }>`
    with numbered as (
      select note, row_number() over (order by size) as number, count(*) over () as total from audit_checkpoints where tree = ${tree})
    select note from numbered
    where total <= ${MOST_CHECKPOINTS} or number in (1, total) or number % (total / ${MOST_CHECKPOINTS} + 1) = 0
    order by number`.execute(reader.db);
  return found.rows.map(({ note }) => note);
}

function opened(note: string, keys: readonly NoteVerifier[]): OpenedCheckpoint | undefined {
  try {
    return openCheckpoint(note, keys);
  } catch {
    return undefined;
  }
}

/** A log somebody holds a checkpoint of, and which is not there at all. */
function vanishedTrees(
  trees: readonly TreeRow[],
  logged: readonly OpenedCheckpoint[],
  trusted: readonly OpenedCheckpoint[],
): DatabaseVerdict[] {
  const known = new Set(trees.map(({ origin }) => origin));
  const vanished = new Map(
    [...logged, ...trusted].filter(({ origin }) => !known.has(origin)).map((c) => [c.origin, c]),
  );
  return [...vanished.values()].map((checkpoint) => {
    const finding: Finding = { kind: 'truncated', position: 0, before: checkpoint.size };
    return {
      origin: checkpoint.origin,
      size: 0,
      root: checkpoint.root,
      findings: [finding],
      prunedBelow: 0,
      checkpoints: 1,
      trustedSize: trusted.includes(checkpoint) ? checkpoint.size : 0,
      logged: [],
      badNotes: 0,
    };
  });
}
