import type { Clock } from '../../lib/clock.ts';
import type { SecurityEvents } from '../events/security-event.ts';

const LOOK_EVERY_MS = 1_000;
/** Time servers correct by less, and slowly. */
export const JUMP_MS = 5_000;

/**
 * Whether the clock of this machine moved by itself: held against the monotonic one, which nobody can set. That one stands still while the
 * machine is suspended, so waking up is a jump as well, as it is for everything that was to happen meanwhile.
 */
export function createClockWatch(deps: {
  events: SecurityEvents;
  clock: Clock;
  monotonic?: (() => number) | undefined;
}): { look(): void; start(): void; stop(): void } {
  const { events, clock, monotonic = () => performance.now() } = deps;
  let offset = clock.now() - monotonic();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    const now = clock.now() - monotonic();
    const milliseconds = Math.round(now - offset);
    // The offset follows every step, or many small ones would add up to a jump that nothing made.
    offset = now;
    if (Math.abs(milliseconds) < JUMP_MS) return;
    events.report({
      action: 'clock.jumped',
      outcome: 'failure',
      transport: 'system',
      details: { milliseconds },
    });
  }

  return {
    look,
    start() {
      timer = setInterval(look, LOOK_EVERY_MS).unref();
    },
    stop: () => clearInterval(timer),
  };
}
