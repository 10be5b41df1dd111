import { falseValues, type OpenedValue } from './audit-leaf.ts';
import { type OpenedCheckpoint, openCheckpoint } from './checkpoint.ts';
import { readCheckpointFile } from './checkpoint-list.ts';
import { type FolderLog, logFolders, openLogFolder } from './log-folder.ts';
import { createLookingThreads } from './looking-threads.ts';
import { includes, leafHash } from './merkle.ts';
import { isSignedBy, type NoteVerifier } from './signed-note.ts';
import { ProofError, parseProof } from './tlog-proof.ts';
import { vanishedLogs } from './vanished-logs.ts';
import { expectedOf, type LogVerdict, verifyLog } from './verify-log.ts';

// What a stranger does with files alone: no database, no server, nothing of ours but the public key.

export interface FileVerdict extends LogVerdict {
  /** Notes kept in the log or in another that are not good. */
  readonly badNotes: number;
  /** Personal values that were erased, where what is verified holds them. */
  readonly erasedValues?: number;
}

/** Of a file that holds more, an even selection, with the newest of each log. */
const MOST_TRUSTED = 20_000;

/**
 * Checkpoints somebody kept elsewhere, from files. A file is what is left when something has happened, so what is torn or signed by no key
 * of the log is complained of and passed over; one without a single good checkpoint is refused.
 */
export function trustedCheckpoints(
  files: readonly string[],
  keys: readonly NoteVerifier[],
  complain: (fault: string) => void,
): OpenedCheckpoint[] {
  return files.flatMap((file) => {
    let bad = 0;
    const good: OpenedCheckpoint[] = [];
    for (const note of selected(readCheckpointFile(file))) {
      const checkpoint = note === undefined ? undefined : opened(note, keys);
      if (checkpoint) good.push(checkpoint);
      else bad += 1;
    }
    if (good.length === 0) throw new ProofError(`${file} holds no checkpoint that is signed with this key`);
    if (bad > 0) complain(`${file}: ${bad} checkpoints are torn or not signed with this key, and were passed over`);
    return good;
  });
}

/** All there are, or every second, fourth, eighth … of them: those that were read first as sparse as those after. */
function selected(notes: Iterable<string | undefined>): (string | undefined)[] {
  const newest = new Map<string, string>();
  let kept: (string | undefined)[] = [];
  let every = 1;
  let number = 0;
  for (const note of notes) {
    if (note !== undefined) newest.set(note.slice(0, note.indexOf('\n')), note);
    if (number % every === 0) kept.push(note);
    number += 1;
    if (kept.length <= MOST_TRUSTED) continue;
    kept = kept.filter((_, index) => index % 2 === 0);
    every *= 2;
  }
  return every === 1 ? kept : [...new Set([...kept, ...newest.values()])];
}

export function opened(note: string, keys: readonly NoteVerifier[]): OpenedCheckpoint | undefined {
  try {
    return openCheckpoint(note, keys);
  } catch {
    return undefined;
  }
}

export async function verifyFolder(
  folder: string,
  keys: readonly NoteVerifier[],
  trusted: readonly OpenedCheckpoint[],
  onProgress?: (origin: string, position: number, size: number) => void,
): Promise<FileVerdict[]> {
  const folders = logFolders(folder);
  if (folders.length === 0) throw new ProofError(`${folder} holds no exported log`);
  const threads = createLookingThreads();
  try {
    const logs = folders.map((path) => openLogFolder(path, keys, threads.look));
    const { verdicts, logged } = await verifyLogs(logs, keys, trusted, onProgress);
    // The export of a single log is that log and says nothing of others.
    if (folders.length === 1 && folders[0] === folder) return verdicts;
    const present = logs.map(({ source }) => source.origin);
    return [...verdicts, ...vanishedLogs(present, logged, trusted)];
  } finally {
    await threads.end();
  }
}

async function verifyLogs(
  logs: readonly FolderLog[],
  keys: readonly NoteVerifier[],
  trusted: readonly OpenedCheckpoint[],
  onProgress?: (origin: string, position: number, size: number) => void,
): Promise<{ verdicts: FileVerdict[]; logged: OpenedCheckpoint[] }> {
  const verdicts: FileVerdict[] = [];
  const logged = new Map<string, OpenedCheckpoint[]>();
  // The instance's log first: it holds what was signed for the others.
  const isInstance = (origin: string): boolean => origin.endsWith('/instance');
  for (const { source, checkpoints, badNotes } of logs.toSorted(
    (a, b) => Number(isInstance(b.source.origin)) - Number(isInstance(a.source.origin)),
  )) {
    // An export is of one moment, so a log in it that ends before what another in it heard of was cut off.
    const expected = [
      ...[...checkpoints, ...(logged.get(source.origin) ?? [])].map((checkpoint) => expectedOf(checkpoint, false)),
      ...trusted.filter(({ origin }) => origin === source.origin).map((checkpoint) => expectedOf(checkpoint, true)),
    ];
    const verdict = await verifyLog(source, expected, (position, size) => onProgress?.(source.origin, position, size));
    let badLogged = 0;
    for (const note of verdict.logged) {
      const checkpoint = opened(note, keys);
      if (!checkpoint) badLogged += 1;
      else if (logged.has(checkpoint.origin)) logged.get(checkpoint.origin)?.push(checkpoint);
      else logged.set(checkpoint.origin, [checkpoint]);
    }
    verdicts.push({ ...verdict, badNotes: badNotes + badLogged });
  }
  return { verdicts, logged: [...logged.values()].flat() };
}

export interface ProvenEvent {
  readonly origin: string;
  readonly position: number;
  readonly size: number;
  readonly event: unknown;
  readonly values: Readonly<Record<string, string>>;
  readonly witnesses: readonly string[];
}

/** The event a proof proves, or a ProofError that says what is wrong with it. */
export function verifyProof(text: string, keys: readonly NoteVerifier[]): ProvenEvent {
  const { index, hashes, checkpoint, extra } = parseProof(text);
  const { origin, size, root, signed } = openCheckpoint(checkpoint, keys);
  const { entry, values = {} } = JSON.parse(extra?.toString('utf8') ?? '{}') as {
    entry?: unknown;
    values?: Record<string, OpenedValue>;
  };
  if (typeof entry !== 'string') throw new ProofError('the proof does not hold what it proves');
  const leaf = leafHash(Buffer.from(entry));
  if (!includes({ leaf, index, size, proof: hashes, root }))
    throw new ProofError(`this event does not stand at position ${index} of the log ${origin}`);
  const wrong = falseValues(entry, values);
  if (wrong.length > 0) throw new ProofError(`the value at ${wrong[0]} is not the one that was logged`);
  return {
    origin,
    position: index,
    size,
    event: JSON.parse(entry) as unknown,
    values: Object.fromEntries(Object.entries(values).map(([pointer, { value }]) => [pointer, value])),
    witnesses: keys.filter((key) => key.type === 4 && isSignedBy(signed, key)).map(({ name }) => name),
  };
}
