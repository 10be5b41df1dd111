import type { Value } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';
import type { SeriesKey } from './committed.ts';
import type { HealthRow } from './health-values.ts';
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

export interface HealthPointRow extends HealthRow {
  /** Undefined: it lies in the chunk. What was stored before the series was marked does not, until it has been sealed. */
  readonly value: Value | undefined;
}

export async function findHealthPoints(
  reader: Reader,
  series: Pick<SeriesKey, 'id' | 'valueType'>,
  { fromMicros, toMicros }: TimeRange,
  limit: number,
): Promise<HealthPointRow[]> {
  const { rows } = await sql<PointColumns & { chunk: number | null }>`
    select date_part('epoch', ts) as seconds, num, txt, date_part('epoch', chunk) as chunk from points
    where series_id = ${series.id} and ts >= ${timestampParameter(fromMicros)}::timestamptz
      and ts < ${timestampParameter(toMicros)}::timestamptz
    order by ts limit ${limit}`.execute(reader.db);
  return rows.map(({ seconds, num, txt, chunk }) => ({
    seriesId: series.id,
    atMicros: microsOf(seconds),
    chunkMicros: microsOf(chunk ?? 0),
    value: chunk === null ? storedValue(series.valueType, num, txt) : undefined,
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
      ${withSketch ? sql.ref('sketch') : sql`null::bytea`} as sketch, sealed, subject_id as subject
    from ${sql.table(table)}
    where series_id = ${seriesId} and bucket >= ${timestampParameter(fromMicros)}::timestamptz
      and bucket < ${timestampParameter(toMicros)}::timestamptz
    order by bucket`.execute(reader.db);
  return rows.map(({ seconds, ...row }) => ({ ...row, startMicros: microsOf(seconds) }));
}

export interface LatestRow {
  readonly seriesId: number;
  readonly organisationId: number;
  readonly deviceId: string;
  readonly metric: string;
  readonly unit: string | null;
  readonly valueType: SeriesKey['valueType'];
  readonly atMicros: number;
  /** Undefined: of class health, to be opened where it lies. */
  readonly value: Value | undefined;
  readonly chunkMicros: number;
}

export interface DeviceMetric {
  readonly deviceId: string;
  readonly metric: string;
}

export async function findLatestValues(
  reader: Reader,
  filter: {
    readonly deviceId?: string | undefined;
    readonly metric?: string | undefined;
    readonly withHealth: boolean;
  },
  after: DeviceMetric | undefined,
  limit: number,
): Promise<LatestRow[]> {
  // Of class health the newest value lies among the points, in the clear or in a chunk. It may have gone with its retention.
  const { rows } = await sql<
    Omit<LatestRow, 'atMicros' | 'value' | 'chunkMicros'> & PointColumns & { chunk: number | null }
  >`
    select s.id as "seriesId", s.organisation_id as "organisationId", s.device_id as "deviceId", s.metric, s.unit,
      s.value_type as "valueType", date_part('epoch', l.ts) as seconds,
      coalesce(l.num, p.num) as num, coalesce(l.txt, p.txt) as txt, date_part('epoch', p.chunk) as chunk
    from series s join series_latest l on l.series_id = s.id
      left join lateral (
        select num, txt, chunk from points where s.health and series_id = s.id and ts = l.ts
      ) p on true
    where (not s.health or (${filter.withHealth} and (p.chunk is not null or coalesce(l.num, p.num) is not null
        or coalesce(l.txt, p.txt) is not null))) and s.organisation_id = current_organisation()
      ${filter.deviceId === undefined ? sql`` : sql`and s.device_id = ${filter.deviceId}`}
      ${filter.metric === undefined ? sql`` : sql`and s.metric = ${filter.metric}`}
      ${after === undefined ? sql`` : sql`and (s.device_id, s.metric) > (${after.deviceId}::uuid, ${after.metric})`}
    order by s.device_id, s.metric limit ${limit}`.execute(reader.db);
  return rows.map(({ seconds, num, txt, chunk, ...row }) => ({
    ...row,
    atMicros: microsOf(seconds),
    chunkMicros: microsOf(chunk ?? 0),
    value: chunk === null ? storedValue(row.valueType, num, txt) : undefined,
  }));
}

export interface MetricRow extends DeviceMetric {
  readonly unit: string | null;
  readonly valueType: SeriesKey['valueType'];
  readonly health: boolean;
  /** Points sealed so far of those that were there before; null: none are left. */
  readonly sealedPoints: number | null;
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
      g.sealed_points as "sealedPoints", date_part('epoch', l.first_ts) as first, date_part('epoch', l.ts) as last
    from series s left join series_latest l on l.series_id = s.id left join series_sealings g on g.series_id = s.id
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
export const microsOf = (seconds: number) => Math.round(seconds * 1_000_000);

export function storedValue(type: SeriesKey['valueType'], num: number | null, txt: string | null): Value {
  if (type === 'string') return txt ?? '';
  return type === 'boolean' ? num === 1 : (num ?? 0);
}
