import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import type { Logger } from '../../platform/log/log.ts';
import { createAggregation } from './aggregation.ts';
import { completeEvent } from './complete-event.ts';
import { ecsLine } from './ecs.ts';
import type { EventFile } from './event-file.ts';
import type { SecurityEvent, SecurityEvents } from './security-event.ts';

export interface RunningSecurityEvents extends SecurityEvents {
  /** One that has its id already: it is in the table once, however often it is put. */
  put(event: SecurityEvent): void;
  /** Writes what was reported until now; for a stop and for tests. Waits for the database, but not for ever. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** Detection follows a report within 200 ms, of which this is the largest part. */
const FLUSH_MS = 50;
const COUNTING_MS = 1_000;
const ROWS_A_BATCH = 500;
/** What waits for the database; in the file it stands already. */
const MOST_PENDING = 20_000;
const RETRY_MS = [250, 1_000, 5_000];
const STOP_WITHIN_MS = 5_000;

/**
 * Reports go through a bounded queue, where a flood becomes few events with counts, into the file and then into the table. The file is
 * first: it is there when the database is not. What the database does not take for so long that the queue is full is dropped from memory,
 * newest first (how it began says more), and told as `events.dropped` with the number as soon as it takes something again.
 */
export function createSecurityEvents(deps: {
  store: (events: readonly SecurityEvent[]) => Promise<void>;
  file: EventFile;
  clock: Clock;
  log: Logger;
  monotonic?: (() => number) | undefined;
}): RunningSecurityEvents {
  const { store, file, clock, log, monotonic = () => performance.now() } = deps;
  let dropped = 0;
  const aggregation = createAggregation(monotonic, drop);
  const pending: SecurityEvent[] = [];
  let timer: NodeJS.Timeout | undefined;
  let gathering: Promise<void> = Promise.resolve();
  let storing: Promise<void> | undefined;
  let fileFails = false;
  let stopped = false;
  const stopping = new AbortController();

  function drop(event: SecurityEvent): void {
    dropped += event.count;
  }

  function plan(ms: number): void {
    if (stopped) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      gather(false);
      if (aggregation.isCounting) plan(COUNTING_MS);
    }, ms).unref();
  }

  /** One after another, so that the lines of the file are in the order of the reports. */
  function gather(final: boolean): void {
    const events = aggregation.take(final);
    if (events.length === 0) return;
    gathering = gathering.then(() => writeDown(events));
    for (const event of events) {
      if (pending.length < MOST_PENDING) pending.push(event);
      else drop(event);
    }
    storing ??= storeAll().finally(() => {
      storing = undefined;
    });
  }

  async function writeDown(events: readonly SecurityEvent[]): Promise<void> {
    try {
      await file.append(events.map(ecsLine));
      fileFails = false;
    } catch (error) {
      if (!fileFails)
        log.error({ err: error, events: events.length }, 'security events could not be written to their file');
      fileFails = true;
    }
  }

  async function storeAll(): Promise<void> {
    let failures = 0;
    while (pending.length > 0) {
      const batch = pending.slice(0, ROWS_A_BATCH);
      try {
        await storeBatch(batch);
        pending.splice(0, batch.length);
        failures = 0;
        tellDropped();
      } catch (error) {
        if (failures === 0) log.warn({ err: error, waiting: pending.length }, 'security events wait for the database');
        const ms = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
        failures += 1;
        if (stopping.signal.aborted) return;
        await delay(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** One row the database does not take must not hold up all that come after it. */
  async function storeBatch(batch: readonly SecurityEvent[]): Promise<void> {
    try {
      await store(batch);
    } catch (error) {
      if (!isFaultOfARow(error)) throw error;
      const [only] = batch;
      if (batch.length === 1 && only) {
        log.error({ err: error, action: only.action }, 'a security event does not fit its table');
        return;
      }
      for (const event of batch) await storeBatch([event]);
    }
  }

  function tellDropped(): void {
    if (dropped === 0) return;
    const report = { action: 'events.dropped', outcome: 'failure', transport: 'system', level: 'error' } as const;
    pending.push({ ...completeEvent(report, newId(), clock.date()), count: dropped });
    dropped = 0;
  }

  async function flush(): Promise<void> {
    gather(true);
    await Promise.all([gathering, storing]);
  }

  function put(event: SecurityEvent): void {
    aggregation.add(event);
    plan(FLUSH_MS);
  }

  return {
    put,
    report(report) {
      try {
        put(completeEvent(report, newId(), clock.date()));
      } catch (error) {
        log.error({ err: error, action: report.action }, 'a security event could not be taken down');
      }
    },
    flush,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      const ended = delay(STOP_WITHIN_MS, undefined, { ref: false, signal: stopping.signal }).catch(() => undefined);
      await Promise.race([flush(), ended]);
      stopping.abort();
      await Promise.all([gathering, storing]);
    },
  };
}

/** Classes 22 and 23 of SQLSTATE: the data does not fit. Everything else may be otherwise in a moment. */
const isFaultOfARow = (error: unknown): boolean =>
  /^2[23]/.test(String((error as { code?: unknown } | undefined)?.code ?? ''));
