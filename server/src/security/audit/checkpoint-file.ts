import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { type OpenedCheckpoint, openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import { readCheckpoints } from '../../lib/transparency/checkpoint-list.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { createTreeReader } from '../../lib/transparency/tiles.ts';
import type { Finding } from '../../lib/transparency/verify-log.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { SignedCheckpoint } from './sequencer.ts';
import type { Transactions } from './transactions.types.ts';
import { listTrees, readTile, sizeOf } from './tree.repository.ts';

export interface CheckpointFile {
  append(signed: readonly SignedCheckpoint[]): void;
  /** Whether the database, once at the start, is older or another one than what the file has seen signed. Then nothing more is signed. */
  contradicts(
    transactions: Pick<Transactions, 'readAcross'>,
    tell: (origin: string, finding: Finding) => void,
  ): Promise<boolean>;
}

/**
 * Every checkpoint, in a file on another storage than the database: a database that was put back or rewritten does not agree with it. A
 * file that cannot be written to stops nothing, since the log is kept without it, but is complained of.
 */
export function openCheckpointFile(path: string, verifier: NoteVerifier, log: Logger): CheckpointFile {
  let answer: Promise<boolean> | undefined;

  async function look(
    transactions: Pick<Transactions, 'readAcross'>,
    tell: (origin: string, finding: Finding) => void,
  ): Promise<boolean> {
    const last = new Map<string, OpenedCheckpoint>();
    for (const note of existsSync(path) ? readCheckpoints(readFileSync(path, 'utf8')) : []) {
      const checkpoint = openCheckpoint(note, [verifier]);
      if (checkpoint.size >= (last.get(checkpoint.origin)?.size ?? 0)) last.set(checkpoint.origin, checkpoint);
    }
    return transactions.readAcross(async (reader) => {
      const trees = new Map((await listTrees(reader)).map((tree) => [tree.origin, tree]));
      let isContradicted = false;
      for (const { origin, size, root } of last.values()) {
        const tree = trees.get(origin);
        const has = tree ? await sizeOf(reader, tree.id) : 0;
        const found =
          tree && has >= size
            ? await createTreeReader((place) => readTile(reader, tree.id, place), has)
                .root(size)
                .catch(() => undefined)
            : undefined;
        if (found?.equals(root)) continue;
        isContradicted = true;
        const kind = has < size ? 'truncated' : 'rewritten';
        tell(origin, { kind, position: has < size ? has : null, before: size });
      }
      return isContradicted;
    });
  }

  return {
    append(signed) {
      try {
        if (signed.length > 0) appendFileSync(path, signed.map(({ note }) => `${note}\n`).join(''), { mode: 0o600 });
      } catch (error) {
        log.error({ err: error, path }, 'checkpoints of the audit log could not be written to their file');
      }
    },
    contradicts(transactions, tell) {
      answer ??= look(transactions, tell);
      // A database that was away is asked again.
      answer.catch(() => {
        answer = undefined;
      });
      return answer;
    },
  };
}
