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

/** What one group commit stored, with its row in the journal. */
export interface CommittedFlush {
  readonly journalId: string;
  readonly committedAtMs: number;
  readonly points: readonly CommittedPoint[];
}

/**
 * Something that must see every committed point exactly once, across crashes. `apply` runs in a transaction that also removes the
 * flushes from what is pending; `committed` is called after it, for effects outside the database. Flushes normally come from memory,
 * after a crash from the journal, in either case possibly out of order of event time.
 */
export interface JournalConsumer {
  readonly name: 'rollups' | 'rules';
  apply(tx: UnauditedTx, flushes: readonly CommittedFlush[]): Promise<void>;
  committed?(flushes: readonly CommittedFlush[]): void;
  /** The transaction failed and will be tried again: drop what was derived in memory since the last commit. */
  rolledBack?(): void;
}
