import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Sealed } from '../../security/keys/person-values.ts';
import type { SeriesKey } from './committed.ts';
import type { MeasuredSpan } from './measured-persons.ts';
import type { RollupTable } from './rollup.repository.ts';
import type { RollupRow } from './rollup.ts';
import { microsOf, type TimeRange } from './telemetry.repository.ts';
import { DAY_MICROS, timestampParameter } from './timestamp.ts';

/** A time of a device that is somebody's now, or no longer. */
export interface MeasuredChange extends MeasuredSpan {
  readonly id: string;
  readonly organisationId: number;
  readonly deviceId: string;
  readonly isErased: boolean;
  /** As the database has it. */
  readonly changedAt: string;
}

/** No point is later; times are exact numbers until 2255. */
const LAST_MICROS = Date.UTC(2200, 0, 1) * 1000;

/** Those that every server has heard of, oldest first, after the one with that id. */
export async function findMeasuredChanges(
  reader: Reader,
  settledSeconds: number,
  afterId: string,
  limit: number,
): Promise<MeasuredChange[]> {
  const { rows } = await sql<
    Pick<MeasuredChange, 'id' | 'organisationId' | 'deviceId' | 'subject' | 'isErased' | 'changedAt'> & {
      begin: number;
      end: number | null;
    }
  >`select c.id::text, c.organisation_id as "organisationId", c.device_id as "deviceId", c.subject_id as subject,
      date_part('epoch', lower(c.during)) as begin, date_part('epoch', upper(c.during)) as end,
      c.erased as "isErased", c.changed_at::text as "changedAt"
    from measured_changes c
    where c.id > ${afterId}::bigint and c.changed_at <= now() - make_interval(secs => ${settledSeconds}) order by c.id limit ${limit}`.execute(
    reader.db,
  );
  return rows.map(({ begin, end, ...row }) => ({
    ...row,
    fromMicros: microsOf(begin),
    toMicros: end === null ? LAST_MICROS : microsOf(end),
  }));
}

/** Not where something was owed again meanwhile. */
export async function endMeasuredChange(tx: WriteTx, { id, changedAt }: MeasuredChange): Promise<void> {
  await sql`delete from measured_changes where id = ${id}::bigint and changed_at = ${changedAt}::timestamptz`.execute(
    tx.db,
  );
}

export type ChangedSeries = Pick<SeriesKey, 'id' | 'organisationId' | 'valueType'>;

export async function findHealthSeries(reader: Reader, deviceId: string): Promise<ChangedSeries[]> {
  const { rows } = await sql<ChangedSeries>`
    select id, organisation_id as "organisationId", value_type as "valueType" from series
    where device_id = ${deviceId} and health order by id`.execute(reader.db);
  return rows;
}

const within = ({ fromMicros, toMicros }: TimeRange, column: 'ts' | 'bucket') =>
  sql`${sql.ref(column)} >= ${timestampParameter(fromMicros)}::timestamptz and ${sql.ref(column)} < ${timestampParameter(toMicros)}::timestamptz`;

/** The days in which the series has points, as their first microsecond: no chunk reaches over midnight. */
export async function findDays(reader: Reader, seriesId: number, range: TimeRange): Promise<number[]> {
  const days: number[] = [];
  for (let { fromMicros } = range; ; ) {
    const { rows } = await sql<{ seconds: number }>`
      select date_part('epoch', ts) as seconds from points
      where series_id = ${seriesId} and ${within({ ...range, fromMicros }, 'ts')} order by ts limit 1`.execute(
      reader.db,
    );
    const [next] = rows;
    if (next === undefined) return days;
    const day = microsOf(next.seconds) - (microsOf(next.seconds) % DAY_MICROS);
    days.push(day);
    fromMicros = day + DAY_MICROS;
  }
}

/** A point and where its value lies; null: beside it, since the series was marked a moment ago. */
export interface PlacedPoint {
  readonly atMicros: number;
  readonly chunkMicros: number | null;
}

