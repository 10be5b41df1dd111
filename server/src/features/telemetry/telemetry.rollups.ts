import type { UnauditedTx } from '../../security/audit/tokens.ts';
import { ERASED, isOpened, LOCKED } from '../../security/keys/person-values.ts';
import type { CommittedFlush, CommittedPoint, JournalConsumer, LockedPoint } from './committed.ts';
import type { HealthValues } from './health-values.ts';
import { type MeasuredPersons, type MeasuredSpan, personOfBucket } from './measured-persons.ts';
import { findLatest, findRollups, type RollupTable, storeLatest, storeRollups } from './rollup.repository.ts';
import {
  addToBucket,
  emptyBucket,
  type LatestState,
  type OpenBucket,
  openBucket,
  type RollupKey,
  type RollupRow,
} from './rollup.ts';
import {
  binsOf,
  collect,
  emptyState,
  HOUR_MICROS,
  MINUTE_MICROS,
  noteLatest,
  type SeriesState,
  settle,
} from './rollup-state.ts';
import { binOf } from './sketch.ts';

export const WIDTH_MICROS: Readonly<Record<RollupTable, number>> = {
  rollups_1m: MINUTE_MICROS,
  rollups_1h: HOUR_MICROS,
};

// What is kept between transactions, so that the usual point needs no read: the newest buckets of each series. A bin takes 8 bytes.
const MAX_KEPT_SERIES = 50_000;
const MAX_KEPT_BINS = 4_000_000;
const MAX_ROWS = 5_000;
const COMMITS_BETWEEN_COUNTS = 32;

/**
 * Count, sum, least, greatest and sketch of every minute and hour, and the newest value of each series. What is in memory is always
 * what the table has plus the running transaction; a rollback drops all of it.
 */
