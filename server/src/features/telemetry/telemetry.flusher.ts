import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { Problem } from '../../lib/problem.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { failBatch, settleAccepted, settleConflicts, settleDuplicates, type WaitingPoint } from './batch.ts';
import { createSharedSink, createSink } from './bytes.ts';
import type { CommittedFlush, JournalConsumer } from './committed.ts';
import { commitFlush, ensureDay, type FlushBuffers, failureOf, findStored, storedKey } from './flush.repository.ts';
import { arrange, type Flush, type StoredValue, withoutStored } from './flush.ts';
import type { HealthValues } from './health-values.ts';
import type { FlushConnection } from './ingest-thread.ts';
import type { MeasuredPersons } from './measured-persons.ts';
import type { IngestMetrics } from './telemetry.ingest.ts';

export interface FlusherDeps {
  readonly connection: FlushConnection;
  readonly transactions: Transactions;
  readonly health: Pick<HealthValues, 'seal' | 'open'>;
  readonly persons: MeasuredPersons;
  readonly consumers: readonly JournalConsumer['name'][];
  readonly metrics: Pick<IngestMetrics, 'ingestCommitted'> | undefined;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  /** Most points of one transaction; what waits beyond goes into the next. */
  readonly maxFlushPoints: number;
  /** Called before the receipts are given, with what is durable now. */
  committed(flush: CommittedFlush): void;
  /** So many points are no longer waiting, however it ended. */
  released(points: number): void;
}

export interface Flusher {
  /** Points of one message; they stay together. */
  enqueue(points: readonly WaitingPoint[]): void;
  /** Resolves when nothing waits any more. */
  drain(): Promise<void>;
  figures(): { readonly flushes: number; readonly points: number; readonly collisions: number };
}

interface Outcome {
  /** What was stored, and what it had twice. */
  readonly flush: Flush;
  readonly journalId: string;
  /** Compared with what was stored before. */
  readonly duplicates: readonly WaitingPoint[];
  readonly conflicts: readonly WaitingPoint[];
}

const MAX_COLLISIONS = 6;
const MAX_BUSY = 5;
const RETRY_MS = { first: 50, most: 1000 };
const MAX_KNOWN_DAYS = 5000;

// A second transaction is sent behind the one PostgreSQL works on, so that it never waits for us; but only one worth its commit, since
// what waits a moment longer comes with more.
const IN_FLIGHT = 2;
const WORTH_SENDING_BEHIND = 4000;

