import type { Value } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';
import type { SeriesKey } from './committed.ts';
import type { RollupTable } from './rollup.repository.ts';
import type { RollupRow } from './rollup.ts';
import { timestampParameter } from './timestamp.ts';

// Bounds of time are parameters of type timestamptz, known when the statement is planned: partitions outside are left out.

export interface TimeRange {
  readonly fromMicros: number;
  /** Exclusive. */
  readonly toMicros: number;
}

export interface PointAt {
  readonly atMicros: number;
  readonly value: Value;
}

interface PointColumns {
  seconds: number;
  num: number | null;
  txt: string | null;
}

export async function findSeries(reader: Reader, deviceId: string, metric: string): Promise<SeriesKey | undefined> {
  const { rows } = await sql<SeriesKey>`
    select id, organisation_id as "organisationId", device_id as "deviceId", metric, value_type as "valueType", unit, health
    from series where device_id = ${deviceId} and metric = ${metric}`.execute(reader.db);
  return rows[0];
}

export async function deviceExists(reader: Reader, deviceId: string): Promise<boolean> {
  const { rows } = await sql`select 1 from devices where id = ${deviceId}`.execute(reader.db);
  return rows.length > 0;
}

export async function findPoints(
  reader: Reader,
  series: Pick<SeriesKey, 'id' | 'valueType'>,
  { fromMicros, toMicros }: TimeRange,
  limit: number,
): Promise<PointAt[]> {
  const { rows } = await sql<PointColumns>`
    select date_part('epoch', ts) as seconds, num, txt from points
    where series_id = ${series.id} and ts >= ${timestampParameter(fromMicros)}::timestamptz
      and ts < ${timestampParameter(toMicros)}::timestamptz
    order by ts limit ${limit}`.execute(reader.db);
  return rows.map((row) => ({
    atMicros: microsOf(row.seconds),
    value: storedValue(series.valueType, row.num, row.txt),
  }));
}

export interface RollupPart extends Omit<RollupRow, 'sketch'> {
  readonly sketch: Buffer | null;
}

export async function findRollupRange(
  reader: Reader,
  table: RollupTable,
  seriesId: number,
  { fromMicros, toMicros }: TimeRange,
  withSketch: boolean,
): Promise<RollupPart[]> {
  const { rows } = await sql<Omit<RollupPart, 'startMicros'> & { seconds: number }>`
    select series_id as "seriesId", date_part('epoch', bucket) as seconds, count, sum, min, max,
      ${withSketch ? sql.ref('sketch') : sql`null::bytea`} as sketch
    from ${sql.table(table)}
    where series_id = ${seriesId} and bucket >= ${timestampParameter(fromMicros)}::timestamptz
      and bucket < ${timestampParameter(toMicros)}::timestamptz
    order by bucket`.execute(reader.db);
  return rows.map(({ seconds, ...row }) => ({ ...row, startMicros: microsOf(seconds) }));
}

export interface LatestRow {
  readonly deviceId: string;
  readonly metric: string;
  readonly unit: string | null;
  readonly valueType: SeriesKey['valueType'];
  readonly atMicros: number;
  readonly value: Value;
}

export interface DeviceMetric {
  readonly deviceId: string;
  readonly metric: string;
}

export async function findLatestValues(
  reader: Reader,
  filter: { readonly deviceId?: string | undefined; readonly metric?: string | undefined },
  after: DeviceMetric | undefined,
  limit: number,
): Promise<LatestRow[]> {
  const { rows } = await sql<Omit<LatestRow, 'atMicros' | 'value'> & PointColumns>`
    select s.device_id as "deviceId", s.metric, s.unit, s.value_type as "valueType",
      date_part('epoch', l.ts) as seconds, l.num, l.txt
    from series s join series_latest l on l.series_id = s.id
    where s.organisation_id = current_organisation()
      ${filter.deviceId === undefined ? sql`` : sql`and s.device_id = ${filter.deviceId}`}
      ${filter.metric === undefined ? sql`` : sql`and s.metric = ${filter.metric}`}
      ${after === undefined ? sql`` : sql`and (s.device_id, s.metric) > (${after.deviceId}::uuid, ${after.metric})`}
    order by s.device_id, s.metric limit ${limit}`.execute(reader.db);
  return rows.map(({ seconds, num, txt, ...row }) => ({
    ...row,
    atMicros: microsOf(seconds),
    value: storedValue(row.valueType, num, txt),
  }));
}

export interface MetricRow extends DeviceMetric {
  readonly unit: string | null;
  readonly valueType: SeriesKey['valueType'];
  readonly health: boolean;
  readonly firstMicros: number | null;
  readonly lastMicros: number | null;
}

export async function findMetrics(
  reader: Reader,
  deviceId: string | undefined,
  after: DeviceMetric | undefined,
  limit: number,
): Promise<MetricRow[]> {
  const { rows } = await sql<
    Omit<MetricRow, 'firstMicros' | 'lastMicros'> & { first: number | null; last: number | null }
  >`
    select s.device_id as "deviceId", s.metric, s.unit, s.value_type as "valueType", s.health,
      date_part('epoch', l.first_ts) as first, date_part('epoch', l.ts) as last
    from series s left join series_latest l on l.series_id = s.id
    where s.organisation_id = current_organisation()
      ${deviceId === undefined ? sql`` : sql`and s.device_id = ${deviceId}`}
      ${after === undefined ? sql`` : sql`and (s.device_id, s.metric) > (${after.deviceId}::uuid, ${after.metric})`}
    order by s.device_id, s.metric limit ${limit}`.execute(reader.db);
  return rows.map(({ first, last, ...row }) => ({
    ...row,
    firstMicros: first === null ? null : microsOf(first),
    lastMicros: last === null ? null : microsOf(last),
  }));
}

