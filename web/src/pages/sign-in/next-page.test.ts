import { expect, it } from 'vitest';
import { nextPage } from './next-page.ts';

it.each([
  ['', '/'],
  ['next=/devices?status=error', '/devices?status=error'],
  ['next=//elsewhere.example', '/'],
  ['next=/\\elsewhere.example', '/'],
  ['next=https://elsewhere.example', '/'],
  ['next=javascript:alert(1)', '/'],
])('%s leads to %s', (search, path) => {
  expect(nextPage(new URLSearchParams(search))).toBe(path);
});