export function createRollups(
  health: Pick<HealthValues, 'sealRollup' | 'openRollups'>,
  persons: MeasuredPersons,
): JournalConsumer {
  let states = new Map<number, SeriesState>();
  let commits = 0;

  async function apply(tx: UnauditedTx, flushes: readonly CommittedFlush[]): Promise<LockedPoint[]> {
    const touched = await open(tx, flushes);
    const locked: LockedPoint[] = [];
    for (const { points } of flushes) add(points, locked);
    await store(tx, touched);
    for (const { levels } of touched) for (const level of levels) level.locked.clear();
    return locked;
  }

  /** Has every series and bucket the points go into in memory, reading only what may be stored and is not here. */
  async function open(tx: UnauditedTx, flushes: readonly CommittedFlush[]): Promise<Set<SeriesState>> {
    const touched = new Set<SeriesState>();
    const unread: number[] = [];
    for (const { points } of flushes) {
      let previous = 0;
      for (const { series } of points) {
        if (series.id === previous) continue;
        previous = series.id;
        let state = states.get(series.id);
        if (!state) {
          state = emptyState(series);
          states.set(series.id, state);
          unread.push(series.id);
        }
        state.series = series;
        touched.add(state);
      }
    }
    for (const latest of await findLatest(tx, unread)) {
      const state = states.get(latest.seriesId);
      if (state) Object.assign(state, { latest, storedMicros: latest.atMicros });
    }
    for (const level of [0, 1] as const) await openBuckets(tx, flushes, level);
    return touched;
  }

  async function openBuckets(tx: UnauditedTx, flushes: readonly CommittedFlush[], at: 0 | 1): Promise<void> {
    const wanted: RollupKey[] = [];
    for (const { points } of flushes) {
      let state: SeriesState | undefined;
      let start = Number.NaN;
      let end = Number.NaN;
      for (const { series, atMicros } of points) {
        if (state?.seriesId !== series.id) {
          state = states.get(series.id);
          start = Number.NaN;
        }
        if (!state || series.valueType === 'string' || (atMicros >= start && atMicros < end)) continue;
        const { widthMicros, buckets } = state.levels[at];
        const startMicros = atMicros - (atMicros % widthMicros);
        start = startMicros;
        end = startMicros + widthMicros;
        if (buckets.has(startMicros)) continue;
        buckets.set(startMicros, emptyBucket(startMicros));
        if (startMicros <= state.storedMicros) wanted.push({ seriesId: series.id, startMicros });
      }
    }
    const table = at === 0 ? 'rollups_1m' : 'rollups_1h';
    for (let start = 0; start < wanted.length; start += MAX_ROWS) {
      const rows = await findRollups(tx, table, wanted.slice(start, start + MAX_ROWS));
      for (const [organisationId, own] of Map.groupBy(rows, (row) => organisationOf(row))) {
        for (const [index, row] of (await health.openRollups(organisationId, table, own)).entries()) {
          const { seriesId, startMicros } = own[index] as RollupKey;
          const level = states.get(seriesId)?.levels[at];
          // Of somebody erased nothing is left to add to. What does not open otherwise is not written over, and has no part in what comes.
          if (level === undefined || row === ERASED) continue;
          if (isOpened(row)) level.buckets.set(startMicros, openBucket(row));
          else level.buckets.delete(startMicros);
          if (row === LOCKED) level.locked.add(startMicros);
        }
      }
    }
  }

  const organisationOf = ({ seriesId }: RollupKey) => states.get(seriesId)?.series.organisationId ?? 0;

  async function sealedRow(
    table: RollupTable,
    row: RollupRow,
    spans: readonly MeasuredSpan[] = [],
  ): Promise<RollupRow> {
    const subject = personOfBucket(spans, row.startMicros, WIDTH_MICROS[table]);
    const sealed = await health.sealRollup(organisationOf(row), table, row, subject);
    return { ...row, sum: 0, min: 0, max: 0, sketch: Buffer.alloc(0), ...sealed };
  }

  /** Points of a series stand together, so buckets are looked up once for a stretch of them. */
  function add(points: readonly CommittedPoint[], later: LockedPoint[]): void {
    let state: SeriesState | undefined;
    let minute: OpenBucket | undefined;
    let hour: OpenBucket | undefined;
    let minuteStart = Number.NaN;
    let isLocked = false;
    for (const point of points) {
      const { series, atMicros, value } = point;
      if (state?.seriesId !== series.id) {
        state = states.get(series.id);
        minuteStart = Number.NaN;
      }
      if (!state) continue;
      noteLatest(state, point);
      if (typeof value === 'string') continue;
      const start = atMicros - (atMicros % MINUTE_MICROS);
      if (start !== minuteStart) {
        minuteStart = start;
        minute = state.levels[0].buckets.get(start);
        const hourStart = atMicros - (atMicros % HOUR_MICROS);
        hour = state.levels[1].buckets.get(hourStart);
        isLocked = state.levels[0].locked.has(start) || state.levels[1].locked.has(hourStart);
      }
      if (isLocked) {
        later.push({ series, atMicros });
        continue;
      }
      const number = Number(value);
      const bin = binOf(number);
      if (minute) addToBucket(minute, number, bin);
      if (hour) addToBucket(hour, number, bin);
    }
  }

  async function store(tx: UnauditedTx, touched: ReadonlySet<SeriesState>): Promise<void> {
    const latest: LatestState[] = [];
    const minutes: RollupRow[] = [];
    const hours: RollupRow[] = [];
    // In order of their keys: the index is walked once, and two transactions could never wait for each other in a circle.
    for (const state of [...touched].sort((a, b) => a.seriesId - b.seriesId)) {
      // Of class health the newest value is read where it lies among the points.
      if (state.changed && state.latest)
        latest.push(state.series.health ? { ...state.latest, num: null, txt: null } : state.latest);
      collect(state, 0, minutes);
      collect(state, 1, hours);
    }
    const ofHealth = [...touched].filter(({ series }) => series.health);
    const measured = await persons.of(
      ofHealth.map(({ series }) => series.deviceId),
      tx,
    );
    for (const [table, rows] of [
      ['rollups_1m', minutes],
      ['rollups_1h', hours],
    ] as const) {
      for (let start = 0; start < rows.length; start += MAX_ROWS) {
        const stored: RollupRow[] = [];
        for (const row of rows.slice(start, start + MAX_ROWS)) {
          const series = states.get(row.seriesId)?.series;
          stored.push(series?.health ? await sealedRow(table, row, measured.get(series.deviceId)) : row);
        }
        await storeRollups(tx, table, stored);
      }
    }
    for (let start = 0; start < latest.length; start += MAX_ROWS) {
      await storeLatest(tx, latest.slice(start, start + MAX_ROWS));
    }
  }

  function committed(flushes: readonly CommittedFlush[]): void {
    let previous = 0;
    for (const { points } of flushes) {
      for (const { series } of points) {
        if (series.id === previous) continue;
        previous = series.id;
        const state = states.get(series.id);
        if (!state) continue;
        state.changed = false;
        state.storedMicros = state.latest?.atMicros ?? Number.NEGATIVE_INFINITY;
        for (const { buckets } of state.levels) settle(buckets);
        // Re-inserted, so that the first of the map is the one unused for longest.
        states.delete(series.id);
        states.set(series.id, state);
      }
    }
    commits += 1;
    if (states.size > MAX_KEPT_SERIES || commits % COMMITS_BETWEEN_COUNTS === 0) forgetOldest();
  }

  function forgetOldest(): void {
    let bins = 0;
    for (const state of states.values()) bins += binsOf(state);
    for (const [id, state] of states) {
      if (states.size <= MAX_KEPT_SERIES && bins <= MAX_KEPT_BINS) return;
      bins -= binsOf(state);
      states.delete(id);
    }
  }

  return {
    name: 'rollups',
    apply,
    committed,
    rolledBack() {
      states = new Map();
    },
  };
}