export interface CurveRow {
  readonly seriesId: number;
  readonly deviceId: string;
  readonly metric: string;
  readonly unit: string | null;
  readonly step: number;
  readonly average: number;
}

/** Averages of each step, of one series per device: the named metric, or the first that has numbers. */
export async function findCurves(
  reader: Reader,
  table: RollupTable,
  deviceIds: readonly string[],
  metric: string | undefined,
  { fromMicros, toMicros }: TimeRange,
  stepSeconds: number,
): Promise<CurveRow[]> {
  const { rows } = await sql<CurveRow>`
    with chosen as (
      select distinct on (device_id) id, device_id, metric, unit from series
      where device_id = any(${deviceIds}::uuid[]) and value_type <> 'string'
        ${metric === undefined ? sql`` : sql`and metric = ${metric}`}
      order by device_id, value_type desc, metric
    )
    select c.id as "seriesId", c.device_id as "deviceId", c.metric, c.unit, step, average
    from chosen c cross join lateral (
      select floor(date_part('epoch', r.bucket - ${timestampParameter(fromMicros)}::timestamptz) / ${stepSeconds}) as step,
        sum(r.sum) / sum(r.count) as average
      from ${sql.table(table)} r
      where r.series_id = c.id and r.bucket >= ${timestampParameter(fromMicros)}::timestamptz
        and r.bucket < ${timestampParameter(toMicros)}::timestamptz
      group by 1
    ) steps order by c.device_id, step`.execute(reader.db);
  return rows;
}

export interface Spacing {
  readonly medianSeconds: number | null;
  readonly gaps: readonly TimeRange[];
}

/** The median distance between points, and the longest distances above twice the expected one (the median unless given). */
export async function findSpacing(
  reader: Reader,
  seriesId: number,
  { fromMicros, toMicros }: TimeRange,
  expectedSeconds: number | undefined,
  limit: number,
): Promise<Spacing> {
  const { rows } = await sql<{ median: number | null; start: number | null; end: number | null }>`
    with distances as materialized (
      select ts, lag(ts) over (order by ts) as before,
        date_part('epoch', ts - lag(ts) over (order by ts)) as seconds
      from points
      where series_id = ${seriesId} and ts >= ${timestampParameter(fromMicros)}::timestamptz
        and ts < ${timestampParameter(toMicros)}::timestamptz
    ), expected as (
      select percentile_disc(0.5) within group (order by seconds) as median from distances
    )
    select e.median, date_part('epoch', g.before) as start, date_part('epoch', g.ts) as end
    from expected e left join lateral (
      select d.before, d.ts from distances d
      where d.seconds > 2 * coalesce(${expectedSeconds ?? null}::double precision, e.median)
      order by d.seconds desc limit ${limit}
    ) g on true`.execute(reader.db);
  return {
    medianSeconds: rows[0]?.median ?? null,
    gaps: rows.flatMap(({ start, end }) =>
      start === null || end === null ? [] : [{ fromMicros: microsOf(start), toMicros: microsOf(end) }],
    ),
  };
}

export interface Extent {
  readonly firstMicros: number;
  readonly lastMicros: number;
}

/** The first and the last point of a range, each found from its end. */
export async function findExtent(
  reader: Reader,
  seriesId: number,
  { fromMicros, toMicros }: TimeRange,
): Promise<Extent | undefined> {
  const inRange = sql`series_id = ${seriesId} and ts >= ${timestampParameter(fromMicros)}::timestamptz
    and ts < ${timestampParameter(toMicros)}::timestamptz`;
  const { rows } = await sql<{ first: number | null; last: number | null }>`
    select (select date_part('epoch', ts) from points where ${inRange} order by ts limit 1) as first,
      (select date_part('epoch', ts) from points where ${inRange} order by ts desc limit 1) as last`.execute(reader.db);
  const { first, last } = rows[0] ?? { first: null, last: null };
  return first === null || last === null ? undefined : { firstMicros: microsOf(first), lastMicros: microsOf(last) };
}

export async function countPoints(
  reader: Reader,
  seriesId: number,
  { fromMicros, toMicros }: TimeRange,
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from points where series_id = ${seriesId}
      and ts >= ${timestampParameter(fromMicros)}::timestamptz
      and ts < ${timestampParameter(toMicros)}::timestamptz`.execute(reader.db);
  return rows[0]?.count ?? 0;
}

/** Exact: a double holds microseconds of this century with a digit to spare. */
const microsOf = (seconds: number) => Math.round(seconds * 1_000_000);

function storedValue(type: SeriesKey['valueType'], num: number | null, txt: string | null): Value {
  if (type === 'string') return txt ?? '';
  return type === 'boolean' ? num === 1 : (num ?? 0);
}
