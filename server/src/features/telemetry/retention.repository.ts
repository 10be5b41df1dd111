import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { RollupTable } from './rollup.repository.ts';
import { dayText, timestampParameter } from './timestamp.ts';

export interface OrganisationRetention {
  readonly organisationId: number;
  readonly retentionDays: number;
}

export async function findRetentions(reader: Reader): Promise<OrganisationRetention[]> {
  const { rows } = await sql<OrganisationRetention>`
    select id as "organisationId", retention_days as "retentionDays" from organisations order by id`.execute(reader.db);
  return rows;
}

/** The oldest day that still has a partition of points; undefined: none has. */
export async function oldestPointsDay(reader: Reader): Promise<string | undefined> {
  const { rows } = await sql<{ day: string | null }>`
    select min(substr(c.relname, 8)) as day from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'points'::regclass and c.relname ~ '^points_[0-9]{8}$'`.execute(reader.db);
  return rows[0]?.day ?? undefined;
}

/** Whole days nobody keeps any longer go as tables, which costs nothing. */
export async function dropPointsBefore(tx: WriteTx, day: number): Promise<number> {
  const { rows } = await sql<{ dropped: number }>`
    select drop_points_before(${dayText(day)}::date) as dropped`.execute(tx.db);
  return rows[0]?.dropped ?? 0;
}

export interface Slice {
  readonly fromMicros: number;
  readonly toMicros: number;
}

/** One organisation's points of a stretch of time that others still keep. */
export async function deletePoints(tx: WriteTx, organisationId: number, slice: Slice): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from points where organisation_id = ${organisationId}
      and ts >= ${timestampParameter(slice.fromMicros)}::timestamptz
      and ts < ${timestampParameter(slice.toMicros)}::timestamptz`.execute(tx.db);
  return Number(numAffectedRows ?? 0);
}

export async function deleteRollupsBefore(
  tx: WriteTx,
  table: RollupTable,
  organisationId: number,
  beforeMicros: number,
  limit: number,
): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from ${sql.table(table)} where ctid = any(array(
      select ctid from ${sql.table(table)}
      where organisation_id = ${organisationId} and bucket < ${timestampParameter(beforeMicros)}::timestamptz
      limit ${limit}
    ))`.execute(tx.db);
  return Number(numAffectedRows ?? 0);
}

export async function deletePointIdsBefore(tx: WriteTx, beforeMicros: number, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from point_ids where ctid = any(array(
      select ctid from point_ids where created_at < ${timestampParameter(beforeMicros)}::timestamptz limit ${limit}
    ))`.execute(tx.db);
  return Number(numAffectedRows ?? 0);
}

/** Series of deleted devices, once every server has forgotten them and what was on its way has arrived. */
export async function findPurges(reader: Reader, minutes: number, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select series_id as id from series_purges
    where requested_at < now() - make_interval(mins => ${minutes}) order by requested_at limit ${limit}`.execute(
    reader.db,
  );
  return rows.map(({ id }) => id);
}

export async function purgeSeries(tx: WriteTx, seriesIds: readonly number[]): Promise<number> {
  const points = await sql`delete from points where series_id = any(${seriesIds}::integer[])`.execute(tx.db);
  await sql`delete from rollups_1m where series_id = any(${seriesIds}::integer[])`.execute(tx.db);
  await sql`delete from rollups_1h where series_id = any(${seriesIds}::integer[])`.execute(tx.db);
  await sql`delete from series_purges where series_id = any(${seriesIds}::integer[])`.execute(tx.db);
  return Number(points.numAffectedRows ?? 0);
}