/** One lane of group commit: whatever waits goes together into the next transaction, and is answered when it is durable. */
export function createFlusher(deps: FlusherDeps): Flusher {
  const { connection, clock, log } = deps;
  const idleBuffers: FlushBuffers[] = Array.from({ length: IN_FLIGHT }, () => ({
    message: createSharedSink(1 << 20),
    payload: createSink(1 << 18),
  }));
  const knownDays = new Set<number>();
  const counted = { flushes: 0, points: 0, collisions: 0 };
  let queue: (readonly WaitingPoint[])[] = [];
  let queuedPoints = 0;
  let isTurnDue = false;
  const drained: (() => void)[] = [];

  function sendWaiting(): void {
    isTurnDue = false;
    while (queue.length > 0 && (isIdle() || queuedPoints >= WORTH_SENDING_BEHIND)) {
      const buffers = idleBuffers.pop();
      if (!buffers) return;
      const points = take();
      if (points.length === 0) idleBuffers.push(buffers);
      else flushAll(points, buffers).finally(() => done(buffers));
    }
    if (isIdle()) for (const resolve of drained.splice(0)) resolve();
  }

  function done(buffers: FlushBuffers): void {
    idleBuffers.push(buffers);
    sendWaiting();
  }

  const isIdle = () => idleBuffers.length === IN_FLIGHT;

  function take(): WaitingPoint[] {
    const now = clock.now();
    const points: WaitingPoint[] = [];
    let taken = 0;
    for (const message of queue) {
      if (taken > 0 && points.length + message.length > deps.maxFlushPoints) break;
      taken += 1;
      const batch = message[0]?.batch;
      if (!batch || expire(batch, now)) deps.released(message.length);
      else for (const point of message) points.push(point);
    }
    queue = taken === queue.length ? [] : queue.slice(taken);
    queuedPoints = 0;
    for (const message of queue) queuedPoints += message.length;
    return points;
  }

  function expire(batch: WaitingPoint['batch'], now: number): boolean {
    if (batch.state !== 'answered' && batch.deadlineMs <= now) failBatch(batch, unavailable());
    return batch.state === 'answered';
  }

  async function flushAll(points: readonly WaitingPoint[], buffers: FlushBuffers): Promise<void> {
    const startedAt = performance.now();
    try {
      const { flush, journalId, duplicates, conflicts } = await store(points, buffers);
      const committedAtMs = clock.now();
      deps.metrics?.ingestCommitted((performance.now() - startedAt) / 1000);
      counted.flushes += 1;
      counted.points += flush.points.length;
      if (flush.points.length > 0) deps.committed({ journalId, committedAtMs, points: flush.points });
      settleAccepted(flush.points);
      settleDuplicates(flush.duplicates);
      settleDuplicates(duplicates);
      settleConflicts(flush.conflicts);
      settleConflicts(conflicts);
    } catch (error) {
      if (!(error instanceof Problem)) log.error({ err: error, points: points.length }, 'points could not be stored');
      const failure = error instanceof Problem ? error : new Problem('internal', { cause: error });
      for (const { batch } of points) failBatch(batch, failure);
    } finally {
      deps.released(points.length);
    }
  }

  /** Until it is durable, or every sender has given up. A try whose answer was lost is repeated under the same journal id. */
  async function store(points: readonly WaitingPoint[], buffers: FlushBuffers): Promise<Outcome> {
    let rest = points;
    let flush = arrange(rest);
    const duplicates: WaitingPoint[] = [];
    const conflicts: WaitingPoint[] = [];
    let journalId = newId();
    let wait = RETRY_MS.first;
    let busy = 0;
    let collisions = 0;
    let mustLook = false;
    while (flush.points.length > 0) {
      try {
        if (mustLook) {
          const sorted = withoutStored(rest, await stored(flush.points));
          duplicates.push(...sorted.duplicates);
          conflicts.push(...sorted.conflicts);
          rest = sorted.rest;
          flush = arrange(rest);
          journalId = newId();
          mustLook = false;
          continue;
        }
        for (const day of flush.days.keys()) await prepare(day);
        await commitFlush(connection, buffers, journalId, deps.consumers, flush, deps);
        break;
      } catch (error) {
        const failure = failureOf(error);
        if (failure === 'committed before') break;
        if (failure === 'disk full') throw new Problem('storage_full', { cause: error });
        if (failure === 'collision') {
          counted.collisions += 1;
          collisions += 1;
          mustLook = true;
          if (collisions > MAX_COLLISIONS) throw unavailable(error);
        } else if (failure === 'lost') {
          if (!stillWanted(points)) throw unavailable(error);
          log.warn({ err: error, points: points.length }, 'PostgreSQL cannot be reached: points wait');
          await delay(wait);
          wait = Math.min(wait * 2, RETRY_MS.most);
        } else {
          busy += 1;
          if (failure === 'refused' || busy > MAX_BUSY) throw failure === 'refused' ? error : unavailable(error);
          if (failure === 'missing day') knownDays.clear();
          else await delay(wait);
        }
      }
    }
    return { flush, journalId, duplicates, conflicts };
  }

  async function prepare(day: number): Promise<void> {
    if (knownDays.has(day)) return;
    await ensureDay(connection, day);
    if (knownDays.size >= MAX_KNOWN_DAYS) knownDays.clear();
    knownDays.add(day);
  }

  /** Fails what has waited too long, here and in the queue; says whether anyone still waits for these points. */
  function stillWanted(points: readonly WaitingPoint[]): boolean {
    const now = clock.now();
    for (const message of queue) if (message[0]) expire(message[0].batch, now);
    let wanted = false;
    for (const { batch } of points) if (!expire(batch, now)) wanted = true;
    return wanted;
  }

  async function stored(points: readonly WaitingPoint[]) {
    const found = new Map<string, StoredValue>();
    for (const [organisationId, own] of Map.groupBy(points, ({ series }) => series.organisationId)) {
      await deps.transactions.read(organisationId, (reader) => findStored(reader, own, deps.health, found));
    }
    return (seriesId: number, atMicros: number) => found.get(storedKey(seriesId, atMicros));
  }

  return {
    enqueue(points) {
      queue.push(points);
      queuedPoints += points.length;
      // The rest of what this turn of the event loop received comes along.
      if (!isTurnDue) setImmediate(sendWaiting);
      isTurnDue = true;
    },
    async drain() {
      if (queue.length === 0 && isIdle()) return;
      await new Promise<void>((resolve) => drained.push(resolve));
    },
    figures: () => counted,
  };
}

const unavailable = (cause?: unknown) =>
  new Problem('unavailable', { detail: 'The database did not answer in time.', retryAfterSeconds: 2, cause });
