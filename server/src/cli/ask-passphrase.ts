import { CommandError } from './command-error.ts';
import type { Stream } from './output.ts';
import { askLine } from './terminal-line.ts';

const MISMATCH = 'the two passphrases differ: nothing was done';

/** What is typed is not shown. A new passphrase is asked for twice, because a slip of the finger would lose the file. */
export async function askPassphrase(terminal: Stream, { isNew }: { readonly isNew: boolean }): Promise<string> {
  const ask = (question: string) =>
    askLine(terminal, question, {
      isShown: false,
      otherwise: 'for a passphrase: use --passphrase-file, --passphrase-fd, or age keys',
    });
  const first = await ask(isNew ? 'Passphrase for the new file: ' : 'Passphrase: ');
  if (isNew && (await ask('The same again: ')) !== first) throw new CommandError(MISMATCH);
  return first;
}
