// Several checkpoints in one file, one after the other with an empty line between them, or as the SIEM keeps them: a JSON object a line.

const MAX_FILE_CHARACTERS = 256 * 1024 * 1024;

/** The notes in the text, as they are: nothing is verified. */
export function readCheckpoints(text: string): string[] {
  if (text.length > MAX_FILE_CHARACTERS) throw new RangeError('a file of checkpoints is at most 256 MiB');
  const notes: string[] = [];
  let lines: string[] = [];
  let isSigned = false;
  for (const line of text.split('\n')) {
    const inJson = line.startsWith('{') ? noteIn(line) : undefined;
    if (inJson !== undefined) {
      notes.push(inJson);
      continue;
    }
    const isSignature = line.startsWith('\u2014 ');
    if (isSigned && !isSignature) {
      notes.push(`${lines.join('\n')}\n`);
      lines = [];
      isSigned = false;
      if (line === '') continue;
    }
    if (lines.length === 0 && line === '') continue;
    lines.push(line);
    isSigned = isSignature;
  }
  if (isSigned) notes.push(`${lines.join('\n')}\n`);
  return notes;
}

function noteIn(line: string): string | undefined {
  const found = /"note":("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
  return found === undefined ? undefined : (JSON.parse(found) as string);
}
