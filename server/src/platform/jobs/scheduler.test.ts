import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../log/log.ts';
import { createScheduler, type Job } from './scheduler.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp(random = () => 0.5) {
  const lines: Record<string, unknown>[] = [];
  const runs: string[] = [];
  const scheduler = createScheduler({
    clock: systemClock,
    log: createLogger({ level: 'trace', clock: systemClock, write: (line) => lines.push(JSON.parse(line)) }),
    metrics: { jobRan: (name, outcome) => runs.push(`${name} ${outcome}`) },
    random,
    stopWithinSeconds: 5,
  });
  return { scheduler, lines, runs };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const aJob = (job: Partial<Job>): Job => ({ name: 'job', everySeconds: 10, run: async () => {}, ...job });

test('runs every interval, and not before it was started', async () => {
  const { scheduler, runs } = setUp();
  scheduler.add(aJob({}));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(runs).toEqual([]);
  scheduler.start();
  await vi.advanceTimersByTimeAsync(35_000);
  expect(runs).toEqual(['job done', 'job done', 'job done']);
});

test('a job added while running is started too', async () => {
  const { scheduler, runs } = setUp();
  scheduler.start();
  scheduler.add(aJob({}));
  await vi.advanceTimersByTimeAsync(11_000);
  expect(runs).toEqual(['job done']);
});

test('a job slower than its interval never overlaps itself', async () => {
  const { scheduler } = setUp();
  let inside = 0;
  let most = 0;
  let count = 0;
  const run = async () => {
    most = Math.max(most, ++inside);
    count += 1;
    await sleep(25_000);
    inside -= 1;
  };
  scheduler.add(aJob({ run }));
  scheduler.start();
  await vi.advanceTimersByTimeAsync(300_000);
  expect(most).toBe(1);
  expect(count).toBeGreaterThan(8);
});

test('keeps its interval however often it has run and however long a run takes', async () => {
  const { scheduler, runs } = setUp();
  scheduler.add(aJob({ run: () => sleep(1_000) }));
  scheduler.start();
  // It once counted each interval from the one before, so that a server ran its jobs without pause after a few minutes.
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(runs.length).toBeGreaterThan(350);
  expect(runs.length).toBeLessThan(370);
});

test('jobs of one interval are spread by a tenth', async () => {
  const starts: number[] = [];
  for (const draw of [0, 1]) {
    const { scheduler } = setUp(() => draw);
    const began = Date.now();
    scheduler.add(aJob({ run: async () => void starts.push(Date.now() - began) }));
    scheduler.start();
    await vi.advanceTimersByTimeAsync(11_500);
    await scheduler.stop();
  }
  expect(starts).toEqual([9000, 11_000]);
});

test('a failure is logged and counted, and the job runs again', async () => {
  const { scheduler, lines, runs } = setUp();
  let count = 0;
  const run = async () => {
    if (++count === 1) throw new Error('no database');
  };
  scheduler.add(aJob({ run }));
  scheduler.start();
  await vi.advanceTimersByTimeAsync(25_000);
  expect(runs).toEqual(['job failed', 'job done']);
  expect(lines).toMatchObject([{ level: 'error', job: 'job', msg: 'job failed', err: { message: 'no database' } }]);
});

test('a synchronous throw does not bring the server down', async () => {
  const { scheduler, runs } = setUp();
  const run = () => {
    throw new Error('at once');
  };
  scheduler.add(aJob({ run }));
  scheduler.start();
  await vi.advanceTimersByTimeAsync(15_000);
  expect(runs).toEqual(['job failed']);
});

test('a run that hangs is told to stop and reported', async () => {
  const { scheduler, lines, runs } = setUp();
  const run = (signal: AbortSignal): Promise<void> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  scheduler.add(aJob({ run, timeoutSeconds: 3 }));
  scheduler.start();
  await vi.advanceTimersByTimeAsync(14_000);
  expect(runs).toEqual(['job failed']);
  expect(lines.map((line) => line.msg)).toEqual(['job takes too long', 'job failed']);
});

describe('stop', () => {
  test('waits for a running job, which learns of it, and starts nothing more', async () => {
    const { scheduler, runs, lines } = setUp();
    let told = false;
    const run = async (signal: AbortSignal) => {
      await sleep(3000);
      told = signal.aborted;
    };
    scheduler.add(aJob({ run }));
    scheduler.start();
    await vi.advanceTimersByTimeAsync(11_000);
    let stopped = false;
    const stop = scheduler.stop().then(() => {
      stopped = true;
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect(stopped).toBe(false);
    await vi.advanceTimersByTimeAsync(1500);
    await stop;
    expect(told).toBe(true);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(runs).toEqual(['job done']);
    expect(lines).toEqual([]);
  });

  test('does not wait for ever, and names who was left behind', async () => {
    const { scheduler, lines } = setUp();
    scheduler.add(aJob({ run: () => new Promise(() => {}) }));
    scheduler.start();
    await vi.advanceTimersByTimeAsync(11_000);
    const stop = scheduler.stop();
    await vi.advanceTimersByTimeAsync(5000);
    await stop;
    expect(lines).toMatchObject([{ level: 'warn', jobs: ['job'] }]);
  });
});

test('two jobs of one name, or an interval no timer can hold, stop the start', () => {
  const { scheduler } = setUp();
  scheduler.add(aJob({}));
  expect(() => scheduler.add(aJob({}))).toThrow('two jobs');
  expect(() => scheduler.add(aJob({ name: 'never', everySeconds: 0 }))).toThrow(RangeError);
  expect(() => scheduler.add(aJob({ name: 'rare', everySeconds: 30 * 86_400 }))).toThrow(RangeError);
});
