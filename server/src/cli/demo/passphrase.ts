import { randomInt } from 'node:crypto';

const consonants = 'bcdfghjklmnprstvz';
const vowels = 'aeiou';
const WORDS = 4;

/** Four invented words: as easy to type from a screen as they are hard to guess (67 bits). */
export function newPassphrase(random: (below: number) => number = randomInt): string {
  const letter = (of: string): string => of.charAt(random(of.length));
  const word = (): string => [consonants, vowels, consonants, vowels, consonants].map(letter).join('');
  return Array.from({ length: WORDS }, word).join('-');
}
