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

/** The text with %41 %u0041 A \u{41} \x41 \101 &#65; &#x41; &lt; undone, or undefined if there is nothing of the kind. */
export function unescaped(text: string): string | undefined {
  let result = '';
  let copied = 0;
  let at = 0;
  const { length } = text;
  while (at < length) {
    const code = text.charCodeAt(at);
    const found =
      code === 37
        ? percent(text, at)
        : code === 92
          ? backslash(text, at)
          : code === 38
            ? entity(text, at)
            : code === 48
              ? hexadecimal(text, at)
              : undefined;
    if (found === undefined) {
      at += 1;
      continue;
    }
    result += text.slice(copied, at) + found.text;
    at = found.end;
    copied = at;
  }
  return copied === 0 ? undefined : result + text.slice(copied);
}

interface Found {
  readonly text: string;
  readonly end: number;
}

function hexAt(text: string, at: number, digits: number): number {
  let value = 0;
  for (let index = at; index < at + digits; index += 1) {
    const digit = hexDigit(text.charCodeAt(index));
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

function percent(text: string, at: number): Found | undefined {
  const next = text.charCodeAt(at + 1) | 32;
  if (next === 117) {
    const code = hexAt(text, at + 2, 4);
    if (code !== -1) return { text: String.fromCharCode(code), end: at + 6 };
  }
  const byte = hexAt(text, at + 1, 2);
  if (byte === -1) {
    // Some servers leave out a % that stands before no number.
    return next >= 97 && next <= 122 ? { text: '', end: at + 1 } : undefined;
  }
  if (byte < 0x80) return { text: String.fromCharCode(byte), end: at + 3 };
  return utf8(text, at, byte);
}

/** UTF-8 in percent signs, also where it is longer than allowed: %c0%ae was read as a full stop often enough. */
function utf8(text: string, at: number, lead: number): Found {
  const more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  let value = more === 0 ? lead : lead & (0x3f >> more);
  let end = at + 3;
  for (let index = 0; index < more; index += 1) {
    const byte = text.charCodeAt(end) === 37 ? hexAt(text, end + 1, 2) : -1;
    if (byte === -1) break;
    // %c0%5c: nothing that UTF-8 has, but a backslash to those who look at the last byte only.
    if (lead <= 0xc1 && byte < 0x80) return { text: String.fromCharCode(byte), end: end + 3 };
    value = value * 64 + (byte & 0x3f);
    end += 3;
  }
  return { text: String.fromCodePoint(Math.min(value, 0x10ffff)), end };
}

/** 0x2e, as some tools write a full stop. */
function hexadecimal(text: string, at: number): Found | undefined {
  if ((text.charCodeAt(at + 1) | 32) !== 120) return undefined;
  const code = hexAt(text, at + 2, 2);
  return code < 32 || code > 126 ? undefined : { text: String.fromCharCode(code), end: at + 4 };
}

function backslash(text: string, at: number): Found | undefined {
  const next = text.charCodeAt(at + 1);
  if (next === 117 || next === 85) {
    if (text.charCodeAt(at + 2) === 123) {
      let end = at + 3;
      let value = 0;
      for (
        let digit = hexDigit(text.charCodeAt(end));
        digit !== -1 && end < at + 9;
        digit = hexDigit(text.charCodeAt(end))
      ) {
        value = value * 16 + digit;
        end += 1;
      }
      if (end > at + 3 && text.charCodeAt(end) === 125)
        return { text: String.fromCodePoint(Math.min(value, 0x10ffff)), end: end + 1 };
      return undefined;
    }
    const code = hexAt(text, at + 2, 4);
    return code === -1 ? undefined : { text: String.fromCharCode(code), end: at + 6 };
  }
  if (next === 120 || next === 88) {
    const code = hexAt(text, at + 2, 2);
    return code === -1 ? undefined : { text: String.fromCharCode(code), end: at + 4 };
  }
  if (next >= 48 && next <= 51) {
    let value = 0;
    for (let index = at + 1; index < at + 4; index += 1) {
      const digit = text.charCodeAt(index) - 48;
      if (!(digit >= 0 && digit <= 7)) return undefined;
      value = value * 8 + digit;
    }
    return { text: String.fromCharCode(value), end: at + 4 };
  }
  return undefined;
}

function entity(text: string, at: number): Found | undefined {
  let end = at + 1;
  if (text.charCodeAt(end) === 35) {
    end += 1;
    const isHex = (text.charCodeAt(end) | 32) === 120;
    if (isHex) end += 1;
    const first = end;
    let value = 0;
    // Leading zeros do not count, and there may be many: but each is passed once.
    for (;;) {
      const digit = hexDigit(text.charCodeAt(end));
      if (digit === -1 || (!isHex && digit > 9)) break;
      value = Math.min(value * (isHex ? 16 : 10) + digit, 0x10ffff);
      end += 1;
    }
    if (end === first) return undefined;
    return { text: String.fromCodePoint(value), end: text.charCodeAt(end) === 59 ? end + 1 : end };
  }
  const stop = Math.min(text.length, end + MAX_NAME);
  while (end < stop && (text.charCodeAt(end) | 32) >= 97 && (text.charCodeAt(end) | 32) <= 122) end += 1;
  if (text.charCodeAt(end) !== 59) return undefined;
  const meant = named.get(text.slice(at + 1, end).toLowerCase());
  return meant === undefined ? undefined : { text: meant, end: end + 1 };
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
