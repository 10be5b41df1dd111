import { readFileSync } from 'node:fs';
import { falseValues, type OpenedValue } from './audit-leaf.ts';
import { type OpenedCheckpoint, openCheckpoint } from './checkpoint.ts';
import { readCheckpoints } from './checkpoint-list.ts';
import { logFolders, openLogFolder } from './log-folder.ts';
import { includes, leafHash } from './merkle.ts';
import { isSignedBy, type NoteVerifier } from './signed-note.ts';
import { ProofError, parseProof } from './tlog-proof.ts';
import { expectedOf, type LogVerdict, verifyLog } from './verify-log.ts';

// What a stranger does with files alone: no database, no server, nothing of ours but the public key.

export interface FileVerdict extends LogVerdict {
  readonly badNotes: number;
}

/** Checkpoints somebody kept elsewhere, from files; each must be signed by a key of the log. */
export function trustedCheckpoints(files: readonly string[], keys: readonly NoteVerifier[]): OpenedCheckpoint[] {
  return files.flatMap((file) => {
    const notes = readCheckpoints(readFileSync(file, 'utf8'));
    if (notes.length === 0) throw new ProofError(`${file} holds no checkpoint`);
    return notes.map((note) => openCheckpoint(note, keys));
  });
}

export async function verifyFolder(
  folder: string,
  keys: readonly NoteVerifier[],
  trusted: readonly OpenedCheckpoint[],
  onProgress?: (origin: string, position: number, size: number) => void,
): Promise<FileVerdict[]> {
  const folders = logFolders(folder);
  if (folders.length === 0) throw new ProofError(`${folder} holds no exported log`);
  const logs = folders.map((path) => openLogFolder(path, keys));
  const verdicts: FileVerdict[] = [];
  const logged = new Map<string, OpenedCheckpoint[]>();
  // The instance's log first: it holds what was signed for the others.
  const isInstance = (origin: string): boolean => origin.endsWith('/instance');
  for (const { source, checkpoints, badNotes } of logs.toSorted(
    (a, b) => Number(isInstance(b.source.origin)) - Number(isInstance(a.source.origin)),
  )) {
    const expected = [
      ...[...checkpoints, ...(logged.get(source.origin) ?? [])]
        // An export ends where its own checkpoint does; what the other log heard of afterwards is not part of it.
        .filter(({ size }) => size <= source.size)
        .map((checkpoint) => expectedOf(checkpoint, false)),
      ...trusted.filter(({ origin }) => origin === source.origin).map((checkpoint) => expectedOf(checkpoint, true)),
    ];
    const verdict = await verifyLog(source, expected, (position, size) => onProgress?.(source.origin, position, size));
    for (const note of verdict.logged) {
      const checkpoint = openCheckpoint(note, keys);
      logged.set(checkpoint.origin, [...(logged.get(checkpoint.origin) ?? []), checkpoint]);
    }
    verdicts.push({ ...verdict, badNotes });
  }
  return verdicts;
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
