import type { Value } from '@valtronics/contract';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { ERASED, isOpened, LOCKED } from '../../security/keys/person-values.ts';
import { findChunks } from './health.repository.ts';
import type { HealthValues, SealedChunk } from './health-values.ts';
import { forgetHolder } from './journal.repository.ts';
import {
  type ChangedSeries,
  endMeasuredChange,
  findDays,
  findHealthSeries,
  findMeasuredChanges,
  findPlacedPoints,
  lockPoints,
  type MeasuredChange,
  type PlacedPoint,
  placePoints,
  removePoints,
} from './measured-changes.repository.ts';
import { findMeasuredSpans } from './measured-persons.repository.ts';
import { KNOWN_MS, type MeasuredSpan, personAt, stretchesOf } from './measured-persons.ts';
import { createMeasuredRollups, type Gone } from './measured-rollups.ts';
import { DAY_MICROS } from './timestamp.ts';

// Whom a device measures is often said after the fact, and changed. What was measured then is sealed again with the key of whose it is now; what was
// measured of somebody erased goes, where it did not lie under their key. The times are on a list that the table of assignments itself writes, and leave
// it when all in them is as it should be: whoever is killed begins with the list again, and passes over what is done.

const CHANGES_AT_ONCE = 20;
const actor = { kind: 'system', id: null, label: 'sealing' } as const;

/**
 * Somebody else keeps things made of what a device measured: seals them for whose they are now, and takes away what was of somebody erased,
 * all within the time that changed. False: something is left to do.
 */
export type MeasuredSettler = (
  change: MeasuredChange,
  personAt: (atMicros: number) => string | null,
  signal: AbortSignal,
) => Promise<boolean>;

