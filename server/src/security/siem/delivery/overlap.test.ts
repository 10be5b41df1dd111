import { describe, expect, it } from 'vitest';
import { createOverlap } from './overlap.ts';

const KEEP = 30_000;

describe('the overlap', () => {
  it('holds everything until the receiver confirms, however old it is', () => {
    const overlap = createOverlap(10, KEEP);
    overlap.add(20, 0);
    overlap.add(30, 100_000);
    expect([overlap.settled(), overlap.sent(), overlap.since()]).toEqual([10, 30, 0]);
    overlap.forget();
    expect([overlap.settled(), overlap.sent(), overlap.since()]).toEqual([10, 10, undefined]);
  });

  it('lets go of what was handed over long enough before a confirmation, and of nothing younger', () => {
    const overlap = createOverlap(10, KEEP);
    overlap.add(20, 0);
    overlap.add(30, 5_000);
    overlap.add(40, 30_000);
    overlap.confirmed(34_999);
    expect([overlap.settled(), overlap.sent()]).toEqual([20, 40]);
    overlap.confirmed(35_000);
    expect([overlap.settled(), overlap.sent()]).toEqual([30, 40]);
    overlap.forget();
    expect(overlap.sent()).toBe(30);
  });

  it('settles what one second brought as a whole and by its last event, and begins another portion under a flood', () => {
    const overlap = createOverlap(0, KEEP);
    for (let at = 0; at < 3_000; at += 10) overlap.add(at / 10 + 1, at);
    overlap.confirmed(KEEP + 989);
    expect(overlap.settled()).toBe(0);
    overlap.confirmed(KEEP + 990);
    expect(overlap.settled()).toBe(100);
    overlap.confirmed(KEEP + 1_990);
    expect(overlap.settled()).toBe(200);
  });
});
