import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { listLeft } from './backup-run.repository.ts';
import type { BackupStore } from './backup-store.ts';

/** Longer than the longest backup: whoever has not said a word for so long will not go on. */
const SILENT_MS = 86_400_000;

/**
 * Throws away what is left of backups that are none: that failed, whose making was killed, or that are on record as thrown away and could not
 * be removed then. Only what this installation has on record as its own is touched, besides files without a name that nobody finished.
 */
export async function clearLeftovers(deps: {
  readonly store: Pick<BackupStore, 'place' | 'sweep' | 'pieces' | 'names' | 'remove'>;
  /** Backups of rows unless told. */
  readonly kind?: 'create' | 'base';
  readonly transactions: Pick<Transactions, 'readAcross'>;
  readonly clock: Clock;
}): Promise<void> {
  const { store, kind = 'create', transactions, clock } = deps;
  const before = new Date(clock.now() - SILENT_MS);
  await store.sweep(before);
  const pieces = await store.pieces();
  if (pieces.size === 0) return;
  const left = await transactions.readAcross((reader) => listLeft(reader, kind, store.place, before));
  const whole = new Set(await store.names());
  for (const { backup, isNone } of left) {
    // A database that was restored has a run in it that nobody is at: the one that made the very backup it came from. Its manifest is there.
    if (pieces.has(backup) && (isNone || !whole.has(backup))) await store.remove(backup);
  }
}
