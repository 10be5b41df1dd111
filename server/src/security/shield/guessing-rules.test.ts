import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accountWaitMs, blockMs, guessingRules, type Standing, type Tally, verdictOn } from './guessing-rules.ts';

const nothing: Standing = {
  blockedUntil: undefined,
  address: undefined,
  pair: undefined,
  factor: undefined,
  account: undefined,
  cookie: undefined,
};
const tally = (failures: number, open = 0, at = 0): Tally => ({ failedAt: Array(failures).fill(at), open });
const passes = (standing: Partial<Standing>, now = 0): boolean =>
  verdictOn({ ...nothing, ...standing }, now).kind === 'pass';

test('the n-th block lasts 300 · 2^(n−1) seconds, never longer than a day', () => {
  const seconds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 50].map((nth) => blockMs(nth) / 1000);
  expect(seconds).toEqual([300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, 86_400, 86_400, 86_400]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), (nth) => {
      const [one, next] = [blockMs(nth), blockMs(nth + 1)];
      expect(next === Math.min(86_400_000, one * 2)).toBe(true);
    }),
  );
});

test('an account makes callers wait longer and longer, and never longer than a minute', () => {
  expect([9, 10, 11, 12, 15, 16, 17, 99].map(accountWaitMs)).toEqual([
    0, 1_000, 2_000, 4_000, 32_000, 60_000, 60_000, 60_000,
  ]);
});

describe('whatever happened before', () => {
  test('no more attempts are under way than could fail without passing the limit, and one always may be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), (failures) => {
        let open = 0;
        while (passes({ address: tally(failures, open) })) open += 1;
        expect(open).toBe(Math.max(1, guessingRules.failuresToBlock - failures));
      }),
    );
  });

  test('of a factor at most five codes are looked at in an hour', () => {
    fc.assert(
      fc.property(fc.nat(8), fc.nat(8), (failures, open) => {
        expect(passes({ factor: tally(failures, open) }, 1)).toBe(failures + open < 5);
      }),
    );
    const fifthFromBehind: Tally = { failedAt: [0, 1_000, 2_000, 3_000, 4_000, 5_000], open: 0 };
    expect(verdictOn({ ...nothing, factor: fifthFromBehind }, 6_000)).toEqual({ kind: 'wait', ms: 3_595_000 });
  });

  test('of an account no more than a hundred in a row, open ones included', () => {
    fc.assert(
      fc.property(fc.nat(120), fc.nat(12), (failures, open) => {
        const account = { failures, open, lastFailedAt: -1e9 };
        if (passes({ account })) expect(failures + open).toBeLessThan(100);
        else expect(failures >= 10 ? open > 0 || failures >= 100 : failures + open >= 10).toBe(true);
      }),
    );
  });

  test('a block has the last word, and ends to the millisecond', () => {
    expect(
      verdictOn({ ...nothing, blockedUntil: 300_000, account: { failures: 100, open: 0, lastFailedAt: 0 } }, 299_999),
    ).toEqual({
      kind: 'blocked',
      until: 300_000,
    });
    expect(passes({ blockedUntil: 300_000, address: tally(5) }, 300_000)).toBe(true);
  });
});
