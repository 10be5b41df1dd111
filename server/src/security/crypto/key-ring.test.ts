import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeyRing, type KeyRing } from './key-ring.ts';
import { newRootKeyText, parseRootKey, type RootKey } from './root-key.ts';
import { type Place, SEAL_OVERHEAD_BYTES, SealError } from './sealed-value.ts';

const place: Place = { organisation: 7, table: 'signing_key', column: 'private_key', row: 'k1' };

function aRootKey(text = newRootKeyText()): RootKey {
  const key = parseRootKey(text);
  if (key === undefined) throw new Error('not a root key');
  return key;
}

function problemOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return error instanceof SealError ? error.problem : String(error);
  }
  return undefined;
}

const ring: KeyRing = createKeyRing(aRootKey());
const places = fc.record({
  organisation: fc.option(fc.nat()),
  table: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  column: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  row: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
});

test('what is sealed for a place opens there, byte for byte, and never looks the same twice', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), places, (plaintext, somewhere) => {
      const sealed = ring.seal(plaintext, somewhere);
      expect(sealed.length).toBe(plaintext.length + SEAL_OVERHEAD_BYTES);
      expect(ring.open(sealed, somewhere)).toEqual(Buffer.from(plaintext));
      expect(ring.seal(plaintext, somewhere).equals(sealed)).toBe(false);
    }),
  );
});

test('a text is sealed as UTF-8', () => {
  expect(ring.open(ring.seal('naïve 😀', place), place).toString()).toBe('naïve 😀');
});

test('no other place opens it', () => {
  fc.assert(
    fc.property(places, places, (here, there) => {
      fc.pre(JSON.stringify(here) !== JSON.stringify(there));
      expect(problemOf(() => ring.open(ring.seal('value', here), there))).toBe('refused');
    }),
  );
});

test.each<[string, Place]>([
  ['organisation', { ...place, organisation: 8 }],
  ['owner', { ...place, organisation: null }],
  ['table', { ...place, table: 'signing_keys' }],
  ['column', { ...place, column: 'public_key' }],
  ['row', { ...place, row: 'k2' }],
  ['border between names', { ...place, table: 'signing_key","private_key', column: 'x' }],
])('a value moved to another %s is refused', (_, elsewhere) => {
  expect(problemOf(() => ring.open(ring.seal('value', place), elsewhere))).toBe('refused');
});

test('a change of any single bit is refused', () => {
  const sealed = ring.seal('twelve bytes', place);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(problemOf(() => ring.open(changed, place))).toMatch(/^(refused|unknown-version|unknown-epoch)$/);
  }
});

test('truncation and extension at every length are refused', () => {
  const sealed = ring.seal('twelve bytes', place);
  for (let length = 0; length < sealed.length; length++) {
    expect(problemOf(() => ring.open(sealed.subarray(0, length), place))).toMatch(/^(malformed|refused)$/);
  }
  expect(problemOf(() => ring.open(Buffer.concat([sealed, Buffer.from([0])]), place))).toBe('refused');
});

test('another root key does not open it', () => {
  expect(problemOf(() => createKeyRing(aRootKey()).open(ring.seal('value', place), place))).toBe('refused');
});

test('the same root key opens it after a restart', () => {
  const text = newRootKeyText();
  const sealed = createKeyRing(aRootKey(text)).seal('value', place);
  expect(createKeyRing(aRootKey(text)).open(sealed, place).toString()).toBe('value');
});

test('a wrong commitment is refused although the ciphertext would decrypt', () => {
  const sealed = ring.seal('value', place);
  sealed.fill(0, 37, 69);
  expect(problemOf(() => ring.open(sealed, place))).toBe('refused');
});

test.each<[string, Place]>([
  ['an empty row', { ...place, row: '' }],
  ['a fractional organisation', { ...place, organisation: 1.5 }],
  ['an endless name', { ...place, table: 'x'.repeat(300) }],
  ['half a surrogate pair', { ...place, row: '\ud800' }],
])('%s is no place', (_, nowhere) => {
  expect(problemOf(() => ring.seal('value', nowhere))).toBe('bad-input');
});

test('a text that UTF-8 cannot hold is refused instead of altered', () => {
  expect(problemOf(() => ring.seal('\udfff', place))).toBe('bad-input');
});

test('arbitrary bytes never open and never crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(problemOf(() => ring.open(bytes, place))).toMatch(/^(malformed|unknown-version|unknown-epoch|refused)$/);
    }),
  );
});

test('a pseudonym is the same for the same text, and another for another text, purpose or root key', () => {
  const name = ring.pseudonym('account', 'ada@example.org');
  expect(name).toHaveLength(32);
  expect(ring.pseudonym('account', 'ada@example.org').equals(name)).toBe(true);
  expect(ring.pseudonym('account', 'bob@example.org').equals(name)).toBe(false);
  expect(ring.pseudonym('pair', 'ada@example.org').equals(name)).toBe(false);
  expect(createKeyRing(aRootKey()).pseudonym('account', 'ada@example.org').equals(name)).toBe(false);
});
