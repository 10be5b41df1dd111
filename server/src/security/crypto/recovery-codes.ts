import { randomBytes } from 'node:crypto';
import { tokenHash } from './tokens.ts';

// Codes a person prints for the day the authenticator is lost. 125 random bits each: beyond the 112 from which a fast hash may keep them
// (ASVS 6.5.2), so no guesser gets further with a copy of the hashes than without.

export const RECOVERY_CODES = 10;
const GROUPS = 5;
const GROUP_LENGTH = 5;
/** Crockford's base 32: no letter that is taken for another one, and no accidental words with U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** As `7Q2XM-…`, five groups of five. */
function newRecoveryCode(): string {
  // 256 is a multiple of 32, so every letter is equally likely.
  const letters = Array.from(randomBytes(GROUPS * GROUP_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
  return (letters.match(/.{5}/g) ?? []).join('-');
}

export const newRecoveryCodes = (): string[] => Array.from({ length: RECOVERY_CODES }, newRecoveryCode);

/** What is stored and compared; undefined for a text that cannot be a code. Case, dashes and look-alikes do not matter. */
export function recoveryCodeHash(text: string): Buffer | undefined {
  const plain = text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  if (plain.length !== GROUPS * GROUP_LENGTH || [...plain].some((letter) => !ALPHABET.includes(letter)))
    return undefined;
  return tokenHash(`valtronics/recovery-code/${plain}`);
}
