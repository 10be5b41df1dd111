import { expect, it } from 'vitest';
import { devicesText, limitedTo } from './group-words.ts';

it.each([
  [{ people: 0, apiKeys: 0 }, undefined],
  [{ people: 1, apiKeys: 0 }, '1 account is'],
  [{ people: 2, apiKeys: 0 }, '2 accounts are'],
  [{ people: 0, apiKeys: 1 }, '1 API key is'],
  [{ people: 1, apiKeys: 1 }, '1 account and 1 API key are'],
])('says who is limited to a group: %o', (counts, text) => {
  expect(limitedTo(counts)).toBe(text);
});

it('counts devices', () => {
  expect([0, 1, 5000].map(devicesText)).toEqual(['0 devices', '1 device', '5,000 devices']);
});
