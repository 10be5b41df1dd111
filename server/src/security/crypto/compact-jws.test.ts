import fc from 'fast-check';
import { expect, it } from 'vitest';
import { headerOfJws, MalformedJwsError } from './compact-jws.ts';

const header = Buffer.from('{"alg":"x"}').toString('base64url');
const isTaken = (part: string): boolean => {
  try {
    headerOfJws(`${header}.${part}.${part}`, 10_000);
    return true;
  } catch (error) {
    if (error instanceof MalformedJwsError) return false;
    throw error;
  }
};

it('[ASVS 9.1.1] takes every canonical base64url and nothing else: what decodes and encodes to itself', () => {
  const alphabet = [
    ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
    '+',
    '/',
    '=',
    ' ',
    '\n',
    'é',
  ];
  const texts = fc.array(fc.constantFrom(...alphabet), { maxLength: 12 }).map((characters) => characters.join(''));
  const canonical = fc
    .uint8Array({ minLength: 1, maxLength: 40 })
    .map((bytes) => Buffer.from(bytes).toString('base64url'));
  fc.assert(
    fc.property(fc.oneof(texts, canonical), (part) => {
      const itself = part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
      expect(isTaken(part)).toBe(itself);
    }),
    { numRuns: 3000 },
  );
});
