import { expect, it } from 'vitest';
import { duration, endOf, exactTime, relativeTime } from './format-time.ts';

it('names the zone of an exact time', () => {
  expect(exactTime('2026-11-25T14:03:07.120Z')).toMatch(/^2026-11-2[456] \d\d:\d\d:07\.120 \S+$/);
});

it.each([
  [0.2, '0 s'],
  [45, '45 s'],
  [180, '3 min'],
  [7500, '2 h 5 min'],
  [273_600, '3 d 4 h'],
  [86_400 * 40, '40 d'],
])('writes %d s as %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

it.each([
  [0, 'just now'],
  [12_000, '12 s ago'],
  [3_599_000, '59 min ago'],
  [-259_200_000, 'in 3 d'],
])('writes %d ms before now as %s', (ms, text) => {
  expect(relativeTime(1_000_000_000_000 - ms, 1_000_000_000_000)).toBe(text);
});

it.each([
  [-1, 'ended'],
  [0, 'ended'],
  [1, 'soon'],
  [14 * 86_400_000 - 1, 'soon'],
  [14 * 86_400_000, 'later'],
])('what ends %d ms from now is called %s', (ms, word) => {
  const now = Date.parse('2026-11-25T14:03:07.120Z');
  expect(endOf(new Date(now + ms).toISOString(), now)).toBe(word);
});
