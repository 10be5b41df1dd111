import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import {
  type Checkpoint,
  type OpenedCheckpoint,
  openCheckpoint,
  parseCheckpoint,
} from '../../lib/transparency/checkpoint.ts';
import { readCheckpointFile } from '../../lib/transparency/checkpoint-list.ts';
import { type NoteVerifier, parseNote } from '../../lib/transparency/signed-note.ts';
import { createTreeReader } from '../../lib/transparency/tiles.ts';
import type { Finding } from '../../lib/transparency/verify-log.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { SignedCheckpoint } from './sequencer.ts';
import type { Transactions } from './transactions.types.ts';
import { listTrees, readTile, sizeOf } from './tree.repository.ts';

/** A full file is put aside as `….before`, in place of the one before it, and the next begins with the last note of each log. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Notes of one log that are looked at, from the largest size down, until one is good. */
const MOST_LOOKED_AT = 16;
const SIGNATURE_BYTES = 64;

type Tell = (origin: string, finding: Finding) => void;

export interface CheckpointFile {
  append(signed: readonly SignedCheckpoint[]): void;
  /** Whether the database, once at the start, is older or another one than what the file has seen signed. Then nothing more is signed. */
  contradicts(transactions: Pick<Transactions, 'readAcross'>, tell: Tell): Promise<boolean>;
}

/**
 * Every checkpoint, in a file on another storage than the database: a database that was put back or rewritten does not agree with it. A
 * file that cannot be written to, or holds what is no checkpoint of this log, stops nothing, since the log is kept without it, but is
 * complained of.
 */
export function openCheckpointFile(
  path: string,
  verifier: NoteVerifier,
  log: Logger,
  mostBytes = MOST_BYTES,
): CheckpointFile {
  let answer: Promise<boolean> | undefined;
  let last = new Map<string, string>();

  /** The largest of each log that this key has signed. Whole notes that it has not are told of: nobody else writes to this file. */
  function largestOfEach(tell: Tell): OpenedCheckpoint[] {
    const { notes, unreadable } = candidatesIn(path);
    if (unreadable > 0) log.error({ path, unreadable }, 'parts of the file of checkpoints cannot be read');
    return [...notes.values()].flatMap((found) => {
      for (const { note, origin, size } of found.toReversed()) {
        try {
          return [openCheckpoint(note, [verifier])];
        } catch (error) {
          log.error({ err: error, path, origin, size }, 'a checkpoint in the file is not of this log');
          tell(origin, { kind: 'rewritten', position: null, before: size });
        }
      }
      return [];
    });
  }

  async function look(transactions: Pick<Transactions, 'readAcross'>, tell: Tell): Promise<boolean> {
    const seen = largestOfEach(tell);
    last = new Map(seen.map(({ origin, note }) => [origin, note]));
    return transactions.readAcross(async (reader) => {
      const trees = new Map((await listTrees(reader)).map((tree) => [tree.origin, tree]));
      let isContradicted = false;
      for (const { origin, size, root } of seen) {
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

  function putAside(): void {
    const next = `${path}.next`;
    const file = openSync(next, 'w', 0o600);
    try {
      writeSync(file, [...last.values()].map((note) => `${note}\n`).join(''));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    copyFileSync(path, `${path}.before`);
    renameSync(next, path);
  }

  return {
    append(signed) {
      try {
        if (signed.length === 0) return;
        // After half of a note, one that is not parted from it would be lost with it.
        appendFileSync(path, `${endsWhole(path) ? '' : '\n\n'}${signed.map(({ note }) => `${note}\n`).join('')}`, {
          mode: 0o600,
        });
        for (const { origin, note } of signed) last.set(origin, note);
        const needed = [...last.values()].reduce((bytes, note) => bytes + note.length, 0);
        if (statSync(path).size >= mostBytes + needed) putAside();
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

type Candidate = Checkpoint & { readonly note: string };

/** The largest few of each log, smallest first. Nothing is verified: of a file of any size that would take long. */
function candidatesIn(path: string): { notes: Map<string, Candidate[]>; unreadable: number } {
  const notes = new Map<string, Candidate[]>();
  let unreadable = 0;
  for (const note of existsSync(path) ? readCheckpointFile(path) : []) {
    const candidate = note === undefined ? undefined : candidateOf(note);
    if (candidate === undefined) {
      unreadable += 1;
      continue;
    }
    const found = notes.get(candidate.origin) ?? [];
    notes.set(candidate.origin, found);
    found.splice(found.findLastIndex(({ size }) => size <= candidate.size) + 1, 0, candidate);
    if (found.length > MOST_LOOKED_AT) found.shift();
  }
  return { notes, unreadable };
}

/** Undefined: it is no whole note. */
function candidateOf(note: string): Candidate | undefined {
  try {
    const { text, signatures } = parseNote(note);
    const isWhole = signatures.some(({ signature }) => signature.length >= SIGNATURE_BYTES);
    return isWhole ? { ...parseCheckpoint(text), note } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether what is appended is parted from what is there: by an empty line, or as nothing is. */
function endsWhole(path: string): boolean {
  if (!existsSync(path)) return true;
  const { size } = statSync(path);
  if (size === 0) return true;
  const file = openSync(path, 'r');
  try {
    const end = Buffer.alloc(2);
    return readSync(file, end, 0, 2, Math.max(0, size - 2)) === 2 && end.toString() === '\n\n';
  } finally {
    closeSync(file);
  }
}
