import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dispensable, type KeptBackup } from './retention.ts';

const at = (text: string, more: Partial<KeptBackup> = {}): KeptBackup => ({
  backup: text,
  at: new Date(text.length === 10 ? `${text}T02:00:00Z` : text),
  verified: null,
  drilled: null,
  ...more,
});
const days = (from: string, count: number): KeptBackup[] =>
  Array.from({ length: count }, (_, back) =>
    at(new Date(Date.parse(from) - back * 86_400_000).toISOString().slice(0, 10)),
  );
const DEFAULTS = { daily: 7, weekly: 5, monthly: 12 };
const keptOf = (backups: readonly KeptBackup[], keep = DEFAULTS): string[] => {
  const gone = new Set(dispensable(backups, keep));
  return backups.map(({ backup }) => backup).filter((backup) => !gone.has(backup));
};

describe('what is kept', () => {
  test('of a year and a half of days: seven days, five weeks, twelve months', () => {
    expect(keptOf(days('2026-11-29', 550))).toEqual([
      ...['2026-11-29', '2026-11-28', '2026-11-27', '2026-11-26', '2026-11-25', '2026-11-24', '2026-11-23'],
      // Sundays, the newest of their weeks; and the last days of months.
      ...['2026-11-22', '2026-11-15', '2026-11-08', '2026-11-01', '2026-10-31'],
      ...['2026-09-30', '2026-08-31', '2026-07-31', '2026-06-30', '2026-05-31', '2026-04-30', '2026-03-31'],
      ...['2026-02-28', '2026-01-31', '2025-12-31'],
    ]);
  });

  test('of several a day the newest', () => {
    const kept = keptOf([at('2026-11-29T20:00:00Z'), at('2026-11-29T08:00:00Z'), at('2026-11-28T20:00:00Z')]);
    expect(kept).toEqual(['2026-11-29T20:00:00Z', '2026-11-28T20:00:00Z']);
  });

  test('the newest, and the newest that came back in a drill, whatever is set', () => {
    const backups = days('2026-11-29', 30).map((one, back) =>
      back >= 20 ? { ...one, drilled: 'done' as const } : one,
    );
    expect(keptOf(backups, { daily: 0, weekly: 0, monthly: 0 })).toEqual(['2026-11-29', '2026-11-09']);
  });

  test('what was found bad takes no place, and stays until somebody has looked', () => {
    const backups = days('2026-11-29', 10).map((one, back) =>
      back === 0 ? { ...one, drilled: 'failed' as const } : back === 1 ? { ...one, verified: 'failed' as const } : one,
    );
    expect(keptOf(backups, { daily: 2, weekly: 0, monthly: 0 })).toEqual([
      '2026-11-29',
      '2026-11-28',
      '2026-11-27',
      '2026-11-26',
    ]);
  });

  test('a clock that jumped ahead by years, and came back, takes one place of each and no more', () => {
    const backups = [...days('2026-11-29', 40)];
    const before = keptOf(backups);
    const kept = keptOf([at('2031-01-01'), ...backups]);
    expect(kept[0]).toBe('2031-01-01');
    expect(before.filter((backup) => !kept.includes(backup)).length).toBeLessThanOrEqual(3);
    expect(kept).toContain('2026-11-29');
  });

  test('whatever the times: the newest good one stays, nothing bad goes, and no more is kept than asked for', () => {
    const backup = fc.record({
      at: fc.date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }),
      verified: fc.constantFrom(null, 'done' as const, 'failed' as const),
      drilled: fc.constantFrom(null, 'done' as const, 'failed' as const),
    });
    const keep = fc.record({ daily: fc.nat(9), weekly: fc.nat(9), monthly: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(backup, { maxLength: 60 }), keep, (made, counts) => {
        const backups = made
          .toSorted((a, b) => b.at.getTime() - a.at.getTime())
          .map((one, index) => ({ ...one, backup: String(index) }));
        const gone = new Set(dispensable(backups, counts));
        const good = backups.filter(({ verified, drilled }) => verified !== 'failed' && drilled !== 'failed');
        if (good[0]) expect(gone.has(good[0].backup)).toBe(false);
        const proven = good.find(({ drilled }) => drilled === 'done');
        if (proven) expect(gone.has(proven.backup)).toBe(false);
        for (const one of backups) if (!good.includes(one)) expect(gone.has(one.backup)).toBe(false);
        const most = counts.daily + counts.weekly + counts.monthly + 2;
        expect(good.length - gone.size).toBeLessThanOrEqual(most);
      }),
    );
  });
});
