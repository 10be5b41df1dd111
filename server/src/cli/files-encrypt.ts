import { encryptFile } from '../security/crypto/files/file-encryption.ts';
import { command } from './command.ts';
import { UsageError } from './command-error.ts';
import { runFileWork, STANDARD_STREAM } from './file-work.ts';
import { givenPassphrase, namesPassphrase, passphraseOptions } from './given-passphrase.ts';
import { givenRecipients, recipientOptions } from './recipients.ts';

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
      ...recipientOptions,
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
    const recipients = givenRecipients(values);
    if (recipients && namesPassphrase(values)) throw new UsageError('recipients and a passphrase exclude each other');
    if (input === STANDARD_STREAM && values.output === undefined)
      throw new UsageError('--output is missing: standard input has no name');
    if (input === STANDARD_STREAM && values['passphrase-fd'] === '0')
      throw new UsageError('standard input cannot be both the file and the passphrase: use another --passphrase-fd');
    const target = values.output ?? `${input}${recipients ? '.age' : '.enc'}`;
    if (target === STANDARD_STREAM && output.isJson)
      throw new UsageError('--json and --output - exclude each other: both are standard output');
    if (target === STANDARD_STREAM && process.stdout.isTTY)
      throw new UsageError('the output is no text for a terminal: send it to a file or a pipe');
    const to = recipients
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
