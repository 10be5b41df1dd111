import { guessedWords } from './guessed-words.ts';

/**
 * What a password must be (NIST SP 800-63B-4, 3.1.1.2): long, not one that everybody tries first, not made of the account's own words.
 * No composition rules and no expiry: they make passwords worse.
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
  /** With a second factor the password is only half of the proof, so it may be shorter. */
  readonly hasSecondFactor?: boolean | undefined;
}

/** Why the password may not be used, as words for a form; undefined when it may. */
export function passwordFault(password: string, owner: PasswordOwner): string | undefined {
  // Half of a surrogate pair has no UTF-8 form: it would be hashed as another character.
  if (!password.isWellFormed()) return 'only whole characters';
  const characters = [...password.normalize('NFC')];
  const shortest = owner.hasSecondFactor ? SHORTEST_WITH_SECOND_FACTOR : SHORTEST_ALONE;
  if (characters.length < shortest) return `at least ${shortest} characters; a few words in a row are easy to remember`;
  if (characters.length > LONGEST) return `at most ${LONGEST} characters`;
  if (new Set(characters).size < FEWEST_DIFFERENT) return 'more different characters';

  const plain = lettersAndDigits(password);
  if (isSequence(plain)) return 'not a row of neighbouring characters';
  if (isRepetition(plain)) return 'not one piece repeated';
  const spellings = [plain, withoutLeet(password)];
  if (spellings.some((text) => isBuiltOn(text, guessedWords))) return 'not built on words that everybody tries first';
  const own = ownWords(owner);
  if (spellings.some((text) => own.some((word) => text.includes(word)) && isBuiltOn(text, [...own, ...guessedWords]))) {
    return 'not built on your own name or address';
  }
  return undefined;
}

/** Whether little of one's own is left once these words are taken out. */
function isBuiltOn(text: string, words: readonly string[]): boolean {
  const rest = words.reduce((left, word) => left.replaceAll(word, ' '), text);
  return rest !== text && rest.replaceAll(/\P{L}/gu, '').length < OWN_LETTERS;
}

function lettersAndDigits(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}]/gu, '');
}

const LEET: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

/** `P4$$w0rd` is guessed as early as `password`. */
function withoutLeet(text: string): string {
  return lettersAndDigits(text.replaceAll(/[013457@$!]/g, (character) => LEET[character] ?? character));
}

function ownWords({ email, name }: PasswordOwner): string[] {
  return `${email} ${name ?? ''}`
    .normalize('NFKC')
    .toLowerCase()
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word.length >= SHORTEST_OWN_WORD)
    .sort((a, b) => b.length - a.length);
}

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
