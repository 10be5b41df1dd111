import type { Clock } from '../../lib/clock.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { BackupError } from './backup-error.ts';
import { listMade, markDeleted } from './backup-run.repository.ts';
import type { BackupStore } from './backup-store.ts';
import { digestOf } from './manifest.ts';
import { dispensable, type Keep } from './retention.ts';

/**
 * Throws away what is not to be kept any longer: backups that are on record here, as having been made in this place, and whose manifest still is
 * the one that was recorded. Whatever else lies there is not ours to judge.
 */
export async function pruneBackups(deps: {
  store: BackupStore;
  transactions: Pick<Transactions, 'readAcross' | 'system'>;
  keep: Keep;
  actor: AuditActor;
  clock: Clock;
  signal: AbortSignal;
  isTrial: boolean;
}): Promise<string[]> {
  const { store, transactions, keep, actor, clock, signal, isTrial } = deps;
  const there = new Set(await store.names());
  const made = await transactions.readAcross((reader) => listMade(reader, store.place));
  const recorded = made.filter(({ backup }) => there.has(backup));
  const ours: typeof recorded = [];
  for (const one of recorded) if (digestOf(await textOf(store, one.backup)) === one.manifest) ours.push(one);
  const gone = dispensable(ours, keep);
  if (isTrial) return gone;
  for (const backup of gone) {
    signal.throwIfAborted();
    await transactions.system({ organisationId: null, actor, event: 'backup.deleted' }, async (tx) => {
      tx.describe({ resource: { kind: 'backup', id: backup }, details: { place: store.place, keep } });
      await markDeleted(tx, backup, clock.date());
      // Last: what is not gone is not recorded as gone.
      await store.remove(backup);
    });
  }
  return gone;
}

/** Empty, which is nobody's manifest, where it cannot be read. */
async function textOf(store: BackupStore, backup: string): Promise<string> {
  try {
    return await store.manifest(backup);
  } catch (error) {
    if (error instanceof BackupError) return '';
    throw error;
  }
}
