import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import { createLimiter } from './limiter.ts';

const rate = { perSecond: 10, burst: 20 };
const start = Date.UTC(2026, 0, 1);

/** The same promise told in the plainest way: a bucket of tokens that refills. */
function naiveBuckets(now: () => number) {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (key: string, { perSecond, burst }: typeof rate, cost: number): boolean => {
    const bucket = buckets.get(key) ?? { tokens: burst, at: now() };
    const tokens = Math.min(burst, bucket.tokens + ((now() - bucket.at) / 1000) * perSecond);
    const fits = tokens + 1e-6 >= cost;
    buckets.set(key, { tokens: fits ? tokens - cost : tokens, at: now() });
    return fits;
  };
}

test('a burst passes, the next is refused and told when to come back', () => {
  const clock = manualClock(start);
  const limiter = createLimiter({ clock, maxKeys: 10 });
  for (let n = 0; n < 20; n += 1) expect(limiter.take('a', rate)).toEqual({ ok: true });
  expect(limiter.take('a', rate)).toEqual({ ok: false, retryAfterSeconds: 0.1 });
  expect(limiter.take('b', rate)).toEqual({ ok: true });
  clock.advance(99);
  expect(limiter.take('a', rate).ok).toBe(false);
  clock.advance(1);
  expect(limiter.take('a', rate).ok).toBe(true);
  expect(limiter.take('a', rate).ok).toBe(false);
});

test('agrees with a naive token bucket for any sequence of calls', () => {
  const step = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5000 })),
    cost: fc.integer({ min: 1, max: 5 }),
  });
  const anyRate = fc.record({ perSecond: fc.integer({ min: 1, max: 500 }), burst: fc.integer({ min: 5, max: 1000 }) });
  fc.assert(
    fc.property(anyRate, fc.array(step, { maxLength: 200 }), (anyOf, steps) => {
      const clock = manualClock(start);
      const limiter = createLimiter({ clock, maxKeys: 6 });
      const naive = naiveBuckets(clock.now);
      for (const { key, wait, cost } of steps) {
        clock.advance(wait);
        const peeked = limiter.peek(key, anyOf, cost);
        const answer = limiter.take(key, anyOf, cost);
        expect(answer.ok).toBe(naive(key, anyOf, cost));
        expect(peeked).toEqual(answer);
      }
    }),
  );
});

test('whoever waits as long as told is let in, and a millisecond earlier is not', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 80 }),
      (perSecond, burst, cost) => {
        const clock = manualClock(start);
        const limiter = createLimiter({ clock, maxKeys: 6 });
        const own = { perSecond, burst };
        while (limiter.take('a', own).ok);
        const answer = limiter.peek('a', own, cost);
        if (answer.ok) return;
        const wait = Math.round(answer.retryAfterSeconds * 1000);
        clock.advance(wait - 1);
        expect(limiter.peek('a', own, cost).ok).toBe(false);
        clock.advance(1);
        expect(limiter.take('a', own, cost).ok).toBe(true);
      },
    ),
  );
});

describe('a cost above the burst', () => {
  test('waits for an unused allowance and is then owed in full', () => {
    const clock = manualClock(start);
    const limiter = createLimiter({ clock, maxKeys: 6 });
    expect(limiter.take('a', rate, 50).ok).toBe(true);
    expect(limiter.take('a', rate, 50)).toEqual({ ok: false, retryAfterSeconds: 5 });
    clock.advance(5000);
    expect(limiter.take('a', rate, 50).ok).toBe(true);
  });
});

describe('a flood of addresses', () => {
  test('never holds more than maxKeys', () => {
    const clock = manualClock(start);
    const limiter = createLimiter({ clock, maxKeys: 1000 });
    for (let n = 0; n < 50_000; n += 1) {
      limiter.take(`spoofed-${n}`, rate);
      expect(limiter.size).toBeLessThanOrEqual(1000);
    }
    expect(limiter.size).toBeGreaterThanOrEqual(500);
  });

  test('does not make it forget a caller that keeps trying', () => {
    const clock = manualClock(start);
    const limiter = createLimiter({ clock, maxKeys: 100 });
    while (limiter.take('attacker', rate).ok);
    for (let n = 0; n < 10_000; n += 1) {
      limiter.take(`spoofed-${n}`, rate);
      if (n % 50 === 0) expect(limiter.take('attacker', rate).ok).toBe(false);
    }
  });

  test('costs little a call, however many keys are held and forgotten', () => {
    const limiter = createLimiter({ clock: manualClock(start), maxKeys: 100_000 });
    const began = performance.now();
    for (let n = 0; n < 400_000; n += 1) limiter.take(`spoofed-${n}`, rate);
    // 12 s when keys were taken singly out of one map.
    expect(performance.now() - began).toBeLessThan(3000);
  });
});

test('a clock set back by an hour shuts nobody out', () => {
  const clock = manualClock(start);
  const limiter = createLimiter({ clock, maxKeys: 6 });
  while (limiter.take('a', rate).ok);
  clock.advance(-3_600_000);
  expect(limiter.take('a', rate)).toEqual({ ok: false, retryAfterSeconds: 0.1 });
  clock.advance(100);
  expect(limiter.take('a', rate).ok).toBe(true);
});
