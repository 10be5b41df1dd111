import {
  type StoredPoint,
  sketchRelativeError,
  type telemetryHistory,
  type telemetryLatest,
  type telemetryMetrics,
  type telemetryRaw,
  type telemetrySparklines,
} from '@valtronics/contract';
import { invalidField, notFound } from '../../lib/problem.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Answer, Call } from '../../security/gate/call.ts';
import { isOpened } from '../../security/keys/person-values.ts';
import type { SeriesKey } from './committed.ts';
import { type CurveStep, findCurveSeries, findCurves } from './curve.repository.ts';
import { type Look, readPoints, readRollups, shown, withheld } from './health-reading.ts';
import { bucketsIn, bucketsOf, fittingInterval, intervalMicros, needsSketch, tableOf } from './history.ts';
import { thinned } from './lttb.ts';
import {
  type DeviceMetric,
  deviceExists,
  findLatestValues,
  findMetrics,
  findSeries,
  type PointAt,
  type RollupPart,
  type TimeRange,
} from './telemetry.repository.ts';
import { DAY_MICROS, parseTimestamp, timestampText } from './timestamp.ts';

const MAX_RANGE_DAYS = 3660;
const MAX_RAW_DAYS = 31;
const MAX_THINNED_POINTS = 100_000;
const DEFAULT_PAGE = 1000;
const DEFAULT_MAX_POINTS = 1000;
const MAX_BUCKETS = 5000;
const RAW_HISTORY_MICROS = 2 * 3_600_000_000;
const MAX_CURVES = 200;
const FINE_CURVE_HOURS = 3;

export function rangeOf(query: { readonly from: string; readonly to: string }): TimeRange {
  const fromMicros = parseTimestamp(query.from);
  const toMicros = parseTimestamp(query.to);
  if (!(fromMicros < toMicros)) throw invalidField('to', 'must be after from');
  if (toMicros - fromMicros > MAX_RANGE_DAYS * DAY_MICROS) {
    throw invalidField('to', `at most ${MAX_RANGE_DAYS} days after from`);
  }
  return { fromMicros, toMicros };
}

/** A device or metric that is not there, and one of another organisation, are the same to the caller. */
export async function seriesOf({ reader, seesHealth }: Look, query: DeviceMetric): Promise<SeriesKey> {
  const series = await findSeries(reader, query.deviceId, query.metric);
  if (!series) throw notFound();
  if (series.health && !seesHealth) throw withheld();
  return series;
}

export async function rawPoints(
  look: Look,
  query: Call<typeof telemetryRaw>['query'],
): Promise<Answer<typeof telemetryRaw>> {
  const range = rangeOf(query);
  const series = await seriesOf(look, query);
  const { unit } = series;
  if (query.maxPoints !== undefined && series.valueType !== 'string') {
    return { ...(await chartPoints(look, series, range, query.maxPoints)), nextCursor: null, unit };
  }
  const limit = query.limit ?? DEFAULT_PAGE;
  const fromMicros = query.cursor === undefined ? range.fromMicros : microsAfter(query.cursor, range);
  const toMicros = Math.min(range.toMicros, fromMicros + MAX_RAW_DAYS * DAY_MICROS);
  const points = await readPoints(look, series, { fromMicros, toMicros }, limit);
  const last = points.at(-1);
  // A page ends when it is full, or after so many days: then the next one goes on from there, even if this one is empty.
  const end = points.length === limit && last ? last.atMicros : toMicros < range.toMicros ? toMicros - 1 : undefined;
  return {
    items: points.map(asStored),
    nextCursor: end === undefined ? null : String(end),
    unit,
    downsampledFrom: null,
  };
}

