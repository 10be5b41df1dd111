import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { deleteFinishedJournal } from './journal.repository.ts';
import {
  deletePointIdsBefore,
  deletePoints,
  deleteRollupsBefore,
  dropPointsBefore,
  findPurges,
  findRetentions,
  oldestPointsDay,
  purgeSeries,
} from './retention.repository.ts';
import { DAY_MICROS, dayOf, parseTimestamp, timestampText } from './timestamp.ts';

const CHUNK_ROWS = 20_000;
const POINT_ID_DAYS = 7;
const PURGE_MINUTES = 15;
const PURGE_SERIES = 10;
const HOUR_MICROS = DAY_MICROS / 24;
const actor = { kind: 'system', id: null, label: 'retention' } as const;

export function createTelemetryJobs(deps: { readonly transactions: Transactions; readonly clock: Clock }): Job[] {
  const { transactions, clock } = deps;

  /** Removes what is past its retention, an organisation at a time, each with its entry in the audit log. */
  async function expire(signal: AbortSignal): Promise<void> {
    const retentions = await transactions.readAcross(findRetentions);
    const longest = Math.max(0, ...retentions.map(({ retentionDays }) => retentionDays));
    if (longest === 0) return;
    const nowMicros = clock.now() * 1000;
    const oldest = await transactions.readAcross(oldestPointsDay);
    if (oldest !== undefined) {
      const firstKept = dayOf(nowMicros) - longest;
      const oldestDay = dayOf(
        parseTimestamp(`${oldest.slice(0, 4)}-${oldest.slice(4, 6)}-${oldest.slice(6)}T00:00:00Z`),
      );
      if (oldestDay < firstKept) await dropDays(firstKept);
      for (const { organisationId, retentionDays } of retentions) {
        if (signal.aborted) return;
        const from = Math.max(oldestDay, firstKept) * DAY_MICROS;
        await expireOf(organisationId, from, nowMicros - retentionDays * DAY_MICROS, signal);
      }
    }
  }

  function dropDays(firstKept: number): Promise<void> {
    return transactions.system({ organisationId: null, actor, event: 'telemetry.expired' }, async (tx) => {
      const dropped = await dropPointsBefore(tx, firstKept);
      const before = timestampText(firstKept * DAY_MICROS);
      tx.describe({ resource: null, details: { days: dropped, before } });
    });
  }

  /** In slices of an hour: a delete of a day at full rate would hold its locks for minutes. */
  async function expireOf(organisationId: number, from: number, before: number, signal: AbortSignal): Promise<void> {
    const points = await inSlices(from, before, signal, (slice) =>
      transactions.unaudited(null, 'housekeeping', (tx) => deletePoints(tx, organisationId, slice)),
    );
    let rollups = 0;
    for (const table of ['rollups_1m', 'rollups_1h'] as const) {
      rollups += await inChunks(signal, () =>
        transactions.unaudited(null, 'housekeeping', (tx) =>
          deleteRollupsBefore(tx, table, organisationId, before - (before % HOUR_MICROS), CHUNK_ROWS),
        ),
      );
    }
    if (points + rollups === 0) return;
    const details = { points, rollups, before: timestampText(before) };
    await transactions.system({ organisationId, actor, event: 'telemetry.expired' }, async (tx) => {
      tx.describe({ resource: null, details });
    });
  }

  async function purge(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const ids = await transactions.readAcross((reader) => findPurges(reader, PURGE_MINUTES, PURGE_SERIES));
      if (ids.length === 0) return;
      await transactions.unaudited(null, 'housekeeping', (tx) => purgeSeries(tx, ids));
    }
  }

  async function tidy(signal: AbortSignal): Promise<void> {
    const before = clock.now() * 1000 - POINT_ID_DAYS * DAY_MICROS;
    await inChunks(signal, () =>
      transactions.unaudited(null, 'housekeeping', (tx) => deletePointIdsBefore(tx, before, CHUNK_ROWS)),
    );
  }

  async function tidyJournal(signal: AbortSignal): Promise<void> {
    // Small steps: each row carries a whole flush.
    await inChunks(
      signal,
      () => transactions.unaudited(null, 'housekeeping', (tx) => deleteFinishedJournal(tx, 500)),
      500,
    );
  }

  return [
    { name: 'telemetry retention', everySeconds: 3600, run: expire },
    { name: 'telemetry of deleted devices', everySeconds: 300, run: purge },
    { name: 'telemetry point ids', everySeconds: 3600, run: tidy },
    { name: 'telemetry journal', everySeconds: 15, run: tidyJournal },
  ];
}

async function inSlices(
  from: number,
  before: number,
  signal: AbortSignal,
  run: (slice: { fromMicros: number; toMicros: number }) => Promise<number>,
): Promise<number> {
  let sum = 0;
  for (let start = from; start < before && !signal.aborted; start += HOUR_MICROS) {
    sum += await run({ fromMicros: start, toMicros: Math.min(before, start + HOUR_MICROS) });
  }
  return sum;
}

async function inChunks(signal: AbortSignal, run: () => Promise<number>, full = CHUNK_ROWS): Promise<number> {
  let sum = 0;
  while (!signal.aborted) {
    const removed = await run();
    sum += removed;
    if (removed < full) break;
  }
  return sum;
}
