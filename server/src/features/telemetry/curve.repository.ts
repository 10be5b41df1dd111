import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';
import type { RollupTable } from './rollup.repository.ts';
import type { TimeRange } from './telemetry.repository.ts';
import { timestampParameter } from './timestamp.ts';

export interface CurveSeries {
  readonly id: number;
  readonly organisationId: number;
  readonly deviceId: string;
  readonly metric: string;
  readonly unit: string | null;
  readonly health: boolean;
}

/** One series per device: the named metric, or the first that has numbers. */
export async function findCurveSeries(
  reader: Reader,
  deviceIds: readonly string[],
  metric: string | undefined,
  withHealth: boolean,
): Promise<CurveSeries[]> {
  const { rows } = await sql<CurveSeries>`
    select distinct on (device_id) id, organisation_id as "organisationId", device_id as "deviceId", metric, unit, health
    from series
    where device_id = any(${deviceIds}::uuid[]) and value_type <> 'string'
      ${metric === undefined ? sql`` : sql`and metric = ${metric}`} and (not health or ${withHealth})
    order by device_id, value_type desc, metric`.execute(reader.db);
  return rows;
}

export interface CurveStep {
  readonly seriesId: number;
  readonly step: number;
  readonly average: number;
}

/** Averages of each step, computed where the rollups are; of class health there is nothing to compute with. */
export async function findCurves(
  reader: Reader,
  table: RollupTable,
  seriesIds: readonly number[],
  { fromMicros, toMicros }: TimeRange,
  stepSeconds: number,
): Promise<CurveStep[]> {
  if (seriesIds.length === 0) return [];
  const { rows } = await sql<CurveStep>`
    select c.id as "seriesId", step, average
    from unnest(${seriesIds}::integer[]) as c (id) cross join lateral (
      select floor(date_part('epoch', r.bucket - ${timestampParameter(fromMicros)}::timestamptz) / ${stepSeconds}) as step,
        sum(r.sum) / sum(r.count) as average
      from ${sql.table(table)} r
      where r.series_id = c.id and r.bucket >= ${timestampParameter(fromMicros)}::timestamptz
        and r.bucket < ${timestampParameter(toMicros)}::timestamptz
      group by 1
    ) steps`.execute(reader.db);
  return rows;
}
