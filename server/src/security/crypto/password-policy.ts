import type { CommonPasswords } from './common-passwords.ts';
import { contextWords } from './context-words.ts';
import { guessedWords } from './guessed-words.ts';
import { likenessesOf, plain } from './password-spellings.ts';

/**
 * What a password must be (NIST SP 800-63B-4, 3.1.1.2): long, not one that everybody tries first, not made of words of the account or of
 * where it is. No composition rules and no expiry: they make passwords worse.
 */
const SHORTEST_ALONE = 15;
const SHORTEST_WITH_SECOND_FACTOR = 8;
const LONGEST = 128;
const FEWEST_DIFFERENT = 5;
/** Fewer other letters than this beside a guessed word are only decoration. */
const OWN_LETTERS = 8;
const SHORTEST_OWN_WORD = 4;

export interface PasswordOwner {
  readonly email: string;
  readonly name: string | null;
  /** What their organisation is called. */
  readonly organisation: string;
  /** With a second factor the password is only half of the proof, so it may be shorter. */
  readonly hasSecondFactor?: boolean | undefined;
}

/** What a password is held against beside its owner. */
export interface PasswordLists {
  readonly common: CommonPasswords;
  /** The host name of this installation. */
  readonly host: string;
}

const builtOnGuessed = longestFirst([...guessedWords, ...contextWords]);

/** Why the password may not be used, as words for a form; undefined when it may. */
export function passwordFault(password: string, owner: PasswordOwner, lists: PasswordLists): string | undefined {
  // Half of a surrogate pair has no UTF-8 form: it would be hashed as another character.
  if (!password.isWellFormed()) return 'only whole characters';
  const characters = [...password.normalize('NFC')];
  const shortest = owner.hasSecondFactor ? SHORTEST_WITH_SECOND_FACTOR : SHORTEST_ALONE;
  if (characters.length < shortest) return `at least ${shortest} characters; a few words in a row are easy to remember`;
  if (characters.length > LONGEST) return `at most ${LONGEST} characters`;
  if (new Set(characters).size < FEWEST_DIFFERENT) return 'more different characters';

  const text = plain(password);
  if (isSequence(text)) return 'not a row of neighbouring characters';
  if (isRepetition(text)) return 'not one piece repeated';
  if (lists.common.has(password)) return 'not one that many people use';
  // Hardly any common password is as long as one that stands alone must be. What people make of them to get there is two in a row.
  if (!owner.hasSecondFactor && lists.common.isPair(password)) return 'not two in a row that many people use';
  const spellings = likenessesOf(password);
  if (spellings.some((spelling) => isBuiltOn(spelling, builtOnGuessed)))
    return 'not built on words that everybody tries first';
  const own = [...contextWords, ...ownWords([owner.email, owner.name ?? '', owner.organisation, lists.host])];
  const all = longestFirst([...own, ...builtOnGuessed]);
  if (
    [...spellings, ...spellings.map(backwards)].some(
      (spelling) => own.some((word) => spelling.includes(word)) && isBuiltOn(spelling, all),
    )
  )
    return 'not built on the name or address of yourself, your organisation or this product';
  return undefined;
}

/** Whether little of one's own is left once these words are taken out. */
function isBuiltOn(text: string, words: readonly string[]): boolean {
  const rest = words.reduce((left, word) => left.replaceAll(word, ' '), text);
  return rest !== text && rest.replaceAll(/\P{L}/gu, '').length < OWN_LETTERS;
}

function ownWords(texts: readonly string[]): string[] {
  return texts
    .join(' ')
    .normalize('NFKC')
    .toLowerCase()
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word.length >= SHORTEST_OWN_WORD);
}

/** So that `passwords` in pieces is not mistaken for something of one's own. */
function longestFirst(words: readonly string[]): readonly string[] {
  return words.toSorted((a, b) => b.length - a.length);
}

const backwards = (text: string): string => [...text].reverse().join('');

/** `abcdefgh…` or `12345678…`, up or down, for most of its length. */
function isSequence(text: string): boolean {
  let steps = 0;
  for (let index = 1; index < text.length; index += 1) {
    const distance = text.charCodeAt(index) - text.charCodeAt(index - 1);
    if (Math.abs(distance) <= 1) steps += 1;
  }
  return steps > text.length * 0.7;
}

/** `summersummersu`: the text equals itself moved along by at most half its length. */
function isRepetition(text: string): boolean {
  for (let period = 1; period <= text.length / 2; period += 1) {
    if (text.slice(period) === text.slice(0, text.length - period)) return true;
  }
  return false;
}
