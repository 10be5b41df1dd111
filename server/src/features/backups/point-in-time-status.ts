import type { PointInTime } from '@valtronics/contract';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Due } from '../../security/backups/due.ts';
import { chainPlaceIn } from '../../security/backups/point-in-time/chain-store.ts';
import { type BaseRow, listBases } from './backup.repository.ts';
import { presentBase, presentDue } from './backup.ts';
import type { LogSending, LogToSend } from './log-sending.ts';

export interface PointInTimeDeps {
  readonly off: PointInTime['off'];
  readonly days: number;
  /** Of the backups, which it lies beside. */
  readonly place: string | undefined;
  readonly wal: Pick<LogToSend, 'chain' | 'sentUntil'> | undefined;
  readonly sending: Pick<LogSending, 'stalled' | 'waitingBytes'> | undefined;
}

const MOST_BASES = 1_000;
const MOST_WINDOWS = 20;

/** Which moments are reached, and whether there will be more. Only one server has an embedded database, so what it knows by itself is all there is. */
export async function statusOfPointInTime(
  reader: Reader,
  { off, days, place, wal, sending }: PointInTimeDeps,
  base: Due | null,
): Promise<PointInTime> {
  const bases = await listBases(reader, place && chainPlaceIn(place), MOST_BASES);
  const [newest] = bases;
  const stalled = sending?.stalled();
  return {
    off,
    days,
    windows: windowsOf(bases, { chain: wal?.chain(), until: wal?.sentUntil() }),
    lastBase: newest ? presentBase(newest) : null,
    nextBase: presentDue(base),
    waitingBytes: sending?.waitingBytes() ?? 0,
    stalled: stalled ? { since: stalled.since.toISOString(), fault: stalled.fault } : null,
  };
}

/** One for each chain that has a base. The cursor knows of the chain that is sent to now; of those before it the database does. */
export function windowsOf(
  bases: readonly Pick<BaseRow, 'chain' | 'at' | 'until'>[],
  current: { readonly chain: string | undefined; readonly until: Date | undefined },
): PointInTime['windows'] {
  const windows = new Map<string, PointInTime['windows'][number]>();
  // Newest first: the last of a chain is its beginning.
  for (const { chain, at, until: recorded } of bases) {
    const until = chain === current.chain ? current.until : recorded === null ? undefined : new Date(recorded);
    windows.set(chain, { from: at.toISOString(), until: until && until >= at ? until.toISOString() : null });
  }
  return [...windows.values()].slice(0, MOST_WINDOWS);
}
