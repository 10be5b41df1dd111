import { codeAt, hashStep, kinds, lookalikes, MAX_WORD, markIds, marks, plain, type Vocabulary } from './vocabulary.ts';

/** Tokens that are held at once. A text of any length goes through here, as far as `CARRIED` tokens always next to each other. */
export const HELD = 16_384;
/** No signature is wider, which is checked when it is compiled; so none is missed where one window ends and the next begins. */
export const CARRIED = 64;

/** One after the other, of the one text that is being read: nothing here waits for anything. */
export const tokens = {
  ids: new Uint16Array(HELD + 1),
  /** Where each begins in the text. */
  starts: new Int32Array(HELD + 1),
  /** 1: it follows the one before without a space. */
  tight: new Uint8Array(HELD + 1),
  count: 0,
};

/** What else was noticed while reading: whether it is worth trying to decode. */
export const noticed = { escapes: false, longestRun: 0, lineComments: false, nul: false };

const KIND = { other: 0, space: 1, letter: 2, digit: 3, mark: 4, quote: 5 };
const kindOf = new Uint8Array(0x10000).fill(KIND.letter);
for (let code = 0; code <= 0xa0; code += 1) if (code <= 32 || code >= 127) kindOf[code] = KIND.space;
for (const code of [0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff]) kindOf[code] = KIND.space;
for (let code = 0x2000; code <= 0x200d; code += 1) kindOf[code] = KIND.space;
for (let code = 48; code <= 57; code += 1) kindOf[code] = KIND.digit;
for (let code = 33; code < 127; code += 1) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z_]/.test(character)) continue;
  if (/['"`]/.test(character)) kindOf[code] = KIND.quote;
  else if (!/[0-9]/.test(character)) kindOf[code] = KIND.mark;
}
// Full-width forms are what their narrow ones are, since a database or a browser may make them so.
for (let code = 0xff01; code <= 0xff5e; code += 1) kindOf[code] = kindOf[code - 0xfee0] ?? KIND.other;
for (const [code, meant] of lookalikes) kindOf[code] = kindOf[meant] ?? KIND.other;

interface Mark {
  readonly text: string;
  readonly id: number;
}
const marksBy: Mark[][] = Array.from({ length: 128 }, () => []);
for (const text of marks) marksBy[text.charCodeAt(0)]?.push({ text, id: markIds.get(text) ?? kinds.mark });
/** What a character is by itself. A longer mark has marks only, so where something else follows there is nothing to compare. */
const singleMarks = marksBy.map((of) => of.find(({ text }) => text.length === 1));

const LONGEST_KNOWN_NUMBER = 8;
const COMMENT = markIds.get('/*');
const COMMENT_END = markIds.get('*/');
const DASHES = markIds.get('--');
const HASH = markIds.get('#');
const PERCENT = markIds.get('%');
const BACKSLASH = markIds.get('\\');
const AMPERSAND = markIds.get('&');

/**
 * Reads a text into tokens, window by window, and has each window looked at. Every character is passed a bounded number of times,
 * whatever the text: marks are at most three long, and the end of a comment is searched only while there is one.
 */
export function tokenize(text: string, vocabulary: Vocabulary, look: (from: number) => boolean): void {
  const { ids, starts, tight } = tokens;
  const { length } = text;
  let count = 0;
  let at = 0;
  let from = 0;
  let singles = 0;
  let doubles = 0;
  let spaced = true;
  let run = 0;
  let hasCommentEnd = true;
  let lastWasQuote = false;
  noticed.escapes = false;
  noticed.longestRun = 0;
  noticed.lineComments = false;
  noticed.nul = false;

  count = put(count, kinds.start, 0, spaced);
  spaced = false;

  while (at < length) {
    if (count >= HELD - 8) {
      tokens.count = count;
      if (look(from)) return;
      // What may be the beginning of something is carried to the front of the next window; it was looked at from already.
      const kept = count - CARRIED;
      ids.copyWithin(0, kept, count);
      starts.copyWithin(0, kept, count);
      tight.copyWithin(0, kept, count);
      count = CARRIED;
      from = 0;
    }
    const code = text.charCodeAt(at);
    const kind = kindOf[code] ?? KIND.other;
    if (kind === KIND.space) {
      if (code === 0) noticed.nul = true;
      // 19" wide: an inch, which opens nothing.
      if (
        lastWasQuote &&
        !spaced &&
        ids[count - 1] === kinds.doubleOpen &&
        isNumber(count - 2) &&
        tight[count - 1] === 1
      ) {
        ids[count - 1] = kinds.apostrophe;
        doubles -= 1;
      }
      spaced = true;
      run = 0;
      at += 1;
      continue;
    }
    if (kind === KIND.letter) {
      const start = at;
      let hash = 0;
      let inner = code;
      do {
        hash = hashStep(hash, plain(inner));
        at += 1;
        inner = at < length ? text.charCodeAt(at) : 32;
      } while ((kindOf[inner] === KIND.letter || kindOf[inner] === KIND.digit) && at - start <= MAX_WORD);
      // Longer than any word that is known: nothing of it needs to be compared.
      while (kindOf[inner] === KIND.letter || kindOf[inner] === KIND.digit) {
        at += 1;
        inner = at < length ? text.charCodeAt(at) : 32;
      }
      run += at - start;
      if (run > noticed.longestRun) noticed.longestRun = run;
      const id = at - start > MAX_WORD ? kinds.word : vocabulary.find(text, start, at, hash, kinds.word);
      // O'Brien, the boys' room, 6' tall, 19" wide: that opens nothing, unless what follows means something to a signature.
      if (lastWasQuote && vocabulary.endsQuote[id] === 0 && isAfterWord(count - 1)) {
        if (ids[count - 1] === kinds.singleOpen) {
          ids[count - 1] = kinds.apostrophe;
          singles -= 1;
        }
      }
      count = put(count, id, start, spaced);
      spaced = false;
      lastWasQuote = false;
      continue;
    }
    if (kind === KIND.digit) {
      const start = at;
      at = endOfNumber(text, at);
      run += at - start;
      if (run > noticed.longestRun) noticed.longestRun = run;
      let hash = 0;
      const isShort = at - start <= LONGEST_KNOWN_NUMBER;
      for (let index = start; isShort && index < at; index += 1) hash = hashStep(hash, plain(text.charCodeAt(index)));
      count = put(count, isShort ? vocabulary.find(text, start, at, hash, kinds.number) : kinds.number, start, spaced);
      spaced = false;
      if (at > start + 2 && (codeAt(text, start + 1) | 32) === 120) noticed.escapes = true;
      lastWasQuote = false;
      continue;
    }
    if (kind === KIND.quote) {
      const mark = plain(code);
      const isDouble = mark === 0x22;
      const opens = ((isDouble ? doubles : singles) & 1) === 0;
      if (isDouble) doubles += 1;
      else if (mark !== 0x60) singles += 1;
      const id = isDouble
        ? opens
          ? kinds.doubleOpen
          : kinds.doubleClose
        : opens
          ? kinds.singleOpen
          : kinds.singleClose;
      count = put(count, mark === 0x60 ? kinds.backtick : id, at, spaced);
      spaced = false;
      run = 0;
      lastWasQuote = true;
      at += 1;
      continue;
    }
    lastWasQuote = false;
    const mark = markAt(text, at);
    if (mark === undefined) {
      count = put(count, kinds.mark, at, spaced);
      spaced = false;
      run = 0;
      at += 1;
      continue;
    }
    // What base64 is made of besides letters and digits does not end a run of it.
    run = code === 43 || code === 45 || code === 47 ? run + mark.text.length : 0;
    if (mark.id === PERCENT || mark.id === BACKSLASH || mark.id === AMPERSAND) noticed.escapes = true;
    else if (mark.id === DASHES || mark.id === HASH) noticed.lineComments = true;
    else if (mark.id === COMMENT && hasCommentEnd) {
      // SQL takes a comment for a space, and the inside of /*!50000 … */ for itself.
      if (codeAt(text, at + 2) === 33) {
        at = endOfDigits(text, at + 3);
        spaced = true;
        continue;
      }
      const end = text.indexOf('*/', at + 2);
      if (end !== -1) {
        at = end + 2;
        spaced = true;
        continue;
      }
      hasCommentEnd = false;
    } else if (mark.id === COMMENT_END) {
      at += 2;
      spaced = true;
      continue;
    }
    count = put(count, mark.id, at, spaced);
    spaced = false;
    at += mark.text.length;
  }
  count = put(count, kinds.end, length, spaced);
  spaced = false;
  tokens.count = count;
  look(from);
}

/** One more token, the `count`th. Kept out of the reader, whose variables then need no place that others see. */
function put(count: number, id: number, start: number, spaced: boolean): number {
  tokens.ids[count] = id;
  tokens.starts[count] = start;
  tokens.tight[count] = spaced ? 0 : 1;
  return count + 1;
}

/** A quote that touches a word or a number on its left. */
function isAfterWord(quote: number): boolean {
  if (tokens.tight[quote] === 0) return false;
  const id = tokens.ids[quote - 1] ?? kinds.mark;
  return id === kinds.word || id === kinds.number || id >= FIRST_KNOWN_WORD;
}
const isNumber = (token: number): boolean => tokens.ids[token] === kinds.number;
const FIRST_KNOWN_WORD = Math.max(...markIds.values()) + 1;

function markAt(text: string, at: number): Mark | undefined {
  const first = plain(text.charCodeAt(at)) & 127;
  const candidates = marksBy[first] ?? [];
  if (candidates.length <= 1 || kindOf[codeAt(text, at + 1)] !== KIND.mark) return singleMarks[first];
  for (const mark of candidates) {
    let same = true;
    for (let index = 0; same && index < mark.text.length; index += 1)
      same = plain(codeAt(text, at + index)) === mark.text.charCodeAt(index);
    if (same) return mark;
  }
  return undefined;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

function endOfDigits(text: string, start: number): number {
  let at = start;
  while (at < text.length && isDigit(plain(text.charCodeAt(at)))) at += 1;
  return at;
}

/** `12`, `1.5`, `0x3c`. Letters that follow are a word of their own, as SQL reads `1or 1`. */
function endOfNumber(text: string, start: number): number {
  if (codeAt(text, start) === 48 && (codeAt(text, start + 1) | 32) === 120) {
    let at = start + 2;
    while (at < text.length && isHex(text.charCodeAt(at))) at += 1;
    if (at > start + 2) return at;
  }
  const at = endOfDigits(text, start);
  return codeAt(text, at) === 46 && isDigit(codeAt(text, at + 1)) ? endOfDigits(text, at + 1) : at;
}
const isHex = (code: number): boolean => isDigit(code) || ((code | 32) >= 97 && (code | 32) <= 102);
