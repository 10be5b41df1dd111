import { performance } from 'node:perf_hooks';

/** How long a reading counts; shorter ones say more about chance than about load. */
const READING_MS = 250;
/** Share of the time that the main thread was busy in. At rest it lies below 0.02; a hundred batches of telemetry a second make 0.2 and more. */
const AT_WORK = 0.1;

/** Whether the main thread had much to do since it was last asked; a reading holds for a quarter of a second. */
export function mainThreadAtWork(): () => boolean {
  let reading = performance.eventLoopUtilization();
  let readAt = performance.now();
  let atWork = false;
  return () => {
    const now = performance.now();
    if (now - readAt < READING_MS) return atWork;
    const next = performance.eventLoopUtilization();
    atWork = performance.eventLoopUtilization(next, reading).utilization > AT_WORK;
    [reading, readAt] = [next, now];
    return atWork;
  };
}
