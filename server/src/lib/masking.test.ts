import { describe, expect, it } from 'vitest';
import { fullMask, type MaskKind, mask } from './masking.ts';

describe('masking', () => {
  it.each([
    ['email', 'john@example.com', 'j**n@example.com'],
    ['email', 'ada@lakeside.example', 'a*a@lakeside.example'],
    ['email', 'ab@example.com', '**@example.com'],
    ['email', 'a@example.com', '*@example.com'],
    ['phone', '+15551234567', '*******4567'],
    ['phone', '(555) 123-4567', '******4567'],
    ['card', '4111 1111 1111 1111', '************1111'],
    ['card', '4111-1111-1111-1234', '************1234'],
  ] satisfies [MaskKind, string, string][])('[ASVS 14.2.6] shows of the %s %s only %s', (kind, value, shown) => {
    expect(mask(kind, value)).toBe(shown);
  });

  it.each([
    ['email', 'no address at all'],
    ['email', 'a@b@example.com'],
    ['email', '@example.com'],
    ['email', 'Maria Lopez <maria@example.com>'],
    ['phone', '1234'],
    ['phone', '12345'],
    ['phone', 'call Maria at 5551234567'],
    ['phone', '+12345678901234567890'],
    ['card', '4111 1111 1111 111'],
    ['card', '41111111111111112'],
    ['card', 'Maria 4111111111111111'],
    ['text', 'Maria Lopez'],
    ['text', ''],
    ['text', 'x'.repeat(10_000)],
    ['email', null],
    ['phone', undefined],
    ['text', 4111111111111111],
  ] satisfies [MaskKind, unknown][])('hides %s %j whole, at one length', (kind, value) => {
    expect(mask(kind, value)).toBe(fullMask);
  });
});
