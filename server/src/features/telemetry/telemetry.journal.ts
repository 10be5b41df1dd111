import type { Clock } from '../../lib/clock.ts';
import type { UnauditedReason } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { CommittedFlush, JournalConsumer } from './committed.ts';
import { findPending, isHolder, postpone, removePending, takeOver } from './journal.repository.ts';
import type { JournalLock } from './journal-lock.ts';
import type { JournalReader } from './journal-reader.ts';

export interface JournalDeps {
  readonly consumer: JournalConsumer;
  readonly reason: UnauditedReason;
  readonly transactions: Transactions;
  readonly lock: JournalLock;
  readonly reader: JournalReader;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
  /** How long flushes are gathered before they are applied together. */
  readonly gatherMs: number;
  /** Kept in memory while the consumer lags, some 100 bytes each. Beyond it the journal keeps them. */
  readonly maxWaitingPoints: number;
}

/** Feeds one consumer every flush exactly once: from memory as a rule, from the journal after a start, a fault or when it lags. */
export interface JournalFollower {
  readonly name: JournalConsumer['name'];
  committed(flush: CommittedFlush): void;
  start(): void;
  /** Applies what is waiting, at most for so long, and stops. */
  stop(patienceMs: number): Promise<void>;
  /** Points that wait in memory, and whether more wait in the journal only. */
  figures(): { readonly waitingPoints: number; readonly behind: boolean };
}

const MAX_APPLIED_POINTS = 100_000;
const POLL_MS = 1000;
const MAX_POLLED = 500;
const MAX_GATHER_MS = 750;
/** How much longer than the last application took the next one is waited for. */
const GATHER_TO_APPLY = 8;
const RETRY_MS = { first: 100, most: 5000 };

class NotHolderError extends Error {
  override readonly name = 'NotHolderError';
}

export function createJournalFollower(deps: JournalDeps): JournalFollower {
  const { consumer, transactions, lock, clock, log } = deps;
  let waiting: CommittedFlush[] = [];
  let waitingPoints = 0;
  // True: the journal holds flushes that are not in memory, and must be read before memory is trusted to be all.
  let behind = true;
  let turn: string | undefined;
  let polledAt = 0;
  let wake: (() => void) | undefined;
  let wakeToStop: (() => void) | undefined;
  let gatherMs = deps.gatherMs;
  let running: Promise<void> | undefined;
  let stopAt = Number.POSITIVE_INFINITY;

  async function run(): Promise<void> {
    let wait = RETRY_MS.first;
    while (clock.now() < stopAt) {
      try {
        const holds = await holdsTurn();
        if (holds && (await step())) wait = RETRY_MS.first;
        else if (isStopping()) break;
        else if (holds) await sleep(POLL_MS);
        else await pause(POLL_MS);
      } catch (error) {
        consumer.rolledBack?.();
        // Whether the transaction was committed may be unknown: the journal knows.
        behind = true;
        if (error instanceof NotHolderError) turn = undefined;
        else log.warn({ err: error, consumer: consumer.name }, 'effects of telemetry wait in the journal');
        await pause(wait);
        wait = Math.min(wait * 2, RETRY_MS.most);
      }
    }
  }

  async function holdsTurn(): Promise<boolean> {
    const current = await lock.hold();
    if (current !== turn && current !== undefined) {
      await transactions.unaudited(null, deps.reason, (tx) => takeOver(tx, consumer.name, current));
      consumer.rolledBack?.();
      behind = true;
    }
    turn = current;
    // Who does not work on the journal keeps nothing in memory either.
    if (turn === undefined) forget();
    return turn !== undefined;
  }

  /** Applies something; false when there was nothing to do. */
  async function step(): Promise<boolean> {
    if (behind || clock.now() - polledAt >= POLL_MS) {
      polledAt = clock.now();
      const missed = await readMissed();
      if (missed.length > 0) {
        await apply(missed);
        return true;
      }
    }
    if (waiting.length === 0) return false;
    if (gatherMs > 0 && !isStopping()) await pause(gatherMs);
    const flushes = takeWaiting();
    if (flushes.length > 0) await apply(flushes);
    return true;
  }

  /** What waits in the journal and not in memory: of other servers, of an earlier life, or dropped because we lagged. */
  async function readMissed(): Promise<CommittedFlush[]> {
    const pending = await transactions.readAcross((reader) => findPending(reader, consumer.name, MAX_POLLED));
    const inMemory = new Set(waiting.map(({ journalId }) => journalId));
    const missed = pending.filter(({ id }) => !inMemory.has(id));
    behind = pending.length === MAX_POLLED;
    if (missed.length === 0) return [];
    let points = 0;
    const ids: string[] = [];
    for (const entry of missed) {
      if (ids.length > 0 && points + entry.points > MAX_APPLIED_POINTS) break;
      points += entry.points;
      ids.push(entry.id);
    }
    if (ids.length < missed.length) behind = true;
    return deps.reader.read(ids);
  }

  function takeWaiting(): CommittedFlush[] {
    let points = 0;
    let count = 0;
    for (const flush of waiting) {
      if (count > 0 && points + flush.points.length > MAX_APPLIED_POINTS) break;
      points += flush.points.length;
      count += 1;
    }
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    waitingPoints -= points;
    return taken;
  }

  async function apply(flushes: readonly CommittedFlush[]): Promise<void> {
    const startedAt = clock.now();
    const holder = turn;
    let applied: CommittedFlush[] = [];
    await transactions.unaudited(null, deps.reason, async (tx) => {
      if (holder === undefined || !(await isHolder(tx, consumer.name, holder))) throw new NotHolderError();
      const ids = flushes.map(({ journalId }) => journalId);
      const open = await removePending(tx, consumer.name, ids);
      applied = flushes.filter(({ journalId }) => open.delete(journalId));
      if (applied.length === 0) return;
      const unread = applied.flatMap(({ locked = [] }) => locked);
      const later = [...unread, ...(await consumer.apply(tx, applied))];
      if (later.length > 0) await postpone(tx, consumer.name, later);
    });
    if (applied.length > 0) consumer.committed?.(applied);
    // Under load the same rules and buckets are touched by every flush: gathering longer makes the work itself less.
    const worthItMs = GATHER_TO_APPLY * (clock.now() - startedAt);
    if (deps.gatherMs > 0) gatherMs = Math.min(MAX_GATHER_MS, Math.max(deps.gatherMs, worthItMs));
  }

  function forget(): void {
    waiting = [];
    waitingPoints = 0;
    behind = true;
  }

  const isStopping = () => stopAt < Number.POSITIVE_INFINITY;

  /** Ends early when something comes in. */
  function sleep(ms: number): Promise<void> {
    return waiting.length > 0 ? Promise.resolve() : pause(ms, true);
  }

  function pause(ms: number, untilWoken = false): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      wake = untilWoken ? end : undefined;
      wakeToStop = end;
    });
  }

  return {
    name: consumer.name,
    committed(flush) {
      waiting.push(flush);
      waitingPoints += flush.points.length;
      if (waitingPoints > deps.maxWaitingPoints) forget();
      wake?.();
    },
    start() {
      running ??= run();
    },
    async stop(patienceMs) {
      stopAt = clock.now() + patienceMs;
      wakeToStop?.();
      await running;
    },
    figures: () => ({ waitingPoints, behind }),
  };
}
