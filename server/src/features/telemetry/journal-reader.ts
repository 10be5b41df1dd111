import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { CommittedFlush, SeriesKey } from './committed.ts';
import { findJournalRows } from './journal.repository.ts';
import { readJournalPayload } from './journal-payload.ts';
import { findSeriesByIds } from './series.repository.ts';

export interface JournalReader {
  /** Flushes as they were committed, oldest first, without points of series that were deleted since. */
  read(journalIds: readonly string[]): Promise<CommittedFlush[]>;
}

export function createJournalReader(transactions: Transactions): JournalReader {
  return {
    read: (journalIds) =>
      transactions.readAcross(async (reader) => {
        const rows = await findJournalRows(reader, journalIds);
        const entries = rows.map((row) => ({ ...row, points: readJournalPayload(row.payload) }));
        const ids = new Set(entries.flatMap(({ points }) => points.map(({ seriesId }) => seriesId)));
        const series = new Map<number, SeriesKey>();
        for (const key of await findSeriesByIds(reader, [...ids])) series.set(key.id, key);
        const found = new Map<string, CommittedFlush>();
        for (const { id, atMs, points } of entries) {
          const known = points.flatMap(({ seriesId, atMicros, value }) => {
            const key = series.get(seriesId);
            return key ? [{ series: key, atMicros, value }] : [];
          });
          found.set(id, { journalId: id, committedAtMs: atMs, points: known });
        }
        // A pending entry whose journal row is gone has nothing to give, and is taken off the list by being applied.
        return journalIds.map((journalId) => found.get(journalId) ?? { journalId, committedAtMs: 0, points: [] });
      }),
  };
}
