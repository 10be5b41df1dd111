import { readFileSync, statSync } from 'node:fs';
import { recipientsIn } from '../security/crypto/files/age-keys.ts';
import { CommandError } from './command-error.ts';

const MAX_RECIPIENTS_BYTES = 256 * 1024;

export const recipientOptions = {
  recipient: {
    type: 'string',
    short: 'r',
    multiple: true,
    value: 'age1…',
    help: 'who may decrypt it; may be given again',
  },
  'recipients-file': { type: 'string', short: 'R', multiple: true, value: 'FILE', help: 'recipients, one a line' },
} as const;

export interface GivenRecipients {
  readonly recipient?: string[] | undefined;
  readonly 'recipients-file'?: string[] | undefined;
}

/** Undefined: none of the options was given. */
export function givenRecipients(values: GivenRecipients): string[] | undefined {
  if (values.recipient === undefined && values['recipients-file'] === undefined) return undefined;
  return [...(values.recipient ?? []), ...(values['recipients-file'] ?? []).flatMap(readRecipients)];
}

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
