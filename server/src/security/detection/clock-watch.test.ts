import { describe, expect, test } from 'vitest';
import { heardEvents } from '../../../../tests/support/security-events.ts';
import { manualClock } from '../../lib/clock.ts';
import { createClockWatch } from './clock-watch.ts';

function aWatch() {
  const { reports, door } = heardEvents();
  const clock = manualClock(1_000_000_000);
  let passed = 0;
  const watch = createClockWatch({ events: door.events, clock, monotonic: () => passed });
  return {
    reports,
    /** Time passes, and the clock moves by something else. */
    pass(milliseconds: number, clockMilliseconds = milliseconds) {
      passed += milliseconds;
      clock.advance(clockMilliseconds);
      watch.look();
    },
  };
}

describe('the clock', () => {
  test.each([[5_000], [-5_000], [3_600_000]])('that jumps by %i ms is reported once', (jump) => {
    const { reports, pass } = aWatch();
    pass(1_000, 1_000 + jump);
    pass(1_000);
    expect(reports).toMatchObject([{ action: 'clock.jumped', details: { milliseconds: jump } }]);
  });

  test.each([[4_999], [-4_999]])('that is set by %i ms is not', (correction) => {
    const { reports, pass } = aWatch();
    pass(1_000, 1_000 + correction);
    expect(reports).toEqual([]);
  });

  test('that is slewed all day, or looked at late, is not', () => {
    const { reports, pass } = aWatch();
    for (let n = 0; n < 10_000; n += 1) pass(1_000, 1_001);
    pass(600_000);
    expect(reports).toEqual([]);
  });
});
