import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../log/log.ts';
import type { Metrics } from '../metrics/metrics.ts';

export interface Job {
  /** Declared in code; a label of the metrics. */
  readonly name: string;
  readonly everySeconds: number;
  /** A run still going after this is told to stop through its signal; ten intervals (at least a minute) unless told. */
  readonly timeoutSeconds?: number | undefined;
  /** One run. `signal` fires when the server stops or the run takes too long. */
  run(signal: AbortSignal): Promise<void>;
}

export interface Scheduler {
  /** Before or after `start`; after `stop` nothing is started any more. */
  add(job: Job): void;
  start(): void;
  /** Asks running jobs to end and waits for them, but not for ever. */
  stop(): Promise<void>;
}

export interface SchedulerOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'jobRan'>;
  readonly random?: (() => number) | undefined;
  readonly stopWithinSeconds?: number | undefined;
}

// Beyond this a timer of the runtime overflows and fires at once, again and again.
const MAX_SECONDS = 7 * 86_400;
const JITTER = 0.1;

interface Entry {
  readonly job: Job;
  timer: NodeJS.Timeout | undefined;
  running: Promise<void> | undefined;
}

/**
 * Runs jobs again and again. A job never overlaps itself: the next run is planned when the last one has ended. The distance varies by a
 * tenth, so that jobs with the same interval, and servers started together, do not all hit the database at the same moment.
 */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { log, clock, metrics, random = Math.random, stopWithinSeconds = 10 } = options;
  const entries = new Map<string, Entry>();
  const stopping = new AbortController();
  let started = false;

  function plan(entry: Entry, seconds: number): void {
    if (stopping.signal.aborted) return;
    const jittered = seconds * (1 - JITTER + 2 * JITTER * random());
    entry.timer = setTimeout(() => {
      entry.running = runOnce(entry.job).then((tookSeconds) => {
        entry.running = undefined;
        // Counted from start to start, but a job slower than its interval still leaves the database room to breathe. From the declared
        // interval each time: from the last one it would shrink with every run, until the job never pauses.
        const { everySeconds } = entry.job;
        plan(entry, Math.max(everySeconds - tookSeconds, everySeconds * JITTER));
      });
    }, jittered * 1000);
  }

  /** Never rejects; answers the seconds it took. */
  async function runOnce(job: Job): Promise<number> {
    const began = clock.now();
    const seconds = (): number => Math.max(0, clock.now() - began) / 1000;
    const tooLong = new AbortController();
    const timeout = job.timeoutSeconds ?? Math.min(MAX_SECONDS, Math.max(60, job.everySeconds * 10));
    const timer = setTimeout(() => {
      log.error({ job: job.name, timeoutSeconds: timeout }, 'job takes too long');
      tooLong.abort(new Error('the job took too long'));
    }, timeout * 1000);
    try {
      await job.run(AbortSignal.any([stopping.signal, tooLong.signal]));
      metrics.jobRan(job.name, 'done', seconds());
    } catch (error) {
      // A run that gives up because the server stops has not failed.
      if (stopping.signal.aborted) log.debug({ job: job.name, err: error }, 'job ended by the stop');
      else {
        metrics.jobRan(job.name, 'failed', seconds());
        log.error({ job: job.name, err: error }, 'job failed');
      }
    } finally {
      clearTimeout(timer);
    }
    return seconds();
  }

  return {
    add(job) {
      if (entries.has(job.name)) throw new Error(`two jobs are called ${job.name}`);
      if (!(job.everySeconds > 0 && job.everySeconds <= MAX_SECONDS)) {
        throw new RangeError(`job ${job.name}: everySeconds must lie between 0 and ${MAX_SECONDS}`);
      }
      const entry: Entry = { job, timer: undefined, running: undefined };
      entries.set(job.name, entry);
      if (started) plan(entry, job.everySeconds);
    },
    start() {
      if (started) return;
      started = true;
      for (const entry of entries.values()) plan(entry, entry.job.everySeconds);
    },
    async stop() {
      stopping.abort(new Error('the server stops'));
      const running: Promise<void>[] = [];
      for (const entry of entries.values()) {
        clearTimeout(entry.timer);
        if (entry.running !== undefined) running.push(entry.running);
      }
      let bound: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>((resolve) => {
        bound = setTimeout(() => resolve('late'), stopWithinSeconds * 1000);
      });
      const outcome = await Promise.race([Promise.all(running), late]);
      clearTimeout(bound);
      if (outcome !== 'late') return;
      const names = [...entries.values()].filter((entry) => entry.running !== undefined).map(({ job }) => job.name);
      log.warn({ jobs: names }, 'jobs still running were left behind');
    },
  };
}
