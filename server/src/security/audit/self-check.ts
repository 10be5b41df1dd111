import { openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import { leafHash } from '../../lib/transparency/merkle.ts';
import { NoteError, type NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { createTreeReader } from '../../lib/transparency/tiles.ts';
import type { Finding } from '../../lib/transparency/verify-log.ts';
import { type DatabaseLog, databaseLog } from './log-source.ts';
import type { Reader } from './tokens.ts';
import type { Transactions } from './transactions.types.ts';
import { type CheckpointRow, lastCheckpoint, listTrees, type TreeRow } from './tree.repository.ts';

const NEWEST = 2_000;

/**
 * The newest part of each tree against its leaves, and the last head against what is stored. `valtronics audit verify` looks at all of it.
 * A tree that cannot be looked at does not hide what is found in the others: what went wrong with it is thrown in the end.
 */
export async function checkNewest(
  transactions: Pick<Transactions, 'readAcross'>,
  verifier: NoteVerifier,
  tell: (origin: string, finding: Finding) => void,
): Promise<void> {
  const failures: unknown[] = [];
  for (const tree of await transactions.readAcross(listTrees)) {
    try {
      const findings = await transactions.readAcross((reader) => checkTree(reader, tree, verifier), {
        isOneMoment: true,
      });
      for (const finding of findings) tell(tree.origin, finding);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not every tree of the audit log could be checked');
}

async function checkTree(reader: Reader, tree: TreeRow, verifier: NoteVerifier): Promise<Finding[]> {
  const log = await databaseLog(reader, tree);
  const from = Math.max(0, log.size - NEWEST);
  const findings: Finding[] = [];
  for (const { position, hash, entry } of await log.leaves(from, log.size)) {
    if (entry !== null && hash && !leafHash(entry).equals(hash)) findings.push({ kind: 'edited', position });
  }
  findings.push(...(await log.compareRows(from, log.size)), ...(await log.compareRest()).findings);
  const signed = await lastCheckpoint(reader, tree.id);
  if (signed && !(await isAsSigned(log, signed, verifier)))
    findings.push({ kind: 'rewritten', position: null, before: signed.size });
  return findings;
}

async function isAsSigned(log: DatabaseLog, { note }: CheckpointRow, verifier: NoteVerifier): Promise<boolean> {
  try {
    const head = openCheckpoint(note, [verifier]);
    if (head.origin !== log.origin || head.size > log.size) return false;
    const root = await createTreeReader(log.tile, log.size)
      .root(head.size)
      .catch(() => undefined);
    return root?.equals(head.root) === true;
  } catch (error) {
    // A checkpoint that is none any more is an edited one.
    if (error instanceof NoteError) return false;
    throw error;
  }
}
