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

test('under a flood of new keys it stays bounded and what is in use stays', () => {
  const cache = boundedCache<number>(1_000, manualClock(0));
  cache.set('in use', 1, 10);
  for (let key = 0; key < 20_000; key += 1) {
    cache.set(`new ${key}`, key, 10);
    if (key % 100 === 0) expect(cache.get('in use')).toBe(1);
    if (cache.size > 1_000) throw new Error(`holds ${cache.size}`);
  }
  expect(cache.get('new 19999')).toBe(19_999);
  expect(cache.get('new 0')).toBeUndefined();
});

test('values that match are gone, wherever they lie, and the others stay', () => {
  const cache = boundedCache<number>(4, manualClock(0));
  for (const value of [1, 2, 3, 4]) cache.set(`${value}`, value, 10);
  cache.deleteWhere((value) => value % 2 === 0);
  expect(['1', '2', '3', '4'].map((key) => cache.get(key))).toEqual([1, undefined, 3, undefined]);
});
