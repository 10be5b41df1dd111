import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseCheckpoint } from '../lib/transparency/checkpoint.ts';
import { parseNote } from '../lib/transparency/signed-note.ts';
import { CommandError } from './command-error.ts';

/** Of the file that is written to; the one before it is kept as well, and nothing older. */
const MOST_BYTES = 16 * 1024 * 1024;

export interface SeenCheckpoints {
  /** The last note of each log, as it was written down: nothing of it is verified. */
  readonly last: ReadonlyMap<string, string>;
  /** Returns once it is on the disk. */
  add(origin: string, note: string): void;
}

/**
 * What a witness has seen, a line each, in two files of bounded size: a full one is put aside, and the next begins with the last note of each
 * log, so nothing that is compared against is ever lost with an old file.
 */
export function openSeenCheckpoints(folder: string, mostBytes = MOST_BYTES): SeenCheckpoints {
  const path = join(folder, 'checkpoints');
  const before = `${path}.before`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  cutTornLine(path);
  // Between two renames there is only the one before.
  const last = lastOfEach(existsSync(path) ? path : before);

  function putAside(): void {
    const next = `${path}.next`;
    writeThrough(next, 'w', [...last.values()].map(lineOf).join(''));
    renameSync(path, before);
    renameSync(next, path);
    keepNames(folder);
  }

  return {
    last,
    add(origin, note) {
      const isNew = !existsSync(path);
      const size = writeThrough(path, 'a', lineOf(note));
      if (isNew) keepNames(folder);
      last.set(origin, note);
      // What the last ones need comes on top, or with many logs each line would fill a file.
      if (size >= mostBytes && size >= mostBytes + [...last.values()].reduce((sum, each) => sum + each.length, 0))
        putAside();
    },
  };
}

const lineOf = (note: string): string => `${JSON.stringify({ note })}\n`;

/** A power cut in the middle of a line: nobody was told of it yet, so it may go, and the next must not be glued to it. */
function cutTornLine(path: string): void {
  if (!existsSync(path)) return;
  const file = openSync(path, 'r+');
  try {
    const end = readFileSync(file).lastIndexOf('\n') + 1;
    if (end === fstatSync(file).size) return;
    ftruncateSync(file, end);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function lastOfEach(path: string): Map<string, string> {
  const last = new Map<string, string>();
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  for (const [index, line] of lines.entries()) {
    try {
      const { note } = JSON.parse(line) as { note: string };
      last.set(parseCheckpoint(parseNote(note).text).origin, note);
    } catch {
      // Passing over it could be forgetting what was seen.
      throw new CommandError(`line ${index + 1} of ${path} cannot be read: what was seen there is lost`);
    }
  }
  return last;
}

/** Answers the size of the file. */
function writeThrough(path: string, flag: 'a' | 'w', text: string): number {
  const file = openSync(path, flag, 0o600);
  try {
    const size = fstatSync(file).size;
    const bytes = Buffer.from(text);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } catch (error) {
      ftruncateSync(file, size);
      throw error;
    }
    return size + bytes.length;
  } finally {
    closeSync(file);
  }
}

/** A new name is as durable as the folder it stands in. */
function keepNames(folder: string): void {
  const opened = openSync(folder, 'r');
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
