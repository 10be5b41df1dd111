import { expect, test } from 'vitest';
import { boundedCache } from './bounded-cache.ts';
import { manualClock } from './clock.ts';

test('the least recently used entry makes room', () => {
  const cache = boundedCache<number>(2, manualClock(0));
  cache.set('a', 1, 10);
  cache.set('b', 2, 10);
  cache.get('a');
  cache.set('c', 3, 10);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
  expect(cache.size).toBe(2);
});

test('an entry ends at its time, not later', () => {
  const clock = manualClock(0);
  const cache = boundedCache<number>(2, clock);
  cache.set('a', 1, 10);
  cache.set('late', 1, 0);
  clock.advance(9);
  expect(cache.get('a')).toBe(1);
  clock.advance(1);
  expect(cache.get('a')).toBeUndefined();
  expect([cache.get('late'), cache.size]).toEqual([undefined, 0]);
});

test('replacing an entry neither grows the cache nor evicts another', () => {
  const cache = boundedCache<number>(2, manualClock(0));
  cache.set('a', 1, 10);
  cache.set('b', 2, 10);
  cache.set('b', 3, 10);
  expect([cache.get('a'), cache.get('b'), cache.size]).toEqual([1, 3, 2]);
  cache.delete('a');
  cache.clear();
  expect(cache.size).toBe(0);
});
