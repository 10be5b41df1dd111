// RFC 8785 (JSON Canonicalization Scheme). Signatures and Merkle leaves are computed over these bytes, so one value must have exactly one text:
// whatever JSON cannot hold faithfully (NaN, undefined, a Date, half of a surrogate pair) is refused instead of being dropped or altered.

const MAX_DEPTH = 64;

export class CanonicalJsonError extends Error {
  override readonly name = 'CanonicalJsonError';
}

export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  if (depth > MAX_DEPTH) throw new CanonicalJsonError(`nested deeper than ${MAX_DEPTH} levels`);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return writeString(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new CanonicalJsonError('a number must be finite');
    // ECMAScript's own shortest round-trip form is the one the RFC prescribes; -0 becomes 0.
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${Array.from(value, (item) => write(item, depth + 1)).join(',')}]`;
  if (typeof value === 'object') return writeObject(value, depth);
  throw new CanonicalJsonError(`${typeof value} has no JSON form`);
}

function writeObject(value: object, depth: number): string {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new CanonicalJsonError('only plain objects have a canonical form');
  }
  // The default sort compares UTF-16 code units, which is the order the RFC wants.
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${writeString(key)}:${write(member, depth + 1)}`).join(',')}}`;
}

function writeString(text: string): string {
  if (!text.isWellFormed()) throw new CanonicalJsonError('a string holds half of a surrogate pair');
  return JSON.stringify(text);
}
