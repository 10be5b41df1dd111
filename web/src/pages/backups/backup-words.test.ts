import { expect, test } from 'vitest';
import { bytesText, everyText } from './backup-words.ts';

test.each([
  [0, '0 bytes'],
  [1023, '1023 bytes'],
  [1024, '1.0 KiB'],
  [150 * 1024 ** 2, '150 MiB'],
  [5.25 * 1024 ** 3, '5.3 GiB'],
  [2e15, '1819 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test('an interval is told in days where it is whole days', () => {
  expect([0, 1, 6, 24, 36, 168].map(everyText)).toEqual([
    'only when told',
    'every hour',
    'every 6 hours',
    'every day',
    'every 36 hours',
    'every 7 days',
  ]);
});
