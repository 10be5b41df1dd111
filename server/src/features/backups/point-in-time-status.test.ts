import { expect, test } from 'vitest';
import { windowsOf } from './point-in-time-status.ts';

const at = (day: number): Date => new Date(Date.UTC(2026, 2, day));
const iso = (day: number): string => at(day).toISOString();

test('each chain is a window, from its oldest base to what was sent of it; that of the current one is what the cursor says', () => {
  const bases = [
    { chain: 'c', at: at(20), until: iso(20) },
    { chain: 'c', at: at(15), until: iso(20) },
    { chain: 'b', at: at(9), until: iso(12) },
    { chain: 'b', at: at(5), until: iso(12) },
    { chain: 'a', at: at(1), until: null },
  ];
  expect(windowsOf(bases, { chain: 'c', until: at(21) })).toEqual([
    { from: iso(15), until: iso(21) },
    { from: iso(5), until: iso(12) },
    { from: iso(1), until: null },
  ]);
  // With no cursor what the database was told is all there is. What its own log has not reached is no moment yet.
  expect(windowsOf(bases, { chain: undefined, until: undefined })[0]).toEqual({ from: iso(15), until: iso(20) });
  expect(windowsOf([{ chain: 'c', at: at(20), until: null }], { chain: 'c', until: at(19) })).toEqual([
    { from: iso(20), until: null },
  ]);
  expect(windowsOf([], { chain: 'c', until: at(1) })).toEqual([]);
  const many = Array.from({ length: 30 }, (_, n) => ({ chain: `${n}`, at: at(1), until: null }));
  expect(windowsOf(many, { chain: undefined, until: undefined })).toHaveLength(20);
});
