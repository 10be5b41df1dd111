import { expect, it } from 'vitest';
import { commitmentOf, commitmentOfBytes, newSalt } from './commitment.ts';

it('a salt is 128 bits, in base64, and never given twice', () => {
  const salts = Array.from({ length: 10_000 }, newSalt);
  expect(new Set(salts).size).toBe(salts.length);
  for (const salt of salts) expect(Buffer.from(salt, 'base64')).toHaveLength(16);
  // Each bit in about half of them: nothing of the memory they are taken from was left as it was.
  const bits = Array.from(
    { length: 128 },
    (_, bit) => salts.filter((salt) => (((Buffer.from(salt, 'base64')[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1).length,
  );
  for (const count of bits) expect(Math.abs(count - 5_000)).toBeLessThan(400);
});

it('what is committed to is the same as a text and as bytes among others', () => {
  const salt = newSalt();
  for (const value of ['', 'ada@example.org', 'Åsa 🙂', 'x'.repeat(10_000)]) {
    const bytes = Buffer.from(`"${value}"`);
    const made = commitmentOf(salt, value);
    expect(made).toMatch(/^[\w+/]{43}=$/);
    expect(commitmentOfBytes(salt, bytes, 1, bytes.length - 1)).toBe(made);
    expect(commitmentOf(salt, `${value} `)).not.toBe(made);
  }
});
