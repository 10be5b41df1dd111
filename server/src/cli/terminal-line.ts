import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { CommandError, UsageError } from './command-error.ts';
import type { Stream } from './output.ts';

/** One line, asked for at the terminal itself, so that standard input may be a file. `otherwise`: what to give where there is no terminal. */
export async function askLine(
  terminal: Stream,
  question: string,
  { isShown, otherwise }: { readonly isShown: boolean; readonly otherwise: string },
): Promise<string> {
  const input = openTerminal(otherwise);
  // The editing of a line; where it is not to be shown it writes to nobody.
  const lines = createInterface({
    input,
    output: new Writable({
      write(chunk, _encoding, done) {
        if (isShown) terminal.write(String(chunk));
        done();
      },
    }),
    terminal: true,
    historySize: 0,
  });
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(new CommandError('stopped: nothing was done'));
  lines.once('SIGINT', stop).once('close', stop);
  try {
    if (!isShown) terminal.write(question);
    return await Promise.race([lines.question(isShown ? question : ''), stopped]);
  } finally {
    lines.off('close', stop).close();
    input.destroy();
    terminal.write('\n');
  }
}

function openTerminal(otherwise: string): ReadStream {
  let descriptor: number | undefined;
  try {
    descriptor = openSync('/dev/tty', 'r+');
    return new ReadStream(descriptor);
  } catch {
    if (descriptor !== undefined) closeSync(descriptor);
    throw new UsageError(`there is no terminal to ask ${otherwise}`);
  }
}

/** For what cannot be taken back: the name of the thing is typed, or `--yes` was given. */
export async function confirmTyped(terminal: Stream, said: string, wanted: string, yes: boolean): Promise<void> {
  if (yes) return;
  const typed = await askLine(terminal, `${said}\nType ${wanted} to go on: `, {
    isShown: true,
    otherwise: 'whether you mean it: give --yes',
  });
  if (typed.trim() !== wanted) throw new CommandError('that is something else: nothing was done');
}
