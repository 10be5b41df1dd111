import { identitiesIn } from '../security/crypto/files/age-keys.ts';
import { decryptFile } from '../security/crypto/files/file-encryption.ts';
import { command } from './command.ts';
import { UsageError } from './command-error.ts';
import { runFileWork, STANDARD_STREAM } from './file-work.ts';
import { givenPassphrase, namesPassphrase, passphraseOptions, privateText } from './given-passphrase.ts';

export const filesDecrypt = command(
  {
    name: 'files decrypt',
    summary: 'Decrypt a file that "files encrypt" or age made',
    argument: 'FILE',
    options: {
      output: { type: 'string', short: 'o', value: 'FILE', help: 'where to; FILE without .enc or .age unless told' },
      identity: {
        type: 'string',
        short: 'i',
        multiple: true,
        value: 'FILE',
        help: 'an age identity, as age-keygen writes it (mode 600)',
      },
      ...passphraseOptions,
      force: { type: 'boolean', help: 'replace a file that is there already' },
    },
    examples: ['files decrypt report.pdf.enc', 'files decrypt backup.tar.age -i key.txt -o backup.tar'],
    notes:
      'FILE may be - for standard input. The output has mode 600 and appears only when all of it is known to be authentic; that is why it is\nnot written to standard output.',
  },
  async ({ argument: input, values }, output) => {
    if (values.identity !== undefined && namesPassphrase(values))
      throw new UsageError('identities and a passphrase exclude each other');
    if (input === STANDARD_STREAM && values['passphrase-fd'] === '0')
      throw new UsageError('standard input cannot be both the file and the passphrase: use another --passphrase-fd');
    const target = values.output ?? nameWithin(input);
    if (target === STANDARD_STREAM)
      throw new UsageError(
        'nothing is decrypted to standard output, where it would be used before it is known to be complete: name a file',
      );
    const identities = values.identity?.flatMap((file) => identitiesIn(privateText(file), file));
    const keys = identities
      ? { identities }
      : { passphrase: () => givenPassphrase(values, output.terminal, { isNew: false }) };
    await runFileWork(
      {
        input,
        output: target,
        replaces: values.force ?? false,
        done: 'Decrypted',
        start: (sealed) => decryptFile(sealed, keys),
      },
      output,
    );
  },
);

/** `report.pdf` of `report.pdf.enc`. */
function nameWithin(input: string): string {
  const name = /^(.*[^/])\.(?:enc|age)$/s.exec(input)?.[1];
  if (name === undefined)
    throw new UsageError('--output is missing: the name of the file ends neither with .enc nor with .age');
  return name;
}
