import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyWrapError, unwrapKey, wrapKey } from './key-wrap.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('known answers', () => {
  // Project Wycheproof, aes_kwp_test.json, cases 183 to 185, and NIST CAVP, KWP_AE_256, the first of 8 bits.
  const wycheproof = '1abf4b7fa2bb62a78f09ddab04625dcacdd9e551d1a69b6b162baa53d2700093';
  test.each([
    [wycheproof, '4cdd960cabcf8aaf69c37da1d3', '6bea6bf57601bf063873f47ec3572cfb9cfb595d8bdb5e97'],
    [wycheproof, 'da29e0889cf98742612e0326300b', 'b631292536aaf02d829cc6d3c39e5a5cd76240889e9d51d0'],
    [wycheproof, '72aaee126a822184806c7d22eed66b', 'de497acf18a177a3a9b3d8da46d74dfa58dcc537a3a95323'],
    ['2800f18237cf8d2ba1dfe361784fd7519b0fdb0ec73e2ab1c0b966b9173fc5b5', 'ad', 'c1eccf2d077a385e67aaeb35552c893c'],
  ])('under %s, %s', (wrappingKey, key, wrapped) => {
    expect(wrapKey(hex(wrappingKey), hex(key)).toString('hex')).toBe(wrapped);
    expect(unwrapKey(hex(wrappingKey), hex(wrapped)).toString('hex')).toBe(key);
  });

  // Wycheproof, cases 186, 194, 202, 210 and 218: the integrity check value in front, or the padding behind, is another one.
  test.each([
    '98428fb83dc207033c1585e0242e699be98e0001f1ee15ba',
    'f795cf444efd94bd6a561d8cb0703ee0e979c073aa66fdaa',
    '7fd3ad3aee0545da1ed3a54d5a198a2c76cf8290c011c042',
    '8b011408049eab81cc185796b9636982c1ad28e940e5c35ab1219434c23e8c59',
    '0b0aa97121bb8e367b8e80e6518a786ab686f4d6b8a075c3abe534698ec462e09fba981615d43ebd',
  ])('%s is refused', (wrapped) => {
    const wrappingKey = hex('4f710eb6b5e28703becfc3dc52fa8bc1dd44a4a6d38a84b4f94e89ac32d987e7');
    expect(() => unwrapKey(wrappingKey, hex(wrapped))).toThrow(KeyWrapError);
  });
});

test('what was wrapped comes back, and 32 bytes become 40', () => {
  fc.assert(
    fc.property(bytes(32), fc.uint8Array({ minLength: 1, maxLength: 1_024 }), (wrappingKey, key) => {
      expect(unwrapKey(wrappingKey, wrapKey(wrappingKey, key))).toEqual(Buffer.from(key));
    }),
  );
  expect(wrapKey(randomBytes(32), randomBytes(32))).toHaveLength(40);
});

test('a change of any single bit is refused', () => {
  const wrappingKey = randomBytes(32);
  const wrapped = wrapKey(wrappingKey, randomBytes(32));
  for (let bit = 0; bit < wrapped.length * 8; bit++) {
    const changed = Buffer.from(wrapped);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => unwrapKey(wrappingKey, changed)).toThrow(KeyWrapError);
  }
});

test('another wrapping key, another length and arbitrary bytes are refused', () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), bytes(32), fc.nat(80), (one, other, key, length) => {
      fc.pre(!Buffer.from(one).equals(Buffer.from(other)));
      expect(() => unwrapKey(other, wrapKey(one, key))).toThrow(KeyWrapError);
      expect(() => unwrapKey(one, randomBytes(length))).toThrow(KeyWrapError);
      expect(() => unwrapKey(one, wrapKey(one, key).subarray(0, 39))).toThrow(KeyWrapError);
    }),
  );
});

test('a wrapping key of another size, no key and an endless one are a mistake of the caller', () => {
  expect(() => wrapKey(randomBytes(16), randomBytes(32))).toThrow(RangeError);
  expect(() => unwrapKey(randomBytes(24), randomBytes(40))).toThrow(RangeError);
  expect(() => wrapKey(randomBytes(32), Buffer.alloc(0))).toThrow(RangeError);
  expect(() => wrapKey(randomBytes(32), Buffer.alloc(1_025))).toThrow(RangeError);
});
