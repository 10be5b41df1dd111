import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

// Several checkpoints in one file, one after the other with an empty line between them, or as the SIEM keeps them: a JSON object a line.

/** Longer than any line of a note; a line of a SIEM holds one note and what is known about the event. */
const MAX_LINE_CHARACTERS = 128 * 1024;
const MAX_NOTE_LINES = 100;
const PIECE_BYTES = 64 * 1024;

/**
 * The notes in the lines, as they are: nothing is verified. `undefined` stands for something that is no note, such as the half of one that
 * a power failure left; what comes after it is read again.
 */
function* notesIn(source: Iterable<string>): Generator<string | undefined> {
  let lines: string[] = [];
  let isSigned = false;
  for (const line of source) {
    const isSignature = line.startsWith('\u2014 ');
    if (isSigned && !isSignature) {
      yield `${lines.join('\n')}\n`;
      lines = [];
      isSigned = false;
    }
    // Before its signatures a checkpoint has no empty line but the last: whatever stands before one was never finished.
    const isCutOff = lines.at(-1) === '' && !isSignature;
    if (isCutOff || lines.length >= MAX_NOTE_LINES || line.length > MAX_LINE_CHARACTERS) {
      yield undefined;
      lines = [];
    }
    if (line.startsWith('{')) {
      const note = noteIn(line);
      if (note !== null) yield note;
      continue;
    }
    if (line.length > MAX_LINE_CHARACTERS || (lines.length === 0 && line === '')) continue;
    lines.push(line);
    isSigned = isSignature;
  }
  if (lines.length > 0) yield isSigned ? `${lines.join('\n')}\n` : undefined;
}

/** Null: a line about something else. Undefined: half of one. */
function noteIn(line: string): string | undefined | null {
  if (!line.includes('"note":"')) return null;
  const found = /"note":("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
  try {
    return found === undefined ? undefined : (JSON.parse(found) as string);
  } catch {
    return undefined;
  }
}

export const readCheckpoints = (text: string): string[] =>
  [...notesIn(text.split('\n'))].filter((note) => note !== undefined);

/** The same of a file of any size, little of which is held at once. */
export const readCheckpointFile = (path: string): Generator<string | undefined> => notesIn(linesOf(path));

function* linesOf(path: string): Generator<string> {
  const file = openSync(path, 'r');
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    const decoder = new StringDecoder('utf8');
    let rest = '';
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) {
      const lines = (rest + decoder.write(piece.subarray(0, read))).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
      // A line without an end is not gathered for ever; as it is too long already, it is none that is looked at.
      if (rest.length > 2 * MAX_LINE_CHARACTERS) rest = rest.slice(0, MAX_LINE_CHARACTERS + 1);
    }
    if (rest !== '') yield rest;
  } finally {
    closeSync(file);
  }
}
