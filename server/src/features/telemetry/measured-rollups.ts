import type { Transactions } from '../../security/audit/transactions.types.ts';
import { ERASED, isOpened, LOCKED } from '../../security/keys/person-values.ts';
import type { HealthValues } from './health-values.ts';
import { addRollup, emptyFigures } from './history.ts';
import { forgetHolder } from './journal.repository.ts';
import {
  type ChangedSeries,
  findRollupsWithin,
  type MeasuredChange,
  removeRollup,
  resealRollup,
} from './measured-changes.repository.ts';
import { type MeasuredSpan, personOfBucket } from './measured-persons.ts';
import { type RollupTable, storeRollups } from './rollup.repository.ts';
import { HOUR_MICROS } from './rollup-state.ts';
import { encodeSketch } from './sketch.ts';
import { WIDTH_MICROS } from './telemetry.rollups.ts';

/** What of somebody erased was removed. */
export interface Gone {
  points: number;
  rollups: number;
}

const ROLLUPS_AT_ONCE = 500;
const HOURS_AT_ONCE = 24;

/**
 * What minutes and hours are of somebody else than before. Each is sealed as a whole for one person (`personOfBucket`); where somebody was erased their
 * minutes go, and the hours are added up anew from those that stay.
 */
export function createMeasuredRollups(deps: { readonly transactions: Transactions; readonly health: HealthValues }) {
  const { transactions, health } = deps;
  const settling = <T>(work: Parameters<typeof transactions.unaudited<T>>[2]) =>
    transactions.unaudited(null, 'seal_marked', work);

  /** False: somebody changed one meanwhile. */
  async function settleTable(
    series: ChangedSeries,
    table: RollupTable,
    change: MeasuredChange,
    spans: readonly MeasuredSpan[],
    gone: Gone,
    signal: AbortSignal,
  ): Promise<boolean> {
    const width = WIDTH_MICROS[table];
    const withErased = change.isErased ? [...spans, change] : spans;
    let isWhole = true;
    for (let fromMicros = change.fromMicros - width + 1; !signal.aborted; ) {
      const range = { fromMicros, toMicros: change.toMicros };
      const rows = await transactions.readAcross((reader) =>
        findRollupsWithin(reader, table, series.id, range, ROLLUPS_AT_ONCE),
      );
      const work: { row: (typeof rows)[number]; anew: Awaited<ReturnType<typeof health.sealRollup>> | null }[] = [];
      for (const row of rows) {
        const subject = personOfBucket(withErased, row.startMicros, width);
        if (change.isErased && subject === change.subject) work.push({ row, anew: null });
        else if (row.sealed !== null && (subject ?? null) !== row.subject) {
          const [open] = await health.openRollups(series.organisationId, table, [row]);
          if (open === LOCKED) isWhole = false;
          // An hour has minutes of others as well: whoever settles the erasure adds it up from them.
          else if (open === ERASED && table === 'rollups_1m') work.push({ row, anew: null });
          else if (open !== undefined && isOpened(open)) {
            const anew = await health.sealRollup(series.organisationId, table, open, subject);
            if (anew.subject === (subject ?? null)) work.push({ row, anew });
            else isWhole = false;
          }
        }
      }
      if (work.length > 0)
        await settling(async (tx) => {
          // Who adds up rollups has some in memory, and would write back what goes here.
          if (work.some(({ anew }) => anew === null)) await forgetHolder(tx, 'rollups');
          for (const { row, anew } of work) {
            const isDone = anew ? await resealRollup(tx, table, row, anew) : await removeRollup(tx, table, row);
            if (!isDone) isWhole = false;
            else if (anew === null) gone.rollups += 1;
          }
        });
      const last = rows.at(-1);
      if (last === undefined || rows.length < ROLLUPS_AT_ONCE) break;
      fromMicros = last.startMicros + 1;
    }
    return isWhole;
  }

  /** While nobody else adds anything up. False: some have minutes that cannot be read now. */
  async function addUpHours(
    series: ChangedSeries,
    change: MeasuredChange,
    spans: readonly MeasuredSpan[],
    gone: Gone,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { id, organisationId } = series;
    let areAll = true;
    for (let fromMicros = change.fromMicros - HOUR_MICROS + 1; !signal.aborted; ) {
      const from = fromMicros;
      const last = await settling(async (tx) => {
        await forgetHolder(tx, 'rollups');
        const range = { fromMicros: from, toMicros: change.toMicros };
        const hours = await findRollupsWithin(tx, 'rollups_1h', id, range, HOURS_AT_ONCE);
        for (const hour of hours) {
          const { startMicros } = hour;
          const within = { fromMicros: startMicros, toMicros: startMicros + HOUR_MICROS };
          const minutes = await findRollupsWithin(tx, 'rollups_1m', id, within, HOUR_MICROS / WIDTH_MICROS.rollups_1m);
          const left = emptyFigures();
          const opened = await health.openRollups(organisationId, 'rollups_1m', minutes);
          if (opened.includes(LOCKED)) {
            areAll = false;
            continue;
          }
          for (const minute of opened) if (isOpened(minute)) addRollup(left, minute);
          if (left.count === 0) {
            if (await removeRollup(tx, 'rollups_1h', hour)) gone.rollups += 1;
            continue;
          }
          const { count, sum, min, max, sketch } = left;
          const figures = { ...hour, count, sum, min, max, sketch: encodeSketch(sketch) };
          const subject = personOfBucket(spans, startMicros, HOUR_MICROS);
          const sealed = await health.sealRollup(organisationId, 'rollups_1h', figures, subject);
          const row = { ...hour, count, sum: 0, min: 0, max: 0, sketch: Buffer.alloc(0), ...sealed };
          await storeRollups(tx, 'rollups_1h', [row]);
        }
        return hours.at(-1);
      });
      if (last === undefined) return areAll;
      fromMicros = last.startMicros + 1;
    }
    return false;
  }

  return {
    /** False: somebody changed one meanwhile. */
    async settle(
      series: ChangedSeries,
      change: MeasuredChange,
      spans: readonly MeasuredSpan[],
      gone: Gone,
      signal: AbortSignal,
    ): Promise<boolean> {
      const areMinutes = await settleTable(series, 'rollups_1m', change, spans, gone, signal);
      if (!change.isErased) return (await settleTable(series, 'rollups_1h', change, spans, gone, signal)) && areMinutes;
      return areMinutes && addUpHours(series, change, spans, gone, signal);
    },
  };
}
