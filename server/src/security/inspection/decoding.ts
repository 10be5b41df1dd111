import { codeAt } from './vocabulary.ts';

// What a text becomes when somebody behind us decodes it. Each way of writing is undone in one pass from left to right, so the cost of a
// layer is the length of the text, and no layer is longer than the one before.

const named: ReadonlyMap<string, string> = new Map(
  Object.entries({
    lt: '<', gt: '>', amp: '&', quot: '"', apos: "'", nbsp: ' ', tab: '\t', newline: '\n', colon: ':', semi: ';', lpar: '(', rpar: ')',
    lsqb: '[', rsqb: ']', lbrace: '{', rbrace: '}', lcub: '{', rcub: '}', sol: '/', bsol: '\\', period: '.', comma: ',', excl: '!',
    num: '#', dollar: '$', percnt: '%', equals: '=', grave: '`', lowbar: '_', commat: '@', verbar: '|', ast: '*', plus: '+', quest: '?',
  }), // biome-ignore format: a table
);
const MAX_NAME = 8;

/** The names that browsers also read without the semicolon, wherever a word goes on behind them. */
const unended = ['lt', 'gt', 'amp', 'quot', 'nbsp'] as const;

/** What the piece that was read last means: a code point, or nothing at all. */
let meant = 0;
const NOTHING = -1;
const NONE_THERE = -1;

/** The text with %41 %u0041 A \u{41} \x41 \101 &#65; &#x41; &lt; undone, or undefined if there is nothing of the kind. */
export function unescaped(text: string): string | undefined {
  const { length } = text;
  // Written into memory of its own, since a text of nothing but escapes would be a million texts to put together.
  let units: Uint16Array | undefined;
  /** All bits of all of them. */
  let all = 0;
  let written = 0;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    const end =
      code === 37
        ? percent(text, at)
        : code === 92
          ? backslash(text, at)
          : code === 38
            ? entity(text, at)
            : code === 48
              ? hexadecimal(text, at)
              : NONE_THERE;
    if (end === NONE_THERE) {
      if (units !== undefined) {
        units[written++] = code;
        all |= code;
      }
      at += 1;
      continue;
    }
    if (units === undefined) {
      units = new Uint16Array(length);
      for (; written < at; written += 1) {
        const before = text.charCodeAt(written);
        units[written] = before;
        all |= before;
      }
    }
    if (meant >= 0x10000) {
      // Never longer than what it was written as.
      units[written++] = 0xd800 + ((meant - 0x10000) >> 10);
      units[written++] = 0xdc00 + (meant & 0x3ff);
    } else if (meant !== NOTHING) units[written++] = meant;
    if (meant !== NOTHING) all |= meant;
    at = end;
  }
  if (units === undefined) return undefined;
  if (all >= 256) return Buffer.from(units.buffer, 0, written * 2).toString('utf16le');
  // A byte a character is enough: half to read for whatever reads it next.
  const bytes = Buffer.allocUnsafe(written);
  bytes.set(units.subarray(0, written));
  return bytes.toString('latin1');
}

function hexAt(text: string, at: number, digits: number): number {
  let value = 0;
  for (let index = at; index < at + digits; index += 1) {
    const digit = hexDigit(codeAt(text, index));
    if (digit === -1) return -1;
    value = value * 16 + digit;
  }
  return value;
}
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const small = code | 32;
  return small >= 97 && small <= 102 ? small - 87 : -1;
}

/** Each of these answers where the piece ends, and leaves what it means in `meant`. */
function percent(text: string, at: number): number {
  const next = codeAt(text, at + 1) | 32;
  if (next === 117) {
    const code = hexAt(text, at + 2, 4);
    if (code !== -1) return means(code, at + 6);
  }
  const byte = hexAt(text, at + 1, 2);
  if (byte === -1) {
    // Some servers leave out a % that stands before no number.
    return next >= 97 && next <= 122 ? means(NOTHING, at + 1) : NONE_THERE;
  }
  if (byte < 0x80) return means(byte, at + 3);
  return utf8(text, at, byte);
}

/** UTF-8 in percent signs, also where it is longer than allowed: %c0%ae was read as a full stop often enough. */
function utf8(text: string, at: number, lead: number): number {
  const more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  let value = more === 0 ? lead : lead & (0x3f >> more);
  let end = at + 3;
  for (let index = 0; index < more; index += 1) {
    const byte = codeAt(text, end) === 37 ? hexAt(text, end + 1, 2) : -1;
    if (byte === -1) break;
    // %c0%5c: nothing that UTF-8 has, but a backslash to those who look at the last byte only.
    if (lead <= 0xc1 && byte < 0x80) return means(byte, end + 3);
    value = value * 64 + (byte & 0x3f);
    end += 3;
  }
  return means(Math.min(value, 0x10ffff), end);
}

