import type { Value } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { SeriesKey } from './committed.ts';
import type { HealthRow } from './health-values.ts';
import type { RollupTable } from './rollup.repository.ts';
import type { RollupRow } from './rollup.ts';
import { microsOf, storedValue } from './telemetry.repository.ts';
import { timestampParameter } from './timestamp.ts';

export interface ChunkRow {
  readonly seriesId: number;
  readonly chunkMicros: number;
  readonly sealed: Buffer;
  /** Whose key it is sealed with; null: the organisation's. */
  readonly subject: string | null;
}

const CHUNKS_AT_ONCE = 5000;

/** The sealed values that rows name; each chunk lies on the row of its newest point. */
export async function findChunks(
  reader: Reader,
  wanted: readonly Pick<ChunkRow, 'seriesId' | 'chunkMicros'>[],
): Promise<ChunkRow[]> {
  const found: ChunkRow[] = [];
  for (let start = 0; start < wanted.length; start += CHUNKS_AT_ONCE) {
    const slice = wanted.slice(start, start + CHUNKS_AT_ONCE);
    const times = slice.map(({ chunkMicros }) => chunkMicros);
    // The bounds are for the planner: they leave out the partitions of other days.
    const { rows } = await sql<Omit<ChunkRow, 'chunkMicros'> & { seconds: number }>`
      select p.series_id as "seriesId", date_part('epoch', p.ts) as seconds, p.sealed, p.subject_id as subject
      from unnest(${slice.map(({ seriesId }) => seriesId)}::integer[], ${times.map(timestampParameter)}::timestamptz[])
        as w (series_id, ts)
      join points p on p.series_id = w.series_id and p.ts = w.ts
      where p.sealed is not null and p.ts between ${timestampParameter(least(times))}::timestamptz
        and ${timestampParameter(greatest(times))}::timestamptz`.execute(reader.db);
    for (const { seconds, ...row } of rows) found.push({ ...row, chunkMicros: microsOf(seconds) });
  }
  return found;
}

/** In which chunks the values of these points lie. */
export async function findChunkTimes(
  reader: Reader,
  points: readonly Pick<HealthRow, 'seriesId' | 'atMicros'>[],
): Promise<HealthRow[]> {
  const found: HealthRow[] = [];
  for (let start = 0; start < points.length; start += CHUNKS_AT_ONCE) {
    const slice = points.slice(start, start + CHUNKS_AT_ONCE);
    const times = slice.map(({ atMicros }) => atMicros);
    const { rows } = await sql<{ seriesId: number; seconds: number; chunk: number }>`
      select p.series_id as "seriesId", date_part('epoch', p.ts) as seconds, date_part('epoch', p.chunk) as chunk
      from unnest(${slice.map(({ seriesId }) => seriesId)}::integer[], ${times.map(timestampParameter)}::timestamptz[])
        as w (series_id, ts)
      join points p on p.series_id = w.series_id and p.ts = w.ts
      where p.chunk is not null and p.ts between ${timestampParameter(least(times))}::timestamptz
        and ${timestampParameter(greatest(times))}::timestamptz`.execute(reader.db);
    for (const { seriesId, seconds, chunk } of rows)
      found.push({ seriesId, atMicros: microsOf(seconds), chunkMicros: microsOf(chunk) });
  }
  return found;
}

/** Whether there is such a device that the caller sees. */
export async function markDeviceHealth(tx: WriteTx, deviceId: string): Promise<boolean> {
  const { rows } = await sql`update devices set health = true where id = ${deviceId} returning id`.execute(tx.db);
  return rows.length > 0;
}

export async function markSeriesHealth(
  tx: WriteTx,
  deviceId: string,
  metric: string | undefined,
): Promise<{ readonly id: number; readonly wasHealth: boolean }[]> {
  const { rows } = await sql<{ id: number; wasHealth: boolean }>`
    with before as (
      select id, health from series
      where device_id = ${deviceId} ${metric === undefined ? sql`` : sql`and metric = ${metric}`} order by id for update
    )
    update series s set health = true from before b where b.id = s.id returning s.id, b.health as "wasHealth"`.execute(
    tx.db,
  );
  return rows;
}

export async function insertSealings(tx: WriteTx, seriesIds: readonly number[], at: Date): Promise<void> {
  await sql`
    insert into series_sealings (series_id, organisation_id, requested_at)
    select id, organisation_id, ${at} from series where id = any(${seriesIds}::integer[])
    on conflict do nothing`.execute(tx.db);
}

export interface MarkedSeries extends Pick<SeriesKey, 'id' | 'organisationId' | 'deviceId' | 'metric' | 'valueType'> {
  readonly requestedAt: Date;
}

/** Those nobody has gone through yet, and those that were marked so long ago that it can be the last time. */
export async function findSealings(reader: Reader, settled: Date, limit: number): Promise<MarkedSeries[]> {
  const { rows } = await sql<MarkedSeries>`
    select s.id, s.organisation_id as "organisationId", s.device_id as "deviceId", s.metric, s.value_type as "valueType",
      g.requested_at as "requestedAt"
    from series_sealings g join series s on s.id = g.series_id
    where not g.passed or g.requested_at <= ${settled} order by g.requested_at, s.id limit ${limit}`.execute(reader.db);
  return rows;
}

