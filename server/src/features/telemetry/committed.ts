import type { Value } from '@valtronics/contract';
import type { UnauditedTx } from '../../security/audit/tokens.ts';

/** One metric of one device. The same object is handed out for every point of the series. */
export interface SeriesKey {
  readonly id: number;
  readonly organisationId: number;
  readonly deviceId: string;
  readonly metric: string;
  readonly valueType: 'number' | 'boolean' | 'string';
  readonly unit: string | null;
  readonly health: boolean;
}

/** A point that is durable. Duplicates and rejected points never become one. */
export interface CommittedPoint {
  readonly series: SeriesKey;
  /** Device time in microseconds since 1970. */
  readonly atMicros: number;
  readonly value: Value;
}

/** A point of class health where it lies: its value, or what it is to be added to, is under a key that cannot be asked for now. */
export type LockedPoint = Omit<CommittedPoint, 'value'>;

/** What one group commit stored, with its row in the journal. */
export interface CommittedFlush {
  readonly journalId: string;
  readonly committedAtMs: number;
  readonly points: readonly CommittedPoint[];
  /** Those whose values cannot be read now; they come again. */
  readonly locked?: readonly LockedPoint[];
}

/**
 * Something that must see every committed point exactly once, across crashes. `apply` runs in a transaction that also removes the
 * flushes from what is pending; `committed` is called after it, for effects outside the database. Flushes normally come from memory,
 * after a crash from the journal, in either case possibly out of order of event time. What `apply` gives back it could not take now: it comes again,
 * and nothing else waits for it.
 */
export interface JournalConsumer {
  readonly name: 'rollups' | 'rules';
  apply(tx: UnauditedTx, flushes: readonly CommittedFlush[]): Promise<readonly LockedPoint[]>;
  committed?(flushes: readonly CommittedFlush[]): void;
  /** The transaction failed and will be tried again: drop what was derived in memory since the last commit. */
  rolledBack?(): void;
}
