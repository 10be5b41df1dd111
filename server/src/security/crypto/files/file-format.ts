import { FileEncryptionError } from './file-encryption-error.ts';

export type FileFormat = 'passphrase' | 'age';

export const PASSPHRASE_MAGIC = 'VALTRONICS-FILE';
const AGE_FIRST_LINE = 'age-encryption.org/v1\n';
const AGE_ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';

/** Bytes of a file that are enough to tell what it is. */
export const FORMAT_PEEK_BYTES = AGE_ARMOR.length;

/** What a file is by its first bytes. Throws a FileEncryptionError (`not-encrypted`). */
export function formatOf(head: Buffer): FileFormat {
  const text = head.toString('latin1');
  if (text.startsWith(PASSPHRASE_MAGIC)) return 'passphrase';
  if (text.startsWith(AGE_FIRST_LINE)) return 'age';
  throw new FileEncryptionError(
    'not-encrypted',
    text.startsWith(AGE_ARMOR)
      ? 'the file is an age file in text form (armored), which is not read: age --decrypt reads it'
      : 'the file is neither one that "files encrypt" made nor an age file',
  );
}