export async function notePassed(tx: WriteTx, seriesId: number): Promise<void> {
  await sql`update series_sealings set passed = true where series_id = ${seriesId}`.execute(tx.db);
}

/** How many points were sealed in all, by every pass. */
export async function countSealedPoints(reader: Reader, seriesId: number): Promise<number> {
  const { rows } = await sql<{ points: number }>`
    select sealed_points as points from series_sealings where series_id = ${seriesId}`.execute(reader.db);
  return rows[0]?.points ?? 0;
}

export async function endSealing(tx: WriteTx, seriesId: number): Promise<void> {
  await sql`delete from series_sealings where series_id = ${seriesId}`.execute(tx.db);
}

export async function forgetLatestValues(tx: WriteTx, seriesId: number): Promise<void> {
  await sql`update series_latest set num = null, txt = null
    where series_id = ${seriesId} and (num is not null or txt is not null)`.execute(tx.db);
}

export interface ClearPoint {
  readonly atMicros: number;
  readonly value: Value;
}

export async function findClearPoints(
  reader: Reader,
  { id, valueType }: Pick<MarkedSeries, 'id' | 'valueType'>,
  afterMicros: number | undefined,
  limit: number,
): Promise<ClearPoint[]> {
  const { rows } = await sql<{ seconds: number; num: number | null; txt: string | null }>`
    select date_part('epoch', ts) as seconds, num, txt from points
    where series_id = ${id} and chunk is null
      ${afterMicros === undefined ? sql`` : sql`and ts > ${timestampParameter(afterMicros)}::timestamptz`}
    order by ts limit ${limit}`.execute(reader.db);
  return rows.map(({ seconds, num, txt }) => ({
    atMicros: microsOf(seconds),
    value: storedValue(valueType, num, txt),
  }));
}

/**
 * A chunk is taken on by all of its rows or by none: somebody else may have sealed some of them meanwhile, or removed them. False: one was not, and
 * what is left of its rows is still in clear.
 */
export async function sealPoints(
  tx: WriteTx,
  seriesId: number,
  chunks: readonly (Omit<ChunkRow, 'seriesId'> & { readonly times: readonly number[] })[],
): Promise<boolean> {
  let sealedPoints = 0;
  let isWhole = true;
  for (const { chunkMicros, sealed, subject, times } of chunks) {
    const rows = sql`series_id = ${seriesId} and ts = any(${times.map(timestampParameter)}::timestamptz[])
      and ts between ${timestampParameter(least(times))}::timestamptz and ${timestampParameter(greatest(times))}::timestamptz
      and chunk is null`;
    const locked = await sql`select 1 from points where ${rows} order by ts for update`.execute(tx.db);
    if (locked.rows.length !== times.length) {
      isWhole = false;
      continue;
    }
    const at = timestampParameter(chunkMicros);
    await sql`
      update points set num = null, txt = null, chunk = ${at}::timestamptz,
        sealed = case when ts = ${at}::timestamptz then ${sealed}::bytea end,
        subject_id = case when ts = ${at}::timestamptz then ${subject}::uuid end
      where ${rows}`.execute(tx.db);
    sealedPoints += times.length;
  }
  await sql`update series_sealings set sealed_points = sealed_points + ${sealedPoints}
    where series_id = ${seriesId}`.execute(tx.db);
  return isWhole;
}

export async function findClearRollups(
  reader: Reader,
  table: RollupTable,
  seriesId: number,
  afterMicros: number | undefined,
  limit: number,
): Promise<RollupRow[]> {
  const { rows } = await sql<Omit<RollupRow, 'startMicros'> & { seconds: number }>`
    select series_id as "seriesId", date_part('epoch', bucket) as seconds, count, sum, min, max, sketch, sealed, subject_id as subject
    from ${sql.table(table)}
    where series_id = ${seriesId} and sealed is null
      ${afterMicros === undefined ? sql`` : sql`and bucket > ${timestampParameter(afterMicros)}::timestamptz`}
    order by bucket limit ${limit}`.execute(reader.db);
  return rows.map(({ seconds, ...row }) => ({ ...row, startMicros: microsOf(seconds) }));
}

/** Only where nothing was added since it was read; what rollups write now is sealed already. False: something was, or it is gone. */
export async function sealRollups(
  tx: WriteTx,
  table: RollupTable,
  seriesId: number,
  rows: readonly Pick<RollupRow, 'startMicros' | 'count' | 'sealed' | 'subject'>[],
): Promise<boolean> {
  let isWhole = true;
  for (const { startMicros, count, sealed, subject } of rows) {
    const changed = await sql`
      update ${sql.table(table)} set sum = 0, min = 0, max = 0, sketch = '', sealed = ${sealed},
        subject_id = ${subject}
      where series_id = ${seriesId} and bucket = ${timestampParameter(startMicros)}::timestamptz
        and sealed is null and count = ${count}`.execute(tx.db);
    if (changed.numAffectedRows !== 1n) isWhole = false;
  }
  return isWhole;
}

const least = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.min(a, b));
const greatest = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.max(a, b));
