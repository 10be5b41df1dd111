import { HASH_BYTES, type Head } from './merkle.ts';
import { isSignedBy, NoteError, type NoteVerifier, parseNote, type SignedNote, verifierOf } from './signed-note.ts';

// Checkpoints (c2sp.org/tlog-checkpoint): the head of a tree as the text of a signed note.

export interface Checkpoint extends Head {
  readonly origin: string;
}

export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${root.toString('base64')}\n`;

export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', decimal = '', encoded = ''] = text.split('\n');
  const size = Number(decimal);
  const root = Buffer.from(encoded, 'base64');
  if (
    !/^[^\s+]{1,200}$/.test(origin) ||
    !/^(0|[1-9]\d{0,15})$/.test(decimal) ||
    !Number.isSafeInteger(size) ||
    root.length !== HASH_BYTES ||
    root.toString('base64') !== encoded
  ) {
    throw new NoteError('this is not a checkpoint');
  }
  return { origin, size, root };
}

/**
 * The same key signs for every tree of an installation, under the name of the tree, which is the origin. A key given for the whole
 * installation stands for each name below its own.
 */
function keyFor(origin: string, given: NoteVerifier): NoteVerifier | undefined {
  if (given.type !== 1) return undefined;
  if (given.name === origin) return given;
  return origin.startsWith(`${given.name}/`) ? verifierOf(origin, given.publicKey) : undefined;
}

export interface OpenedCheckpoint extends Checkpoint {
  readonly note: string;
  readonly signed: SignedNote;
}

/** What a note says, after its signature was verified with one of the keys of the log. */
export function openCheckpoint(note: string, keys: readonly NoteVerifier[]): OpenedCheckpoint {
  const signed = parseNote(note);
  const checkpoint = parseCheckpoint(signed.text);
  const usable = keys.map((key) => keyFor(checkpoint.origin, key)).filter((key) => key !== undefined);
  if (usable.length === 0) throw new NoteError(`there is no key for the log ${checkpoint.origin}`);
  if (!usable.some((key) => isSignedBy(signed, key))) {
    throw new NoteError(`the checkpoint of ${checkpoint.origin} is not signed with this key`);
  }
  return { ...checkpoint, note, signed };
}