/** 0x2e, as some tools write a full stop. */
function hexadecimal(text: string, at: number): number {
  if ((codeAt(text, at + 1) | 32) !== 120) return NONE_THERE;
  const code = hexAt(text, at + 2, 2);
  return code < 32 || code > 126 ? NONE_THERE : means(code, at + 4);
}

function backslash(text: string, at: number): number {
  const next = codeAt(text, at + 1);
  if (next === 117 || next === 85) {
    if (codeAt(text, at + 2) === 123) {
      let end = at + 3;
      let value = 0;
      for (let digit = hexDigit(codeAt(text, end)); digit !== -1 && end < at + 9; digit = hexDigit(codeAt(text, end))) {
        value = value * 16 + digit;
        end += 1;
      }
      if (end > at + 3 && codeAt(text, end) === 125) return means(Math.min(value, 0x10ffff), end + 1);
      return NONE_THERE;
    }
    const code = hexAt(text, at + 2, 4);
    return code === -1 ? NONE_THERE : means(code, at + 6);
  }
  if (next === 120 || next === 88) {
    const code = hexAt(text, at + 2, 2);
    return code === -1 ? NONE_THERE : means(code, at + 4);
  }
  if (next >= 48 && next <= 51) {
    let value = 0;
    for (let index = at + 1; index < at + 4; index += 1) {
      const digit = codeAt(text, index) - 48;
      if (!(digit >= 0 && digit <= 7)) return NONE_THERE;
      value = value * 8 + digit;
    }
    return means(value, at + 4);
  }
  return NONE_THERE;
}

function entity(text: string, at: number): number {
  let end = at + 1;
  if (codeAt(text, end) === 35) {
    end += 1;
    const isHex = (codeAt(text, end) | 32) === 120;
    if (isHex) end += 1;
    const first = end;
    let value = 0;
    // Leading zeros do not count, and there may be many: but each is passed once.
    for (;;) {
      const digit = hexDigit(codeAt(text, end));
      if (digit === -1 || (!isHex && digit > 9)) break;
      value = Math.min(value * (isHex ? 16 : 10) + digit, 0x10ffff);
      end += 1;
    }
    if (end === first) return NONE_THERE;
    return means(value, codeAt(text, end) === 59 ? end + 1 : end);
  }
  const stop = Math.min(text.length, end + MAX_NAME);
  while (end < stop && (codeAt(text, end) | 32) >= 97 && (codeAt(text, end) | 32) <= 122) end += 1;
  const name = text.slice(at + 1, end).toLowerCase();
  const whole = codeAt(text, end) === 59 ? named.get(name) : undefined;
  if (whole !== undefined) return means(whole.charCodeAt(0), end + 1);
  const begun = unended.find((each) => name.startsWith(each));
  return begun === undefined ? NONE_THERE : means(named.get(begun)?.charCodeAt(0) ?? NOTHING, at + 1 + begun.length);
}

function means(code: number, end: number): number {
  meant = code;
  return end;
}

/** Shorter ones hold too little to do harm, and too many ordinary words would be tried. */
export const SHORTEST_BLOB = 16;
const RUN = /[A-Za-z0-9+/_-]{16,}={0,2}/g;
const HEX = /^(?:0x)?[0-9a-f]+$/i;

/** What stands in base64 or hexadecimal digits within the text and is text itself, one a line; undefined if there is none. */
export function unpack(text: string, longestRun: number): string | undefined {
  if (longestRun < SHORTEST_BLOB) return undefined;
  const found: string[] = [];
  for (const [run] of text.matchAll(RUN)) {
    if (HEX.test(run)) {
      const digits = run.startsWith('0x') || run.startsWith('0X') ? run.slice(2) : run;
      const bytes = Buffer.from(digits, 'hex');
      if (isText(bytes)) found.push(bytes.toString('latin1'));
    }
    const bytes = Buffer.from(run, 'base64');
    if (isText(bytes)) found.push(bytes.toString('latin1'));
  }
  return found.length === 0 ? undefined : found.join('\n');
}

/** Nearly all of it can be read; of what merely happens to be letters and digits, hardly ever. */
function isText(bytes: Buffer): boolean {
  let odd = 0;
  const allowed = bytes.length >> 5;
  for (const byte of bytes) {
    if ((byte < 32 && byte !== 9 && byte !== 10 && byte !== 13) || byte >= 127) odd += 1;
    if (odd > allowed) return false;
  }
  return bytes.length >= 8;
}

/** Without what SQL leaves out: from -- or # to the end of the line. Each pattern ends, since a line that does not is not tried. */
export function withoutLineComments(text: string): string | undefined {
  const end = text.lastIndexOf('\n') + 1;
  if (end === 0) return undefined;
  return text.slice(0, end).replaceAll(/(?:--|#)[^\n]*\n/g, ' ') + text.slice(end);
}
