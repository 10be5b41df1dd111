import { readSync } from 'node:fs';
import { readPrivateFile } from '../security/crypto/private-file.ts';
import type { OptionWords } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import type { Stream } from './output.ts';
import { wholeNumber } from './whole-number.ts';

export const passphraseOptions = {
  'passphrase-file': {
    type: 'string',
    value: 'FILE',
    help: 'read the passphrase from this file (mode 600), which holds one line',
  },
  'passphrase-fd': {
    type: 'string',
    value: 'N',
    help: 'read it from this open file descriptor, for instance of a password manager',
  },
} as const satisfies Record<string, OptionWords>;

interface PassphraseWords {
  readonly 'passphrase-file'?: string | undefined;
  readonly 'passphrase-fd'?: string | undefined;
}

const MOST_DESCRIPTORS = 1_024;
const MOST_BYTES = 4_096;

export const namesPassphrase = (words: PassphraseWords): boolean =>
  words['passphrase-file'] !== undefined || words['passphrase-fd'] !== undefined;

/** The passphrase from where the options say, or from the terminal. It is never an argument, which every user of the machine can see. */
export async function givenPassphrase(
  words: PassphraseWords,
  terminal: Stream,
  asked: { readonly isNew: boolean },
): Promise<string> {
  const { 'passphrase-file': file, 'passphrase-fd': descriptor } = words;
  if (file !== undefined && descriptor !== undefined)
    throw new UsageError('--passphrase-file and --passphrase-fd exclude each other');
  if (file !== undefined) return oneLine(privateText(file), file);
  const number = wholeNumber('passphrase-fd', descriptor, 0, MOST_DESCRIPTORS);
  if (number === undefined) return (await import('./ask-passphrase.ts')).askPassphrase(terminal, asked);
  return oneLine(readDescriptor(number), `file descriptor ${number}`);
}

/** The text of a file that only its owner may read. */
export function privateText(file: string): string {
  const result = readPrivateFile(file);
  switch (result.outcome) {
    case 'read':
      return result.text;
    case 'absent':
      throw new CommandError(`${file} does not exist`);
    case 'unsafe':
      throw new CommandError(
        `${file} can be read by others (mode ${result.mode}): run chmod 600 on it, and replace the secret if someone may have seen it`,
      );
    case 'unreadable':
      throw new CommandError(`${file} cannot be read: ${result.reason}`);
  }
}

/** Only the first of several lines would make a weak passphrase of a random file, and the others would be thought to count. */
function oneLine(text: string, where: string): string {
  const line = text.replace(/\r?\n$/, '');
  if (line === '' || /\p{Cc}|\uFFFD/u.test(line)) throw new CommandError(`${where} does not hold one line of text`);
  return line;
}

function readDescriptor(descriptor: number): string {
  const bytes = Buffer.alloc(MOST_BYTES + 1);
  let length = 0;
  try {
    for (let count = -1; count !== 0 && length < bytes.length; length += count)
      count = readSync(descriptor, bytes, length, bytes.length - length, null);
  } catch (error) {
    throw new CommandError(
      `file descriptor ${descriptor} cannot be read (${(error as NodeJS.ErrnoException).code}): open it, as in --passphrase-fd 3 3< <(pass show files)`,
    );
  }
  if (length > MOST_BYTES)
    throw new CommandError(`file descriptor ${descriptor} gives more than ${MOST_BYTES} bytes, which is no passphrase`);
  return bytes.toString('utf8', 0, length);
}
