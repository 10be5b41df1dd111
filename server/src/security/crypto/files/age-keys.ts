import { FileEncryptionError } from './file-encryption-error.ts';

/** More than anybody lists by hand; their part of the header stays far below what a reader takes. */
const MOST_RECIPIENTS = 100;
const POST_QUANTUM = 'age1pq1';

/**
 * Checks a list of age recipients by their kind; their checksums are checked when they are used. Throws a FileEncryptionError (`bad-input`).
 * Post-quantum recipients are not mixed with others, as age's specification demands: the weakest recipient protects the file.
 */
export function checkRecipients(recipients: readonly string[]): void {
  if (recipients.length === 0 || recipients.length > MOST_RECIPIENTS)
    throw new FileEncryptionError('bad-input', `a file is encrypted to 1 to ${MOST_RECIPIENTS} recipients`);
  for (const recipient of recipients) {
    if (/^AGE-SECRET-KEY-/i.test(recipient))
      throw new FileEncryptionError(
        'bad-input',
        'a secret identity was given as a recipient: use its public key (age-keygen -y FILE), and replace the identity if others may have seen it',
      );
    // One separator: age1yubikey1… and the like belong to plugins.
    if (!recipient.startsWith(POST_QUANTUM) && !/^age1[^1]*$/.test(recipient))
      throw new FileEncryptionError('bad-input', `${quoted(recipient)} is no age recipient (age1…)`);
  }
  const postQuantum = recipients.filter((recipient) => recipient.startsWith(POST_QUANTUM)).length;
  if (postQuantum > 0 && postQuantum < recipients.length)
    throw new FileEncryptionError(
      'bad-input',
      'post-quantum recipients (age1pq1…) are not mixed with others: use one kind',
    );
}

/** The recipients in a text, one a line; empty lines and those that begin with # say nothing. */
export const recipientsIn = (text: string): string[] => meaningfulLines(text).map(({ line }) => line);

/** The identities in the text of a file, as age-keygen writes them. Throws a FileEncryptionError (`bad-input`) that shows no line. */
export function identitiesIn(text: string, name: string): string[] {
  const lines = meaningfulLines(text);
  if (lines.length === 0) throw new FileEncryptionError('bad-input', `${name} holds no identity`);
  return lines.map(({ line, number }) => {
    if (!/^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]+$/.test(line))
      throw new FileEncryptionError(
        'bad-input',
        `line ${number} of ${name} is no age identity (AGE-SECRET-KEY-1…): keys of SSH and of plugins, and encrypted identity files, are not read`,
      );
    return line;
  });
}

function meaningfulLines(text: string): { line: string; number: number }[] {
  return text
    .split('\n')
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'));
}

export const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
