import type { Clock } from '../../../lib/clock.ts';
import type { AuditActor } from '../../audit/audit-event.ts';
import type { Transactions } from '../../audit/transactions.types.ts';
import { BackupError } from '../backup-error.ts';
import { clearLeftovers } from '../leftovers.ts';
import { digestOf } from '../manifest.ts';
import { type ChainStore, segmentName } from './chain-store.ts';
import { listBases, listChains, markGone, type RecordedBase } from './point-in-time.repository.ts';
import type { WalCursor } from './wal-cursor.ts';

const DAY_MS = 86_400_000;

/**
 * Bases that may go, given all, newest first: kept are those of the last `days` before the newest, and one before them, from which the moments at the
 * beginning of these days are reached. By the newest base and not by now: a clock that jumps ahead does not make all of them old.
 */
export function dispensableBases(bases: readonly RecordedBase[], days: number): RecordedBase[] {
  const [newest] = bases;
  if (!newest) return [];
  const since = newest.at.getTime() - days * DAY_MS;
  const before = bases.find(({ at }) => at.getTime() <= since);
  return before ? bases.slice(bases.indexOf(before) + 1) : [];
}

/**
 * Throws away bases that are not to be kept any longer, and the log that no base that is kept needs. Only what this installation has on record as
 * made there; what of its own log it sends now stays until there is a base in it, and what was sent of it last stays in any case: the sender looks for
 * it before it goes on. Names of bases that went, and how many segments.
 */
export async function pruneChains(deps: {
  store: ChainStore;
  transactions: Pick<Transactions, 'readAcross' | 'system' | 'unaudited'>;
  days: number;
  /** How far the chain that is sent to now was sent. */
  cursor(): Pick<WalCursor, 'chain' | 'last'> | undefined;
  actor: AuditActor;
  clock: Clock;
  signal: AbortSignal;
  isTrial: boolean;
}): Promise<{ bases: string[]; segments: number }> {
  const { store, transactions, days, cursor, actor, clock, signal, isTrial } = deps;
  if (!isTrial) {
    const bases = { ...store, names: async () => [...(await store.list()).bases] };
    await clearLeftovers({ store: bases, kind: 'base', transactions, clock });
  }
  const there = await store.list();
  const [recorded, chains] = await transactions.readAcross(async (reader) => [
    await listBases(reader, store.place),
    await listChains(reader, store.place),
  ]);
  // Behind the list: it only goes forward from here, and of a chain that is begun from here on nothing was listed.
  const sentTo = cursor();
  const ours: RecordedBase[] = [];
  for (const base of recorded)
    if (there.bases.includes(base.name) && digestOf(await noteOf(store, base.name)) === base.manifest) ours.push(base);
  const gone = dispensableBases(ours, days);
  const kept = ours.filter((base) => !gone.includes(base));
  if (!isTrial) {
    for (const { name } of gone) {
      signal.throwIfAborted();
      await transactions.system({ organisationId: null, actor, event: 'backup.deleted' }, async (tx) => {
        tx.describe({ resource: { kind: 'backup', id: name }, details: { place: store.place, days } });
        await markGone(tx, 'base', name, clock.date());
      });
      // Behind the transaction, as of backups: what cannot be removed now is a leftover, which the next pruning begins with.
      await store.remove(name);
    }
  }
  let segments = 0;
  for (const chain of chains) {
    const needed = kept.filter((base) => base.chain === chain).map(({ segment }) => segment);
    const isCurrent = chain === sentTo?.chain;
    if (isCurrent && needed.length === 0) continue;
    const [first] = needed.sort();
    // A base that is new needs nothing yet of what was sent.
    const isOld = (segment: string): boolean =>
      (first === undefined || segment < first) && !(isCurrent && segment >= (sentTo.last?.segment ?? ''));
    const old = (there.chains.get(chain) ?? []).filter(isOld);
    segments += old.length;
    if (isTrial) continue;
    for (const segment of old) {
      signal.throwIfAborted();
      await store.remove(segmentName(chain, segment));
    }
    if (first === undefined)
      await transactions.unaudited(null, 'backup_runs', (tx) => markGone(tx, 'chain', chain, clock.date()));
  }
  return { bases: gone.map(({ name }) => name), segments };
}

/** Empty, which is nobody's, where it cannot be read. */
async function noteOf(store: ChainStore, name: string): Promise<string> {
  try {
    return await store.note(name);
  } catch (error) {
    if (error instanceof BackupError) return '';
    throw error;
  }
}
