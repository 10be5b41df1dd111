import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { CommandError, UsageError } from './command-error.ts';
import type { Stream } from './output.ts';

const MISMATCH = 'the two passphrases differ: nothing was done';

/**
 * Asks at the terminal itself, so that standard input may be the file; what is typed is not shown. A new passphrase is asked for twice, because
 * a slip of the finger would lose the file.
 */
export async function askPassphrase(terminal: Stream, { isNew }: { readonly isNew: boolean }): Promise<string> {
  const first = await askHidden(terminal, isNew ? 'Passphrase for the new file: ' : 'Passphrase: ');
  if (isNew && (await askHidden(terminal, 'The same again: ')) !== first) throw new CommandError(MISMATCH);
  return first;
}

async function askHidden(terminal: Stream, question: string): Promise<string> {
  const input = openTerminal();
  // The editing of a line, without showing it; it writes to nobody.
  const lines = createInterface({
    input,
    output: new Writable({ write: (_chunk, _encoding, done) => done() }),
    terminal: true,
    historySize: 0,
  });
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(new CommandError('stopped: nothing was done'));
  lines.once('SIGINT', stop).once('close', stop);
  try {
    terminal.write(question);
    return await Promise.race([lines.question(''), stopped]);
  } finally {
    lines.off('close', stop).close();
    input.destroy();
    terminal.write('\n');
  }
}

function openTerminal(): ReadStream {
  let descriptor: number | undefined;
  try {
    descriptor = openSync('/dev/tty', 'r+');
    return new ReadStream(descriptor);
  } catch {
    if (descriptor !== undefined) closeSync(descriptor);
    throw new UsageError(
      'there is no terminal to ask for a passphrase: use --passphrase-file, --passphrase-fd, or age keys',
    );
  }
}