async function chartPoints(look: Look, series: SeriesKey, range: TimeRange, maxPoints: number) {
  if (range.toMicros - range.fromMicros > MAX_RAW_DAYS * DAY_MICROS) {
    throw invalidField('to', `with maxPoints at most ${MAX_RAW_DAYS} days after from; use /telemetry/history`);
  }
  const points = await readPoints(look, series, range, MAX_THINNED_POINTS + 1);
  if (points.length > MAX_THINNED_POINTS) {
    throw invalidField('to', `the range holds more than ${MAX_THINNED_POINTS} points; use /telemetry/history`);
  }
  if (points.length <= maxPoints) return { items: points.map(asStored), downsampledFrom: null };
  const curve = points.map((point) => ({ atMicros: point.atMicros, value: Number(point.value), point }));
  return { items: thinned(curve, maxPoints).map(({ point }) => asStored(point)), downsampledFrom: points.length };
}

/** The cursor is the time of the last point given. */
function microsAfter(cursor: string, { fromMicros, toMicros }: TimeRange): number {
  const last = /^\d{1,16}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (!(last >= fromMicros && last < toMicros)) throw invalidField('cursor', 'is not one of this range');
  return last + 1;
}

const asStored = ({ atMicros, value }: PointAt): StoredPoint => ({ timestamp: timestampText(atMicros), value });

export async function latestValues(
  look: Look,
  query: Call<typeof telemetryLatest>['query'],
): Promise<Answer<typeof telemetryLatest>> {
  const { reader, health, seesHealth } = look;
  if (query.deviceId !== undefined && !(await deviceExists(reader, query.deviceId))) throw notFound();
  const limit = query.limit ?? DEFAULT_PAGE;
  // Who may not see values of class health finds their series among the metrics, and nothing of them here.
  const filter = { ...query, withHealth: seesHealth };
  const rows = await findLatestValues(reader, filter, deviceMetricOf(query.cursor), limit);
  const sealed = rows.filter(({ value }) => value === undefined);
  const opened = await health.open(reader, sealed[0]?.organisationId ?? 0, sealed);
  // Many devices are not to be without their newest values for one whose cannot be read.
  if (query.deviceId !== undefined) shown(opened);
  const values = new Map(
    sealed.flatMap(({ seriesId }, index) => {
      const value = opened[index];
      return value !== undefined && isOpened(value) ? [[seriesId, value] as const] : [];
    }),
  );
  return {
    items: rows.flatMap(({ seriesId, deviceId, metric, unit, atMicros, value }) => {
      const found = value ?? values.get(seriesId);
      return found === undefined ? [] : [{ deviceId, metric, unit, timestamp: timestampText(atMicros), value: found }];
    }),
    nextCursor: nextCursor(rows, limit),
  };
}

export async function metricList(
  reader: Reader,
  query: Call<typeof telemetryMetrics>['query'],
): Promise<Answer<typeof telemetryMetrics>> {
  if (query.deviceId !== undefined && !(await deviceExists(reader, query.deviceId))) throw notFound();
  const limit = query.limit ?? DEFAULT_PAGE;
  const rows = await findMetrics(reader, query.deviceId, deviceMetricOf(query.cursor), limit);
  return {
    items: rows.map(({ firstMicros, lastMicros, sealedPoints, ...row }) => ({
      ...row,
      sealing: sealedPoints === null ? null : { sealedPoints },
      firstAt: firstMicros === null ? null : timestampText(firstMicros),
      lastAt: lastMicros === null ? null : timestampText(lastMicros),
    })),
    nextCursor: nextCursor(rows, limit),
  };
}

function nextCursor(rows: readonly DeviceMetric[], limit: number): string | null {
  const last = rows.at(-1);
  return rows.length === limit && last ? `${last.deviceId}/${last.metric}` : null;
}

function deviceMetricOf(cursor: string | undefined): DeviceMetric | undefined {
  if (cursor === undefined) return undefined;
  const [, deviceId, metric] =
    /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([A-Za-z0-9_.-]{1,64})$/.exec(cursor) ?? [];
  if (deviceId === undefined || metric === undefined) throw invalidField('cursor', 'is not one of this list');
  return { deviceId, metric };
}

