import type { Transactions } from '../../audit/transactions.types.ts';
import type { StoredEvent } from '../destination.ts';
import { type Audience, eventsBetween, positionsThereAre, timeOfFirstAfter } from '../siem.repository.ts';
import type { Spool } from './spool.ts';

export interface NextEvents {
  readonly events: readonly StoredEvent[];
  /** There is nothing else for this destination up to here. */
  readonly upTo: number;
  /** What was before this moment may have been removed before it was read. */
  readonly missedUntil?: Date | undefined;
}

/** All events of a destination in their order: from the spool where it has them, else from the database. */
export interface Source {
  next(after: number, limit: number): Promise<NextEvents>;
  /** Brings to disk what waits behind a position, so that it outlives the retention of the database. */
  collect(after: number): Promise<void>;
}

const COLLECT_ROWS = 1_000;
/** Of one call; the rest waits for the next. */
const COLLECT_ROUNDS = 20;

export function createSource(parts: {
  transactions: Pick<Transactions, 'readAcross'>;
  spool: Spool;
  audience: Audience;
}): Source {
  const { transactions, spool, audience } = parts;

  return {
    async next(after, limit) {
      const kept = spool.range();
      if (kept !== undefined && after >= kept.from && after < kept.to) {
        const events = await spool.read(after, limit);
        return { events, upTo: events.at(-1)?.position ?? kept.to };
      }
      return transactions.readAcross(async (reader) => {
        const { first, last } = await positionsThereAre(reader);
        const isBeforeSpool = kept !== undefined && after < kept.from;
        // First the end, then what is before it: as positions are in the order of commits, nothing appears before it any more.
        const end = isBeforeSpool ? Math.min(last, kept.from) : last;
        const events = await eventsBetween(reader, audience, { after, upTo: end, limit });
        const isAll = events.length < limit;
        const upTo = isAll ? Math.max(after, isBeforeSpool ? kept.from : end) : (events.at(-1)?.position ?? after);
        // Positions that were never given out look the same, hence "may"; at the very start there is nothing to be missed.
        const isGap = after > 0 && first > after + 1;
        return { events, upTo, missedUntil: isGap ? await timeOfFirstAfter(reader, after) : undefined };
      });
    },

    async collect(after) {
      const kept = spool.range();
      if (kept !== undefined && kept.to <= after) await spool.clear();
      for (let round = 0; round < COLLECT_ROUNDS; round += 1) {
        const from = spool.range()?.to ?? after;
        const events = await transactions.readAcross(async (reader) => {
          const { last } = await positionsThereAre(reader);
          return eventsBetween(reader, audience, { after: from, upTo: last, limit: COLLECT_ROWS });
        });
        if (events.length === 0 || !(await spool.append(from, events)) || events.length < COLLECT_ROWS) return;
      }
    },
  };
}
