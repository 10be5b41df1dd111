/**
 * What a text is read as: words that some signature knows, marks, numbers, and the rest. Each has a small number, so that a signature
 * compares numbers and never texts.
 */
export const kinds = {
  /** A word no signature knows. */
  word: 0,
  number: 1,
  start: 2,
  end: 3,
  /** Within a word (O'Brien) or after a number (19"): no quote. */
  apostrophe: 4,
  singleOpen: 5,
  singleClose: 6,
  doubleOpen: 7,
  doubleClose: 8,
  backtick: 9,
  /** A mark that no signature knows. */
  mark: 10,
} as const;

/** Marks by the name that patterns give them, since some of them mean something to a pattern. */
const named: Readonly<Record<string, string>> = {
  PIPE: '|',
  OR2: '||',
  QM: '?',
  STAR: '*',
  TILDE: '~',
  LTQ: '<?',
};
/** Longest first, as the tokenizer takes them. */
export const marks = [
  '<=>', '../', '..\\',
  '||', '&&', '--', '/*', '*/', '<>', '!=', '<=', '>=', '==', '${', '{{', '#{', '<%', '@@', '::', '$(', '</', '<!', '<?', '>>', '://',
  '(', ')', '=', '<', '>', ',', ';', ':', '.', '/', '\\', '|', '&', '#', '%', '!', '?', '*', '+', '-', '~', '^', '$', '@', '{', '}', '[', ']',
] as const; // biome-ignore format: a table
const FIRST_MARK = 16;
export const markIds: ReadonlyMap<string, number> = new Map(marks.map((mark, index) => [mark, FIRST_MARK + index]));
const FIRST_WORD = FIRST_MARK + marks.length;

export const MAX_WORD = 40;

export interface Vocabulary {
  /** How many numbers there are. */
  readonly size: number;
  has(word: string): boolean;
  /** The number of a word or mark as a pattern writes it. */
  idOf(written: string): number;
  /** 1 at the number of a word that stands behind the quote that ends a value, in SQL or in markup. */
  readonly endsQuote: Uint8Array;
  /** Of the words that a signature knows. */
  readonly words: readonly number[];
  /** Of the numbers that stand in texts and that a signature knows by their figure, such as 169.254. */
  readonly numbers: readonly number[];
  /** The number of the word that stands in a text, `otherwise` if no signature knows it. `hash` is of its small letters. */
  find(text: string, start: number, end: number, hash: number, otherwise: number): number;
}

/** A character as a number, 0 behind the end: the language's own answer there is NaN, with which all that follows is reckoned in fractions. */
export const codeAt = (text: string, at: number): number => (at < text.length ? text.charCodeAt(at) : 0);

export const hashStep = (hash: number, code: number): number => (Math.imul(hash, 31) + code) | 0;

/** What some servers take for a slash, a backslash or a quote. */
export const lookalikes: ReadonlyMap<number, number> = new Map([
  [0x2215, 47],
  [0x2044, 47],
  [0xefc8, 47],
  [0xf025, 47],
  [0x2216, 92],
  [0x02bc, 39],
]);

/** A letter as all signatures know it: small, and narrow where it is a full-width form (U+FF01 to U+FF5E). */
export function plain(code: number): number {
  if (code < 128) return code >= 65 && code <= 90 ? code + 32 : code;
  if (code >= 0xff01 && code <= 0xff5e) return plain(code - 0xfee0);
  return lookalikes.get(code) ?? code;
}

const isWord = (written: string): boolean => /^(?:[a-z_][a-z0-9_]*|\d+(?:\.\d+)?)$/.test(written);
const isNumber = (word: string): boolean => word.charCodeAt(0) >= 48 && word.charCodeAt(0) <= 57;

export function createVocabulary(written: ReadonlySet<string>, endsQuote: readonly string[]): Vocabulary {
  const words = [...written].filter(isWord);
  const ids = new Map(words.map((word, index) => [word, FIRST_WORD + index]));
  let slots = 1024;
  while (slots < words.length * 8) slots *= 2;
  // Open addressing: a word is found by a hash that was made while it was read, without a text of its own.
  const table = new Int32Array(slots).fill(-1);
  for (const [index, word] of words.entries()) {
    if (word.length > MAX_WORD) throw new Error(`the word ${word} is too long for the tokenizer`);
    let hash = 0;
    for (let at = 0; at < word.length; at += 1) hash = hashStep(hash, word.charCodeAt(at));
    let slot = hash & (slots - 1);
    while (table[slot] !== -1) slot = (slot + 1) & (slots - 1);
    table[slot] = index;
  }

  return {
    size: FIRST_WORD + words.length,
    endsQuote: Uint8Array.from({ length: FIRST_WORD + words.length }, (_, id) =>
      endsQuote.includes(words[id - FIRST_WORD] ?? '') ? 1 : 0,
    ),
    words: words.flatMap((word, index) => (isNumber(word) ? [] : [FIRST_WORD + index])),
    numbers: words.flatMap((word, index) => (isNumber(word) ? [FIRST_WORD + index] : [])),
    has: (word) => ids.has(word),
    idOf(name) {
      const id = markIds.get(named[name] ?? name) ?? ids.get(name);
      if (id === undefined) throw new Error(`a signature names ${name}, which is neither word nor mark`);
      return id;
    },
    find(text, start, end, hash, otherwise) {
      for (let slot = hash & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
        const index = table[slot] ?? -1;
        if (index === -1) return otherwise;
        if (isAt(words[index] ?? '', text, start, end)) return FIRST_WORD + index;
      }
    },
  };
}

function isAt(word: string, text: string, start: number, end: number): boolean {
  if (word.length !== end - start) return false;
  for (let at = 0; at < word.length; at += 1)
    if (plain(text.charCodeAt(start + at)) !== word.charCodeAt(at)) return false;
  return true;
}
