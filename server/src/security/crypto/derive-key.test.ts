import { expect, test } from 'vitest';
import { deriveKey } from './derive-key.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

// RFC 5869, appendices A.1 and A.3.
test.each([
  {
    secret: '0b'.repeat(22),
    salt: '000102030405060708090a0b0c',
    label: 'f0f1f2f3f4f5f6f7f8f9',
    output: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    secret: '0b'.repeat(22),
    salt: '',
    label: '',
    output: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  },
])('is HKDF-SHA-256 of RFC 5869', ({ secret, salt, label, output }) => {
  expect(deriveKey(hex(secret), hex(salt), hex(label), 42).toString('hex')).toBe(output);
});
