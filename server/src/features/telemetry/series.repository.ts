import { sql } from 'kysely';
import type { Reader, UnauditedTx } from '../../security/audit/tokens.ts';
import type { SeriesKey } from './committed.ts';

export interface DeviceRow {
  readonly deviceId: string;
  readonly organisationId: number;
  readonly retentionDays: number;
}

export interface WantedSeries {
  readonly deviceId: string;
  readonly metric: string;
  readonly valueType: SeriesKey['valueType'];
  readonly unit: string | null;
}

/** A pool of names per device that no real device comes near; it stops one that puts a changing number into the name. */
export const MAX_SERIES_PER_DEVICE = 500;

export async function findDevices(reader: Reader, deviceIds: readonly string[]): Promise<DeviceRow[]> {
  const { rows } = await sql<DeviceRow>`
    select d.id as "deviceId", d.organisation_id as "organisationId", o.retention_days as "retentionDays"
    from devices d join organisations o on o.id = d.organisation_id
    where d.id = any(${deviceIds}::uuid[])`.execute(reader.db);
  return rows;
}

export async function findSeriesOfDevices(reader: Reader, deviceIds: readonly string[]): Promise<SeriesKey[]> {
  const { rows } = await sql<SeriesKey>`
    select id, organisation_id as "organisationId", device_id as "deviceId", metric, value_type as "valueType", unit, health
    from series where device_id = any(${deviceIds}::uuid[])`.execute(reader.db);
  return rows;
}

export async function findSeriesByIds(reader: Reader, ids: readonly number[]): Promise<SeriesKey[]> {
  const { rows } = await sql<SeriesKey>`
    select id, organisation_id as "organisationId", device_id as "deviceId", metric, value_type as "valueType", unit, health
    from series where id = any(${ids}::integer[])`.execute(reader.db);
  return rows;
}

/** Makes the series that do not exist yet, of devices that do, as far as each device may have more. */
export async function insertSeries(tx: UnauditedTx, wanted: readonly WantedSeries[]): Promise<void> {
  const deviceIds = [...new Set(wanted.map(({ deviceId }) => deviceId))];
  // One at a time for a device, so that two servers cannot both see room for the last one.
  await sql`select 1 from devices where id = any(${deviceIds}::uuid[]) order by id for no key update`.execute(tx.db);
  await sql`
    insert into series (organisation_id, device_id, metric, value_type, unit, health)
    select organisation_id, device_id, metric, value_type, unit, health
    from (
      select d.organisation_id, w.device_id, w.metric, w.value_type, w.unit, d.health,
        row_number() over (partition by w.device_id order by w.metric) as place,
        (select count(*) from series s where s.device_id = w.device_id) as existing
      from unnest(
        ${wanted.map(({ deviceId }) => deviceId)}::uuid[],
        ${wanted.map(({ metric }) => metric)}::text[],
        ${wanted.map(({ valueType }) => valueType)}::text[],
        ${wanted.map(({ unit }) => unit)}::text[]
      ) as w (device_id, metric, value_type, unit)
      join devices d on d.id = w.device_id
      where not exists (select 1 from series s where s.device_id = w.device_id and s.metric = w.metric)
    ) as new_series
    where place + existing <= ${MAX_SERIES_PER_DEVICE}
    order by device_id, metric
    on conflict (device_id, metric) do nothing`.execute(tx.db);
}

/** A unit that comes later fills the gap; one that is there stays. */
export async function fillUnits(tx: UnauditedTx, ids: readonly number[], units: readonly string[]): Promise<void> {
  await sql`
    update series s set unit = w.unit
    from unnest(${ids}::integer[], ${units}::text[]) as w (id, unit)
    where s.id = w.id and s.unit is null`.execute(tx.db);
}

export interface PointId {
  readonly deviceId: string;
  readonly pointId: string;
  readonly atMicros: number;
}

/** Remembers the times given to new point ids and returns, in the same order, the time each id has. */
export async function claimPointIds(
  tx: UnauditedTx,
  organisationId: number,
  points: readonly PointId[],
): Promise<number[]> {
  const columns = sql`unnest(
    ${points.map(({ deviceId }) => deviceId)}::uuid[], ${points.map(({ pointId }) => pointId)}::text[])`;
  await sql`
    insert into point_ids (device_id, point_id, organisation_id, ts)
    select w.device_id, w.point_id, ${organisationId}, to_timestamp(w.micros / 1000000.0::numeric)
    from unnest(
      ${points.map(({ deviceId }) => deviceId)}::uuid[],
      ${points.map(({ pointId }) => pointId)}::text[],
      ${points.map(({ atMicros }) => atMicros)}::bigint[]
    ) with ordinality as w (device_id, point_id, micros, place)
    order by w.device_id, w.point_id, place
    on conflict do nothing`.execute(tx.db);
  const { rows } = await sql<{ seconds: number | null }>`
    select date_part('epoch', i.ts) as seconds
    from ${columns} with ordinality as w (device_id, point_id, place)
    left join point_ids i on i.device_id = w.device_id and i.point_id = w.point_id
    order by place`.execute(tx.db);
  return rows.map(({ seconds }) => (seconds === null ? Number.NaN : Math.round(seconds * 1_000_000)));
}
