import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../lib/clock.ts';
import type { BaseBackup } from '../../../platform/db/base-backup.ts';
import { segmentAt, segmentBefore } from '../../../platform/db/wal-segments.ts';
import { watched } from '../create-backup.ts';
import { timeOf } from '../manifest.ts';
import type { ChainStore } from './chain-store.ts';
import { keepSealed } from './seal-file.ts';
import { type BaseNote, type Vouching, writeNote } from './vouched-note.ts';

export interface NewBase {
  /** By `newBaseName`. */
  readonly name: string;
  readonly base: BaseBackup;
  readonly postgres: string;
  readonly store: ChainStore;
  /** The chain that the log of this database goes to, before the base was begun and now. */
  chain(): string | undefined;
  readonly recipients: readonly string[];
  readonly vouching: Vouching;
  readonly clock: Clock;
  /** Bytes of the files, before they are compressed. */
  onProgress(bytes: number): void;
  readonly signal: AbortSignal;
}

export class BaseWithoutLogError extends Error {
  override readonly name = 'BaseWithoutLogError';
}

/** Sorts by time. */
export const newBaseName = (at: Date): string => `base-${timeOf(at)}-${randomBytes(4).toString('hex')}`;

/**
 * A copy of the database's files, from which the log leads to any moment after it: PostgreSQL → tar → zstd → age → store, in one pass and constant
 * memory. The root key and the keys of people lie beside these files, not among them.
 */
export async function createBase(
  making: NewBase,
): Promise<{ readonly note: Omit<BaseNote, 'vouched'>; readonly signed: string }> {
  const { name, base, store, recipients, vouching, clock, signal } = making;
  const startedAt = clock.date();
  const chain = making.chain();
  if (chain === undefined) throw new BaseWithoutLogError('no server sends the log of this database anywhere yet');
  const files = watched(base.blocks, (block) => {
    signal.throwIfAborted();
    making.onProgress(block.length);
  });
  const { file } = await keepSealed(store, name, files, recipients);
  const end = base.end();
  if (making.chain() !== chain)
    throw new BaseWithoutLogError('the log was interrupted while the base was made: make another one');
  const note = {
    name,
    startedAt: startedAt.toISOString(),
    endedAt: clock.date().toISOString(),
    postgres: making.postgres,
    chain,
    from: { segment: segmentAt(base.start.timeline, base.start.lsn), lsn: base.start.lsn },
    to: { segment: segmentBefore(end.timeline, end.lsn), lsn: end.lsn },
    file,
    recipients: recipients.length,
  };
  const signed = writeNote('base', note, vouching);
  await store.keepNote(name, signed);
  return { note, signed };
}
