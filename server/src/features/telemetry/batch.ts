import type { IngestReceipt, Rejection } from '@valtronics/contract';
import type { CommittedPoint } from './committed.ts';
import type { KnownSeries } from './series-cache.ts';

/** One sender's message on its way to its receipt. */
export interface Batch {
  /** Points not settled yet. */
  open: number;
  accepted: number;
  duplicates: number;
  readonly rejected: Rejection[];
  readonly deadlineMs: number;
  readonly textBytes: number;
  state: 'waiting' | 'answered';
  /** Called once, before the sender is told; without a receipt when nothing is acknowledged. */
  settled(batch: Batch, receipt: IngestReceipt | undefined): void;
  resolve(receipt: IngestReceipt): void;
  reject(error: Error): void;
}

export function newBatch({
  deadlineMs,
  textBytes,
  settled,
  resolve,
  reject,
}: Pick<Batch, 'deadlineMs' | 'textBytes' | 'settled' | 'resolve' | 'reject'>): Batch {
  return {
    open: 0,
    accepted: 0,
    duplicates: 0,
    rejected: [],
    deadlineMs,
    textBytes,
    state: 'waiting',
    settled,
    resolve,
    reject,
  };
}

const LET_GO: Batch = newBatch({ deadlineMs: 0, textBytes: 0, settled() {}, resolve() {}, reject() {} });
LET_GO.state = 'answered';

/** A point that waits for its commit, and the message it came in. */
export interface WaitingPoint extends CommittedPoint {
  readonly series: KnownSeries;
  atMicros: number;
  batch: Batch;
  /** Its place in the message. */
  readonly index: number;
  /** The server gave it its time, so that it may be moved. */
  readonly given: boolean;
}

/**
 * Accepted points go on to rollups and rules and wait there, a moment later by the ten thousand. They let go of their message: it and its
 * promise are some five times as large, and the garbage collector would carry them about for nothing.
 */
export function settleAccepted(points: readonly WaitingPoint[]): void {
  for (const point of points) {
    const { batch } = point;
    point.batch = LET_GO;
    batch.accepted += 1;
    batch.open -= 1;
    if (batch.open === 0) answer(batch);
  }
}

export function settleDuplicates(points: readonly WaitingPoint[]): void {
  for (const { batch } of points) {
    batch.duplicates += 1;
    batch.open -= 1;
    if (batch.open === 0) answer(batch);
  }
}

const CONFLICT = 'another value is stored for this metric at this time';

export function settleConflicts(points: readonly WaitingPoint[]): void {
  for (const { batch, index } of points) {
    batch.rejected.push({ index, code: 'conflict', detail: CONFLICT });
    batch.open -= 1;
    if (batch.open === 0) answer(batch);
  }
}

export function answer(batch: Batch): void {
  if (batch.state === 'answered') return;
  batch.state = 'answered';
  const rejected = batch.rejected.sort((a, b) => a.index - b.index);
  const receipt = { accepted: batch.accepted, duplicates: batch.duplicates, rejected };
  batch.settled(batch, receipt);
  batch.resolve(receipt);
}

/** Nothing of it is acknowledged, though some of its points may already be stored: sent again, they are duplicates. */
export function failBatch(batch: Batch, error: Error): void {
  if (batch.state === 'answered') return;
  batch.state = 'answered';
  batch.settled(batch, undefined);
  batch.reject(error);
}
