import type { Value } from '@valtronics/contract';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { isOpened, LOCKED } from '../../security/keys/person-values.ts';
import type { CommittedFlush, CommittedPoint, LockedPoint, SeriesKey } from './committed.ts';
import { findChunkTimes } from './health.repository.ts';
import type { HealthValues } from './health-values.ts';
import { findJournalRows } from './journal.repository.ts';
import { type JournalledPoint, readJournalPayload } from './journal-payload.ts';
import { findSeriesByIds } from './series.repository.ts';

export interface JournalReader {
  /** Flushes as they were committed, oldest first, without points of series that were deleted since. */
  read(journalIds: readonly string[]): Promise<CommittedFlush[]>;
}

export function createJournalReader(transactions: Transactions, health: Pick<HealthValues, 'open'>): JournalReader {
  /** What the journal does not hold: it was committed with the points, and is gone with them if they are, or if they do not open. */
  async function sealedValues(
    reader: Reader,
    points: readonly JournalledPoint[],
    series: ReadonlyMap<number, SeriesKey>,
  ): Promise<ReadonlyMap<string, Value | typeof LOCKED>> {
    const values = new Map<string, Value | typeof LOCKED>();
    const owners = Map.groupBy(points, ({ seriesId }) => series.get(seriesId)?.organisationId ?? null);
    for (const [organisationId, own] of owners) {
      if (organisationId === null) continue;
      const rows = await findChunkTimes(reader, own);
      for (const [index, value] of (await health.open(reader, organisationId, rows)).entries()) {
        const row = rows[index];
        if (row && value !== undefined && (value === LOCKED || isOpened(value))) values.set(nameOf(row), value);
      }
    }
    return values;
  }

  return {
    read: (journalIds) =>
      transactions.readAcross(async (reader) => {
        const rows = await findJournalRows(reader, journalIds);
        const entries = rows.map((row) => ({ ...row, points: readJournalPayload(row.payload) }));
        const ids = new Set(entries.flatMap(({ points }) => points.map(({ seriesId }) => seriesId)));
        const series = new Map<number, SeriesKey>();
        for (const key of await findSeriesByIds(reader, [...ids])) series.set(key.id, key);
        const found = new Map<string, CommittedFlush>();
        const sealed = await sealedValues(
          reader,
          entries.flatMap(({ points }) => points.filter(({ value }) => value === undefined)),
          series,
        );
        for (const { id, atMs, points } of entries) {
          const known: CommittedPoint[] = [];
          const locked: LockedPoint[] = [];
          for (const point of points) {
            const key = series.get(point.seriesId);
            const value = point.value ?? sealed.get(nameOf(point));
            if (key === undefined || value === undefined) continue;
            const { atMicros } = point;
            if (value === LOCKED) locked.push({ series: key, atMicros });
            else known.push({ series: key, atMicros, value });
          }
          found.set(id, { journalId: id, committedAtMs: atMs, points: known, locked });
        }
        // A pending entry whose journal row is gone has nothing to give, and is taken off the list by being applied.
        return journalIds.map((journalId) => found.get(journalId) ?? { journalId, committedAtMs: 0, points: [] });
      }),
  };
}

const nameOf = ({ seriesId, atMicros }: Pick<JournalledPoint, 'seriesId' | 'atMicros'>) => `${seriesId}/${atMicros}`;
