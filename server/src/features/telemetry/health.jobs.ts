import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import {
  type ClearPoint,
  countSealedPoints,
  endSealing,
  findClearPoints,
  findClearRollups,
  findSealings,
  forgetLatestValues,
  type MarkedSeries,
  notePassed,
  sealPoints,
  sealRollups,
} from './health.repository.ts';
import type { HealthValues, SealedChunk } from './health-values.ts';
import { type MeasuredPersons, personOfBucket, stretchesOf } from './measured-persons.ts';
import type { RollupTable } from './rollup.repository.ts';
import type { RollupRow } from './rollup.ts';
import { WIDTH_MICROS } from './telemetry.rollups.ts';
import { dayOf } from './timestamp.ts';

const SERIES_AT_ONCE = 20;
const POINTS_AT_ONCE = 5000;
const ROLLUPS_AT_ONCE = 500;
// Another server may know the series as it was for five minutes, and one flush more. What it wrote meanwhile is sealed by the pass that begins
// after that, so the work is over no sooner.
const SETTLED_MS = 7 * 60_000;
const actor = { kind: 'system', id: null, label: 'sealing' } as const;

/**
 * What a series had before it was marked is sealed while everybody reads and writes. Nothing keeps count but the rows, which are sealed or not: it can
 * be killed at any moment and goes on with what is left.
 */
export function createHealthJobs(deps: {
  readonly transactions: Transactions;
  readonly health: HealthValues;
  readonly persons: MeasuredPersons;
  readonly clock: Clock;
}): Job[] {
  const { transactions, health, persons, clock } = deps;

  async function sealMarked(signal: AbortSignal): Promise<void> {
    const begunAt = clock.now();
    for (const series of await transactions.readAcross((reader) =>
      findSealings(reader, new Date(begunAt - SETTLED_MS), SERIES_AT_ONCE),
    )) {
      await transactions.unaudited(null, 'seal_marked', (tx) => forgetLatestValues(tx, series.id));
      const isWhole = [
        await sealPointsOf(series, signal),
        await sealRollupsOf(series, 'rollups_1m', signal),
        await sealRollupsOf(series, 'rollups_1h', signal),
      ].every((whole) => whole);
      if (signal.aborted) return;
      // Looking through a long series is no small work: once now, and once at the end.
      if (begunAt - series.requestedAt.getTime() < SETTLED_MS) {
        await transactions.unaudited(null, 'seal_marked', (tx) => notePassed(tx, series.id));
        continue;
      }
      // Rows that were changed or removed under its hands were left as they are, with all that were to lie beside them: the next pass finds them.
      if (!isWhole) continue;
      const { id, organisationId, deviceId, metric } = series;
      const points = await transactions.readAcross((reader) => countSealedPoints(reader, id));
      // It is over once that is on record. Who is killed in between records it again.
      await transactions.system({ organisationId, actor, event: 'telemetry.health_sealed' }, async (tx) => {
        tx.describe({ resource: { kind: 'device', id: deviceId }, details: { metric, points } });
      });
      await transactions.unaudited(null, 'seal_marked', (tx) => endSealing(tx, id));
    }
  }

  /** False: some are left. */
  async function sealPointsOf(series: MarkedSeries, signal: AbortSignal): Promise<boolean> {
    let after: number | undefined;
    let isWhole = true;
    while (!signal.aborted) {
      const points = await transactions.readAcross((reader) => findClearPoints(reader, series, after, POINTS_AT_ONCE));
      // Outside of a transaction: computing holds no lock.
      const chunks = await chunksOf(series, points);
      if (chunks.length > 0) {
        const all = await transactions.unaudited(null, 'seal_marked', (tx) => sealPoints(tx, series.id, chunks));
        isWhole &&= all;
      }
      after = points.at(-1)?.atMicros;
      if (points.length < POINTS_AT_ONCE) return isWhole;
    }
    return false;
  }

  async function chunksOf(series: MarkedSeries, points: readonly ClearPoint[]) {
    const chunks: (SealedChunk & { times: number[] })[] = [];
    const spans = await spansOf(series);
    for (const day of Map.groupBy(points, ({ atMicros }) => dayOf(atMicros)).values()) {
      for (const stretch of stretchesOf(day, { start: 0, end: day.length }, spans)) {
        for (let { start } = stretch; start < stretch.end; ) {
          const chunk = await health.seal(series, day, { ...stretch, start });
          chunks.push({ ...chunk, times: day.slice(start, chunk.end).map(({ atMicros }) => atMicros) });
          start = chunk.end;
        }
      }
    }
    return chunks;
  }

  const spansOf = async ({ deviceId }: MarkedSeries) => (await persons.of([deviceId])).get(deviceId) ?? [];

  async function sealRollupsOf(series: MarkedSeries, table: RollupTable, signal: AbortSignal): Promise<boolean> {
    let after: number | undefined;
    let isWhole = true;
    while (!signal.aborted) {
      const rows = await transactions.readAcross((reader) =>
        findClearRollups(reader, table, series.id, after, ROLLUPS_AT_ONCE),
      );
      const renewed: RollupRow[] = [];
      const spans = await spansOf(series);
      for (const row of rows) {
        const subject = personOfBucket(spans, row.startMicros, WIDTH_MICROS[table]);
        renewed.push({ ...row, ...(await health.sealRollup(series.organisationId, table, row, subject)) });
      }
      if (renewed.length > 0) {
        const all = await transactions.unaudited(null, 'seal_marked', (tx) =>
          sealRollups(tx, table, series.id, renewed),
        );
        isWhole &&= all;
      }
      after = rows.at(-1)?.startMicros;
      if (rows.length < ROLLUPS_AT_ONCE) return isWhole;
    }
    return false;
  }

  return [{ name: 'sealing of marked series', everySeconds: 10, run: sealMarked }];
}
