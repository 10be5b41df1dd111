import { expect, test } from 'vitest';
import { isOpaqueToken, newOpaqueToken, sameBytes, tokenHash, tokenPrefixes } from './tokens.ts';

test.each(Object.values(tokenPrefixes))(
  '[ASVS 7.2.3] a %s token carries 256 random bits and is never the same',
  (prefix) => {
    const tokens = Array.from({ length: 1000 }, () => newOpaqueToken(prefix));
    expect(new Set(tokens).size).toBe(1000);
    for (const token of tokens) {
      expect(Buffer.from(token.slice(prefix.length), 'base64url')).toHaveLength(32);
      expect(isOpaqueToken(token, prefix)).toBe(true);
    }
  },
);

test('only the canonical spelling of the right kind is a token', () => {
  const token = newOpaqueToken('vtd_');
  const other = newOpaqueToken('vts_');
  for (const text of [
    other,
    '',
    'vtd_',
    `${token} `,
    `${token}\n`,
    `${token}=`,
    token.slice(0, -1),
    `${token.slice(0, -1)}B`,
    token.toUpperCase(),
  ]) {
    expect(isOpaqueToken(text, 'vtd_')).toBe(false);
  }
});

test('the stored hash is the SHA-256 of the text', () => {
  expect(tokenHash('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('comparison tells equal from unequal, whatever the lengths', () => {
  expect(sameBytes(tokenHash('a'), tokenHash('a'))).toBe(true);
  expect(sameBytes(tokenHash('a'), tokenHash('b'))).toBe(false);
  expect(sameBytes(Buffer.from('a'), Buffer.from('ab'))).toBe(false);
});