export async function history(
  look: Look,
  query: Call<typeof telemetryHistory>['query'],
): Promise<Answer<typeof telemetryHistory>> {
  const range = rangeOf(query);
  const series = await seriesOf(look, query);
  const maxPoints = query.maxPoints ?? DEFAULT_MAX_POINTS;
  const asked = query.interval ?? 'auto';
  const head = {
    deviceId: series.deviceId,
    metric: series.metric,
    unit: series.unit,
    relativeError: sketchRelativeError,
  };
  // Texts have no average; single points say more than buckets of one each.
  const isShort = range.toMicros - range.fromMicros <= RAW_HISTORY_MICROS;
  if (series.valueType === 'string' || (asked === 'auto' && isShort)) {
    const points = await readPoints(look, series, range, maxPoints + 1);
    if (points.length <= maxPoints || series.valueType === 'string') {
      return { ...head, interval: 'raw', buckets: [], points: points.slice(0, maxPoints).map(asStored) };
    }
  }
  const interval = asked === 'auto' ? fittingInterval(range.fromMicros, range.toMicros, maxPoints) : asked;
  if (bucketsIn(range.fromMicros, range.toMicros, interval) > MAX_BUCKETS) {
    throw invalidField('interval', `more than ${MAX_BUCKETS} buckets; take a coarser one or a shorter range`);
  }
  const width = intervalMicros[interval];
  const whole = { fromMicros: range.fromMicros - (range.fromMicros % width), toMicros: range.toMicros };
  const { aggregation } = query;
  const parts = await readRollups(look, tableOf(interval), series, whole, needsSketch(aggregation));
  return { ...head, interval, buckets: bucketsOf(parts, interval, aggregation), points: [] };
}

export async function sparklines(
  look: Look,
  query: Call<typeof telemetrySparklines>['query'],
  nowMicros: number,
): Promise<Answer<typeof telemetrySparklines>> {
  const deviceIds = [...new Set(query.deviceIds.split(',').map((id) => id.trim().toLowerCase()))];
  if (deviceIds.length > MAX_CURVES) throw invalidField('deviceIds', `at most ${MAX_CURVES}`);
  if (!deviceIds.every((id) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))) {
    throw invalidField('deviceIds', 'UUIDs, separated by commas');
  }
  const hours = query.hours ?? 24;
  const isFine = hours <= FINE_CURVE_HOURS;
  const stepSeconds = isFine ? 300 : 3600;
  const stepMicros = stepSeconds * 1_000_000;
  const toMicros = nowMicros - (nowMicros % stepMicros) + stepMicros;
  const fromMicros = toMicros - hours * 3_600_000_000;
  const table = isFine ? 'rollups_1m' : 'rollups_1h';
  const range = { fromMicros, toMicros };
  const chosen = await findCurveSeries(look.reader, deviceIds, query.metric, look.seesHealth);
  const plain = chosen.filter(({ health }) => !health).map(({ id }) => id);
  const found = await findCurves(look.reader, table, plain, range, stepSeconds);
  const curves = Map.groupBy(found, ({ seriesId }) => seriesId);
  for (const series of chosen) {
    if (!series.health) continue;
    curves.set(series.id, stepsOf(series.id, await readRollups(look, table, series, range, false), range, stepMicros));
  }
  const steps = Math.ceil((toMicros - fromMicros) / stepMicros);
  const items = chosen.flatMap(({ id, deviceId, metric, unit }) => {
    const curve = curves.get(id) ?? [];
    if (curve.length === 0) return [];
    const values: (number | null)[] = new Array<number | null>(steps).fill(null);
    for (const { step, average } of curve) values[step] = average;
    return [{ deviceId, metric, unit, from: timestampText(fromMicros), stepSeconds, values }];
  });
  return { items, nextCursor: null };
}

/** As `findCurves` computes them. */
function stepsOf(
  seriesId: number,
  parts: readonly RollupPart[],
  { fromMicros }: TimeRange,
  stepMicros: number,
): CurveStep[] {
  const steps = Map.groupBy(parts, ({ startMicros }) => Math.floor((startMicros - fromMicros) / stepMicros));
  return [...steps].map(([step, own]) => {
    const sum = own.reduce((total, part) => total + part.sum, 0);
    return { seriesId, step, average: sum / own.reduce((total, { count }) => total + count, 0) };
  });
}
