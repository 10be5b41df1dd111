// Most of what devices send are numbers under names. This looks at the bytes once and says whether a JSON text can hold anything that a
// signature could be made of. It is sure or it says no, and then everything is looked at properly.
//
// Why "yes" is safe: outside of texts JSON has only { } [ ] , : numbers and true, false, null. Within a text only letters, digits and
// _ - + . stand here (and the : of a time), none of them next to a space, and no run of letters and digits is long enough to be base64. No quote, bracket,
// slash, semicolon, percent sign or backslash can be among them, so nothing ends early, nothing is encoded, and there is one word where an
// attack takes several. A % or a short unit such as km/h is let by where it stands at the end of a text or between letters.

const OTHER = 0;
const WORD = 1;
const STRUCTURE = 2;
const SPACE = 3;
const POINT = 4;
const QUOTE = 5;
const classOf = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_')) classOf[byte] = WORD;
for (const byte of Buffer.from('{}[],:')) classOf[byte] = STRUCTURE;
for (const byte of Buffer.from(' \n\r\t')) classOf[byte] = SPACE;
for (const byte of Buffer.from('-+.')) classOf[byte] = POINT;
classOf[34] = QUOTE;
const PERCENT = 37;
const SLASH = 47;
const LATIN = 0xc2;
const MICRO = 0xb5;
const DEGREE = 0xb0;
const SUPERSCRIPT_2 = 0xb2;
const SUPERSCRIPT_3 = 0xb3;

const LONGEST_RUN = 16;
/** "µg/m³" and its like; a path worth reading is longer. */
const LONGEST_UNIT = 8;

/** `constructor` and `prototype` are attacks in one word, as keys; by length and first letter, which is enough to look properly. */
const mayReachAPrototype = (bytes: Uint8Array, start: number, length: number): boolean =>
  (length === 11 && bytes[start] === 99) || (length === 9 && bytes[start] === 112);

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57;

export function isHarmlessJson(bytes: Uint8Array): boolean {
  let inText = false;
  let textStart = 0;
  let hasSlash = false;
  let run = 0;
  const { length } = bytes;
  for (let at = 0; at < length; at += 1) {
    const byte = bytes[at] ?? 0;
    const kind = classOf[byte];
    if (kind === WORD) {
      run += 1;
      if (run >= LONGEST_RUN) return false;
      // Two of them in a row are what makes the word __proto__ or a reach into a language.
      if (byte === 95 && bytes[at + 1] === 95) return false;
    } else if (kind === QUOTE) {
      if (inText && hasSlash && at - textStart > LONGEST_UNIT) return false;
      if (inText && mayReachAPrototype(bytes, textStart, at - textStart)) return false;
      inText = !inText;
      textStart = at + 1;
      hasSlash = false;
      run = 0;
    } else if (kind === STRUCTURE) {
      // Within a text only the colon of a time: javascript: and file: have one, too.
      if (inText && !(byte === 58 && isDigit(bytes[at - 1]) && isDigit(bytes[at + 1]))) return false;
      run = 0;
    } else if (kind === POINT) {
      run = 0;
    } else if (kind === SPACE) {
      if (inText) return false;
      run = 0;
    } else if (kind === OTHER) {
      if (!inText) return false;
      if (byte === PERCENT) {
        if (bytes[at + 1] !== 34) return false;
      } else if (byte === SLASH) {
        if (hasSlash || classOf[bytes[at - 1] ?? 0] === POINT || at === textStart) return false;
        hasSlash = true;
        run = 0;
      } else if (byte === LATIN) {
        const next = bytes[at + 1];
        if (next !== MICRO && next !== DEGREE && next !== SUPERSCRIPT_2 && next !== SUPERSCRIPT_3) return false;
        at += 1;
      } else return false;
    }
  }
  return true;
}