export function createMeasuredChanges(deps: {
  readonly transactions: Transactions;
  readonly health: HealthValues;
  readonly settlers: readonly MeasuredSettler[];
  readonly log: { warn(fields: object, message: string): void };
  /** Until then another server may seal for whom it knew before. */
  readonly settledMs?: number;
}): Job {
  const { transactions, health, settlers, log, settledMs = KNOWN_MS + 5_000 } = deps;
  const rollups = createMeasuredRollups({ transactions, health });
  const settling = <T>(work: Parameters<typeof transactions.unaudited<T>>[2]) =>
    transactions.unaudited(null, 'seal_marked', work);

  async function run(signal: AbortSignal): Promise<void> {
    for (let afterId = '0'; !signal.aborted; ) {
      const changes = await transactions.readAcross((reader) =>
        findMeasuredChanges(reader, settledMs / 1000, afterId, CHANGES_AT_ONCE),
      );
      for (const change of changes) {
        // One that cannot be done now keeps no other from it.
        try {
          if (await settle(change, signal)) await settling((tx) => endMeasuredChange(tx, change));
        } catch (error) {
          log.warn({ err: error, device: change.deviceId }, 'what was measured of a person is sealed for them later');
        }
      }
      afterId = changes.at(-1)?.id ?? '';
      if (changes.length < CHANGES_AT_ONCE) return;
    }
  }

  /** False: something changed under its hands, or it is to end; the change stays on the list. */
  async function settle(change: MeasuredChange, signal: AbortSignal): Promise<boolean> {
    const { organisationId, deviceId } = change;
    const { spans, series } = await transactions.readAcross(async (reader) => ({
      spans: (await findMeasuredSpans(reader, [deviceId])).get(deviceId) ?? [],
      series: await findHealthSeries(reader, deviceId),
    }));
    const gone: Gone = { points: 0, rollups: 0 };
    let isWhole = true;
    for (const one of series) {
      for (const day of await transactions.readAcross((reader) => findDays(reader, one.id, change))) {
        if (signal.aborted) return false;
        isWhole = (await settleDay(one, day, change, spans, gone)) && isWhole;
      }
      isWhole = (await rollups.settle(one, change, spans, gone, signal)) && isWhole;
      if (signal.aborted) return false;
    }
    for (const settler of settlers)
      isWhole = (await settler(change, (micros) => personAt(spans, micros) ?? null, signal)) && isWhole;
    if (signal.aborted) return false;
    // What rules have in memory of somebody erased goes as well.
    if (change.isErased) await settling((tx) => forgetHolder(tx, 'rules'));
    if (gone.points + gone.rollups > 0) {
      await transactions.system({ organisationId, actor, event: 'telemetry.erased' }, async (tx) => {
        tx.describe({ resource: { kind: 'device', id: deviceId }, details: { ...gone } });
      });
    }
    return isWhole;
  }

  async function settleDay(
    series: ChangedSeries,
    dayMicros: number,
    change: MeasuredChange,
    spans: readonly MeasuredSpan[],
    gone: Gone,
  ): Promise<boolean> {
    const range = { fromMicros: dayMicros, toMicros: dayMicros + DAY_MICROS };
    const placed = await transactions.readAcross((reader) => findPlacedPoints(reader, series.id, range));
    let isWhole = true;
    for (const [chunkMicros, points] of Map.groupBy(placed, (point) => point.chunkMicros)) {
      if (points.every(({ atMicros }) => !covers(change, atMicros))) continue;
      const isErased = ({ atMicros }: PlacedPoint) =>
        change.isErased && covers(change, atMicros) && personAt(spans, atMicros) === undefined;
      const [erased, kept] = [points.filter(isErased), points.filter((point) => !isErased(point))];
      const done =
        chunkMicros === null
          ? await forget(series, null, erased, gone)
          : await settleChunk({ series, chunkMicros, erased, kept, spans, gone });
      isWhole &&= done;
    }
    return isWhole;
  }

  async function forget(series: ChangedSeries, chunkMicros: number | null, points: readonly PlacedPoint[], gone: Gone) {
    if (points.length === 0) return true;
    const times = points.map(({ atMicros }) => atMicros);
    await settling((tx) => removePoints(tx, series.id, times, chunkMicros));
    gone.points += times.length;
    return true;
  }

  async function settleChunk(work: {
    readonly series: ChangedSeries;
    readonly chunkMicros: number;
    readonly erased: readonly PlacedPoint[];
    readonly kept: readonly PlacedPoint[];
    readonly spans: readonly MeasuredSpan[];
    readonly gone: Gone;
  }): Promise<boolean> {
    const { series, chunkMicros, erased, kept, spans, gone } = work;
    if (kept.length === 0) return forget(series, chunkMicros, erased, gone);
    const { id: seriesId, organisationId } = series;
    const stretches = stretchesOf(kept, { start: 0, end: kept.length }, spans);
    const [chunk] = await transactions.readAcross((reader) => findChunks(reader, [{ seriesId, chunkMicros }]));
    if (chunk === undefined) return false;
    const isRight = stretches.length === 1 && (stretches[0]?.subject ?? null) === chunk.subject;
    if (isRight && erased.length === 0) return true;
    const rows = kept.map(({ atMicros }) => ({ seriesId, atMicros, chunkMicros }));
    const values = await transactions.readAcross((reader) => health.open(reader, organisationId, rows));
    if (values.includes(undefined) || values.includes(LOCKED)) return false;
    // All of it was of somebody who is erased, also what is said to be of somebody else now: it opens for nobody.
    if (values.includes(ERASED)) return forget(series, chunkMicros, [...erased, ...kept].sort(byTime), gone);
    // Nobody can seal again what was altered or whose key is lost: that stays as it is, and keeps nothing of somebody erased from going.
    const valued = kept.flatMap(({ atMicros }, index) => {
      const value = values[index];
      return value !== undefined && isOpened<Value>(value) ? [{ atMicros, value }] : [];
    });
    if (valued.length === 0) return forget(series, chunkMicros, erased, gone);
    const anew: (SealedChunk & { readonly times: number[] })[] = [];
    for (const stretch of stretchesOf(valued, { start: 0, end: valued.length }, spans)) {
      for (let { start } = stretch; start < stretch.end; ) {
        const sealed = await health.seal(series, valued, { ...stretch, start });
        // There is no key for them yet.
        if (sealed.subject !== (stretch.subject ?? null)) return false;
        anew.push({ ...sealed, times: valued.slice(start, sealed.end).map(({ atMicros }) => atMicros) });
        start = sealed.end;
      }
    }
    const times = [...erased, ...valued].sort(byTime).map(({ atMicros }) => atMicros);
    const isPlaced = await settling(async (tx) => {
      if (!(await lockPoints(tx, seriesId, times, chunkMicros))) return false;
      if (erased.length > 0)
        await removePoints(
          tx,
          seriesId,
          erased.map(({ atMicros }) => atMicros),
          chunkMicros,
        );
      for (const one of anew) await placePoints(tx, seriesId, one.times, chunkMicros, one);
      return true;
    });
    if (isPlaced) gone.points += erased.length;
    return isPlaced;
  }

  return { name: 'sealing for persons measured', everySeconds: 10, run };
}

const covers = ({ fromMicros, toMicros }: MeasuredSpan, atMicros: number) =>
  fromMicros <= atMicros && atMicros < toMicros;
const byTime = (a: Pick<PlacedPoint, 'atMicros'>, b: Pick<PlacedPoint, 'atMicros'>) => a.atMicros - b.atMicros;
