import { readFileSync, statSync } from 'node:fs';
import { recipientsIn } from '../security/crypto/files/age-keys.ts';
import { encryptFile } from '../security/crypto/files/file-encryption.ts';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import { runFileWork, STANDARD_STREAM } from './file-work.ts';
import { givenPassphrase, namesPassphrase, passphraseOptions } from './given-passphrase.ts';

const MAX_RECIPIENTS_BYTES = 256 * 1024;

export const filesEncrypt = command(
  {
    name: 'files encrypt',
    summary: 'Encrypt a file of any size, with a passphrase or to age recipients',
    argument: 'FILE',
    options: {
      output: {
        type: 'string',
        short: 'o',
        value: 'FILE',
        help: 'where to; FILE.enc or FILE.age unless told, - for standard output',
      },
      recipient: {
        type: 'string',
        short: 'r',
        multiple: true,
        value: 'age1…',
        help: 'who may decrypt it; may be given again',
      },
      'recipients-file': { type: 'string', short: 'R', multiple: true, value: 'FILE', help: 'recipients, one a line' },
      ...passphraseOptions,
      force: { type: 'boolean', help: 'replace a file that is there already' },
    },
    examples: [
      'files encrypt report.pdf',
      'files encrypt backup.tar -r age1… -o /mnt/backup.tar.age',
      'files encrypt - -R team.txt -o logs.age < logs',
    ],
    notes:
      'FILE may be - for standard input. Without recipients a passphrase is asked for, twice; it is never an argument, which others can see.\nThe output has mode 600 and appears when it is complete. age opens what is encrypted to recipients: docs/file-encryption.md.',
  },
  async ({ argument: input, values }, output) => {
    const recipients = [...(values.recipient ?? []), ...(values['recipients-file'] ?? []).flatMap(readRecipients)];
    const isForRecipients = values.recipient !== undefined || values['recipients-file'] !== undefined;
    if (isForRecipients && namesPassphrase(values))
      throw new UsageError('recipients and a passphrase exclude each other');
    if (input === STANDARD_STREAM && values.output === undefined)
      throw new UsageError('--output is missing: standard input has no name');
    if (input === STANDARD_STREAM && values['passphrase-fd'] === '0')
      throw new UsageError('standard input cannot be both the file and the passphrase: use another --passphrase-fd');
    const target = values.output ?? `${input}${isForRecipients ? '.age' : '.enc'}`;
    if (target === STANDARD_STREAM && output.isJson)
      throw new UsageError('--json and --output - exclude each other: both are standard output');
    if (target === STANDARD_STREAM && process.stdout.isTTY)
      throw new UsageError('the output is no text for a terminal: send it to a file or a pipe');
    const to = isForRecipients
      ? { recipients }
      : { passphrase: await givenPassphrase(values, output.terminal, { isNew: true }) };
    await runFileWork(
      {
        input,
        output: target,
        replaces: values.force ?? false,
        done: 'Encrypted',
        start: (plain) => encryptFile(plain, to),
      },
      output,
    );
  },
);

function readRecipients(file: string): string[] {
  try {
    if (statSync(file).size > MAX_RECIPIENTS_BYTES)
      throw new CommandError(`${file} is over 256 KiB, which is no list of recipients`);
    return recipientsIn(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
