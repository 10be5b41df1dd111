import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newTotpSecret, totpSecretText, totpStep, totpUri } from './totp.ts';

// RFC 6238, appendix B, for SHA-1; the last six of its eight digits are the six-digit code (RFC 4226, 5.3: the same number modulo 10^6).
const secret = Buffer.from('12345678901234567890');
const vectors = [
  [59, '94287082'],
  [1_111_111_109, '07081804'],
  [1_111_111_111, '14050471'],
  [1_234_567_890, '89005924'],
  [2_000_000_000, '69279037'],
  [20_000_000_000, '65353130'],
] as const;

describe('time-based one-time passwords', () => {
  it.each(vectors)('RFC 6238: at %i s the code is %s', (seconds, eightDigits) => {
    expect(totpStep(secret, eightDigits.slice(2), seconds * 1_000)).toBe(Math.floor(seconds / 30));
  });

  // RFC 4226, appendix D: the code of counter n is the code of time step n.
  it.each(['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'])(
    'RFC 4226: counter %# gives its code',
    (code) => {
      const counter = [
        '755224',
        '287082',
        '359152',
        '969429',
        '338314',
        '254676',
        '287922',
        '162583',
        '399871',
        '520489',
      ].indexOf(code);
      expect(totpStep(secret, code, counter * 30_000)).toBe(counter);
    },
  );

  it('[ASVS 6.5.5] are good one step early and late, and not two', () => {
    const [seconds, code] = [1_111_111_110, '050471'];
    const step = seconds / 30;
    for (const [off, seen] of [
      [-30.001, undefined],
      [-30, step],
      [0, step],
      [29.999, step],
      [59.999, step],
      [60, undefined],
    ] as const)
      expect([off, totpStep(secret, code, (seconds + off) * 1_000)]).toEqual([off, seen]);
  });

  it.each(['', '05047', '0504711', '05047 ', '०५०४७१', '0x50471', '-50471', '05047\n'])('%j is no code', (text) => {
    expect(totpStep(secret, text, 1_111_111_111_000)).toBeUndefined();
  });

  it('no other code than those of three steps is right', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999 }), (number) => {
        const code = String(number).padStart(6, '0');
        const step = totpStep(secret, code, 1_234_567_890_000);
        expect(
          step === undefined || ['005924', '742275', '590587'].includes(code) || Math.abs(step - 41_152_263) <= 1,
        ).toBe(true);
      }),
    );
  });

  it('[ASVS 6.5.3] secrets are 160 random bits', () => {
    const made = Array.from({ length: 100 }, newTotpSecret);
    expect(made.every((bytes) => bytes.length === 20)).toBe(true);
    expect(new Set(made.map((bytes) => bytes.toString('hex'))).size).toBe(100);
  });

  it('the link names the issuer, the account and the secret', () => {
    const uri = new URL(totpUri(secret, 'ann+1@example.org'));
    expect(uri.protocol).toBe('otpauth:');
    expect(decodeURIComponent(uri.pathname)).toContain('Valtronics:ann+1@example.org');
    expect(uri.searchParams.get('issuer')).toBe('Valtronics');
    expect(uri.searchParams.get('secret')).toBe(totpSecretText(secret));
    expect(totpSecretText(secret)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
  });
});
