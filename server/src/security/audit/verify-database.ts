import { sql } from 'kysely';
import type { OpenedCheckpoint } from '../../lib/transparency/checkpoint.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { toldFindings } from '../../lib/transparency/told-findings.ts';
import { vanishedLogs } from '../../lib/transparency/vanished-logs.ts';
import { expectedOf, verifyLog } from '../../lib/transparency/verify-log.ts';
import { type FileVerdict, opened } from '../../lib/transparency/verify-offline.ts';
import { databaseLog, repeatedLeaves } from './log-source.ts';
import { createRowLooks, type RowLooks } from './row-looks.ts';
import type { Reader } from './tokens.ts';
import type { Transactions } from './transactions.types.ts';
import { listTrees, type TreeRow } from './tree.repository.ts';

/** Beyond this an even selection of a tree's own checkpoints is verified, with the first and the last of them. */
const MOST_CHECKPOINTS = 20_000;

export interface Trusted {
  readonly keys: readonly NoteVerifier[];
  /** Checkpoints from outside of the database. */
  readonly checkpoints: readonly OpenedCheckpoint[];
}

type OnProgress = (origin: string, position: number, size: number) => void;

/** Every tree of the database as it is at one moment, however long it takes. */
export const verifyDatabase = (
  { readAcross, copyAcross }: Pick<Transactions, 'readAcross' | 'copyAcross'>,
  trusted: Trusted,
  onProgress?: OnProgress,
): Promise<FileVerdict[]> =>
  readAcross(
    async (reader) => {
      const looks = await createRowLooks(reader, { copyAcross });
      try {
        return await verifyTrees(reader, looks, trusted, onProgress);
      } finally {
        await looks.end();
      }
    },
    { isOneMoment: true },
  );

/** The instance's first, since it also holds what was signed for the others. */
async function verifyTrees(
  reader: Reader,
  looks: RowLooks,
  trusted: Trusted,
  onProgress?: OnProgress,
): Promise<FileVerdict[]> {
  const trees = await listTrees(reader);
  const repeated = await repeatedLeaves(reader);
  const verdicts: FileVerdict[] = [];
  const logged = new Map<string, OpenedCheckpoint[]>();
  let badLogged = 0;
  for (const tree of trees.toSorted((a, b) => (a.organisation_id ?? 0) - (b.organisation_id ?? 0))) {
    const verdict = await verifyTree(reader, tree, looks, trusted, logged.get(tree.origin) ?? [], onProgress);
    for (const note of verdict.logged) {
      const checkpoint = opened(note, trusted.keys);
      if (!checkpoint) badLogged += 1;
      else if (logged.has(checkpoint.origin)) logged.get(checkpoint.origin)?.push(checkpoint);
      else logged.set(checkpoint.origin, [checkpoint]);
    }
    const found = toldFindings(verdict);
    const twice = repeated.get(tree.id);
    if (twice) found.addAll(twice);
    verdicts.push({ ...verdict, ...found.told(), badNotes: verdict.badNotes + badLogged });
    badLogged = 0;
  }
  const present = trees.map(({ origin }) => origin);
  return [...verdicts, ...vanishedLogs(present, [...logged.values()].flat(), trusted.checkpoints)];
}

async function verifyTree(
  reader: Reader,
  tree: TreeRow,
  looks: RowLooks,
  trusted: Trusted,
  logged: readonly OpenedCheckpoint[],
  onProgress?: OnProgress,
): Promise<FileVerdict> {
  const notes = await ownNotes(reader, tree.id);
  const own = notes
    .map((note) => opened(note, trusted.keys))
    .filter((checkpoint) => checkpoint?.origin === tree.origin);
  const fromOutside = trusted.checkpoints.filter(({ origin }) => origin === tree.origin);
  const expected = [
    ...[...own, ...logged].flatMap((checkpoint) => (checkpoint ? [expectedOf(checkpoint, false)] : [])),
    ...fromOutside.map((checkpoint) => expectedOf(checkpoint, true)),
  ];
  const log = await databaseLog(reader, tree);
  const verdict = await looks.over(log, (source) =>
    verifyLog(source, expected, (position, size) => onProgress?.(tree.origin, position, size)),
  );
  const found = toldFindings(verdict);
  found.addAll(await log.compareRest());
  return { ...verdict, ...found.told(), badNotes: notes.length - own.length, erasedValues: log.erasedValues() };
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
