import { expect, test } from 'vitest';
import { manualClock, systemClock } from './clock.ts';

test('a manual clock moves only when told', () => {
  const clock = manualClock(new Date('2026-01-02T03:04:05.006Z'));
  expect(clock.date().toISOString()).toBe('2026-01-02T03:04:05.006Z');
  clock.advance(994);
  expect(clock.date().toISOString()).toBe('2026-01-02T03:04:06.000Z');
  clock.set(0);
  expect(clock.now()).toBe(0);
});

test('the system clock tells the time of day', () => {
  const before = Date.now();
  const now = systemClock.now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(systemClock.date().getTime()).toBeGreaterThanOrEqual(now);
});
