import { describe, expect, it } from 'vitest';
import { newRecoveryCodes, recoveryCodeHash } from './recovery-codes.ts';

describe('recovery codes', () => {
  const codes = newRecoveryCodes();

  it('[ASVS 6.5.2, 6.5.3, 6.5.4] are ten, each of 125 random bits', () => {
    expect(codes).toHaveLength(10);
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}$/);
  });

  it('every letter comes as often as another', () => {
    const counts = new Map<string, number>();
    for (let round = 0; round < 400; round += 1)
      for (const letter of newRecoveryCodes().join('').replaceAll('-', ''))
        counts.set(letter, (counts.get(letter) ?? 0) + 1);
    expect(counts.size).toBe(32);
    // 100,000 letters: 3,125 of each, give or take 55; eight standard deviations hold for any honest source.
    for (const count of counts.values()) expect(Math.abs(count - 3_125)).toBeLessThan(440);
  });

  it('are read however they are typed, and one letter more, less or other is none', () => {
    const code = '0O1IL-ABCDE-FGH2J-KMNPQ-RST1V'.replace('0O1IL', '00111');
    const hash = recoveryCodeHash(code);
    for (const spelling of [code.toLowerCase(), code.replaceAll('-', ''), ` ${code} `, code.replace('00111', 'oOiIl')])
      expect(recoveryCodeHash(spelling)).toEqual(hash);
    expect(recoveryCodeHash(code.slice(1))).toBeUndefined();
    expect(recoveryCodeHash(`${code}A`)).toBeUndefined();
    expect(recoveryCodeHash(code.replace('A', 'U'))).toBeUndefined();
    expect(recoveryCodeHash(code.replace('A', 'B'))).not.toEqual(hash);
  });
});
