import type { Clock } from '../../lib/clock.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { BackupError } from './backup-error.ts';
import { listMade, type MadeBackup, markDeleted } from './backup-run.repository.ts';
import type { BackupStore } from './backup-store.ts';
import { clearLeftovers } from './leftovers.ts';
import { digestOf, readManifest } from './manifest.ts';
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
  if (!isTrial) await clearLeftovers(deps);
  const there = new Set(await store.names());
  const made = await transactions.readAcross((reader) => listMade(reader, store.place));
  const recorded = made.filter(({ backup }) => there.has(backup));
  const ours: typeof recorded = [];
  for (const one of recorded) if (await isWhole(store, one)) ours.push(one);
  const gone = dispensable(ours, keep);
  if (isTrial) return gone;
  for (const backup of gone) {
    signal.throwIfAborted();
    await transactions.system({ organisationId: null, actor, event: 'backup.deleted' }, async (tx) => {
      tx.describe({ resource: { kind: 'backup', id: backup }, details: { place: store.place, keep } });
      await markDeleted(tx, backup, clock.date());
    });
    // Behind the transaction, which PostgreSQL ends where nothing happens for a minute, and not before it: what is gone and not on record as thrown
    // away is an incident. What cannot be removed now is a leftover, which the next pruning begins with.
    await store.remove(backup);
  }
  return gone;
}

/** As it was made, as far as that is seen without reading all of it; one that is not takes nobody's place. */
async function isWhole(store: BackupStore, { backup, manifest }: MadeBackup): Promise<boolean> {
  try {
    const text = await store.manifest(backup);
    if (digestOf(text) !== manifest) return false;
    return (await store.bytes(backup)) === readManifest(text, backup).manifest.file.bytes;
  } catch (error) {
    if (error instanceof BackupError) return false;
    throw error;
  }
}