export async function findPlacedPoints(reader: Reader, seriesId: number, range: TimeRange): Promise<PlacedPoint[]> {
  const { rows } = await sql<{ seconds: number; chunk: number | null }>`
    select date_part('epoch', ts) as seconds, date_part('epoch', chunk) as chunk from points
    where series_id = ${seriesId} and ${within(range, 'ts')} order by ts`.execute(reader.db);
  return rows.map(({ seconds, chunk }) => ({
    atMicros: microsOf(seconds),
    chunkMicros: chunk === null ? null : microsOf(chunk),
  }));
}

const pointsAt = (seriesId: number, times: readonly number[], chunkMicros: number | null) => sql`
  series_id = ${seriesId} and ts = any(${times.map(timestampParameter)}::timestamptz[])
  and ts between ${timestampParameter(times[0] ?? 0)}::timestamptz and ${timestampParameter(times.at(-1) ?? 0)}::timestamptz
  and chunk is not distinct from ${chunkMicros === null ? null : timestampParameter(chunkMicros)}::timestamptz`;

/** Points of one chunk, all of which must still lie in it: false where somebody removed one or sealed it again meanwhile. */
export async function lockPoints(
  tx: WriteTx,
  seriesId: number,
  times: readonly number[],
  chunkMicros: number | null,
): Promise<boolean> {
  const { rows } = await sql`
    select from points where ${pointsAt(seriesId, times, chunkMicros)} order by ts for update`.execute(tx.db);
  return rows.length === times.length;
}

/** In order of time, as is `times` in all of these. */
export async function removePoints(
  tx: WriteTx,
  seriesId: number,
  times: readonly number[],
  chunkMicros: number | null,
): Promise<void> {
  await sql`delete from points where ${pointsAt(seriesId, times, chunkMicros)}`.execute(tx.db);
}

export async function placePoints(
  tx: WriteTx,
  seriesId: number,
  times: readonly number[],
  beforeMicros: number,
  chunk: Sealed & { readonly chunkMicros: number },
): Promise<void> {
  const at = timestampParameter(chunk.chunkMicros);
  await sql`
    update points set chunk = ${at}::timestamptz,
      sealed = case when ts = ${at}::timestamptz then ${chunk.sealed}::bytea end,
      subject_id = case when ts = ${at}::timestamptz then ${chunk.subject}::uuid end
    where ${pointsAt(seriesId, times, beforeMicros)}`.execute(tx.db);
}

export async function findRollupsWithin(
  reader: Reader,
  table: RollupTable,
  seriesId: number,
  range: TimeRange,
  limit: number,
): Promise<RollupRow[]> {
  const { rows } = await sql<Omit<RollupRow, 'startMicros'> & { seconds: number }>`
    select series_id as "seriesId", date_part('epoch', bucket) as seconds, count, sum, min, max, sketch, sealed,
      subject_id as subject
    from ${sql.table(table)}
    where series_id = ${seriesId} and ${within(range, 'bucket')} order by bucket limit ${limit}`.execute(reader.db);
  return rows.map(({ seconds, ...row }) => ({ ...row, startMicros: microsOf(seconds) }));
}

const rollupAt = (table: RollupTable, { seriesId, startMicros, sealed }: RollupRow) => sql`
  ${sql.table(table)}.series_id = ${seriesId} and ${sql.table(table)}.bucket = ${timestampParameter(startMicros)}::timestamptz
  and ${sql.table(table)}.sealed is not distinct from ${sealed}::bytea`;

/** Only what still is as it was read: false where it is not. */
export async function resealRollup(tx: WriteTx, table: RollupTable, row: RollupRow, anew: Sealed): Promise<boolean> {
  const { numAffectedRows } =
    await sql`update ${sql.table(table)} set sealed = ${anew.sealed}, subject_id = ${anew.subject}::uuid
    where ${rollupAt(table, row)}`.execute(tx.db);
  return numAffectedRows === 1n;
}

export async function removeRollup(tx: WriteTx, table: RollupTable, row: RollupRow): Promise<boolean> {
  const { numAffectedRows } = await sql`delete from ${sql.table(table)} where ${rollupAt(table, row)}`.execute(tx.db);
  return numAffectedRows === 1n;
}
