import { sql } from 'kysely';
import type { Reader, UnauditedTx } from '../../security/audit/tokens.ts';
import type { LatestState, RollupKey, RollupRow } from './rollup.ts';
import { timestampParameter } from './timestamp.ts';

export type RollupTable = 'rollups_1m' | 'rollups_1h';

export async function findRollups(
  reader: Reader,
  table: RollupTable,
  keys: readonly RollupKey[],
): Promise<RollupRow[]> {
  if (keys.length === 0) return [];
  const { rows } = await sql<Omit<RollupRow, 'startMicros'> & { seconds: number }>`
    select r.series_id as "seriesId", date_part('epoch', r.bucket) as seconds, r.count, r.sum, r.min, r.max, r.sketch,
      r.sealed, r.subject_id as subject
    from unnest(${keys.map(({ seriesId }) => seriesId)}::integer[],
      ${keys.map(({ startMicros }) => timestampParameter(startMicros))}::timestamptz[]) as w (series_id, bucket)
    join ${sql.table(table)} r on r.series_id = w.series_id and r.bucket = w.bucket`.execute(reader.db);
  return rows.map(({ seconds, ...row }) => ({ ...row, startMicros: Math.round(seconds * 1_000_000) }));
}

/** What a series has in sum replaces what was there: only the holder of the consumer's turn writes. Deleted series are left out. */
export async function storeRollups(tx: UnauditedTx, table: RollupTable, rows: readonly RollupRow[]): Promise<void> {
  if (rows.length === 0) return;
  // The sketches, or what is sealed with them, travel as one value cut apart there: an array of bytea would be written out in hexadecimal.
  let end = 0;
  const parts = rows.map(({ sketch, sealed }) => sealed ?? sketch);
  const ends = parts.map(({ length }) => {
    end += length;
    return end;
  });
  await sql`
    insert into ${sql.table(table)} (series_id, organisation_id, bucket, count, sum, min, max, sketch, sealed, subject_id)
    select s.id, s.organisation_id, w.bucket, w.count, w.sum, w.min, w.max,
      case when w.is_sealed then ''::bytea else part.bytes end, case when w.is_sealed then part.bytes end, w.subject
    from unnest(
      ${rows.map(({ seriesId }) => seriesId)}::integer[],
      ${rows.map(({ startMicros }) => timestampParameter(startMicros))}::timestamptz[],
      ${rows.map(({ count }) => count)}::bigint[],
      ${rows.map(({ sum }) => sum)}::double precision[],
      ${rows.map(({ min }) => min)}::double precision[],
      ${rows.map(({ max }) => max)}::double precision[],
      ${ends}::integer[],
      ${parts.map(({ length }) => length)}::integer[],
      ${rows.map(({ sealed }) => sealed !== null)}::boolean[],
      ${rows.map(({ subject }) => subject)}::uuid[]
    ) as w (series_id, bucket, count, sum, min, max, part_end, part_length, is_sealed, subject)
    join series s on s.id = w.series_id
    cross join lateral (
      select substring(${Buffer.concat(parts)}::bytea from w.part_end - w.part_length + 1 for w.part_length) as bytes
    ) part
    on conflict (series_id, bucket) do update
      set count = excluded.count, sum = excluded.sum, min = excluded.min, max = excluded.max, sketch = excluded.sketch,
        sealed = excluded.sealed, subject_id = excluded.subject_id
  `.execute(tx.db);
}

export async function findLatest(reader: Reader, seriesIds: readonly number[]): Promise<LatestState[]> {
  if (seriesIds.length === 0) return [];
  const { rows } = await sql<{ seriesId: number; first: number; at: number; num: number | null; txt: string | null }>`
    select series_id as "seriesId", date_part('epoch', first_ts) as first, date_part('epoch', ts) as at, num, txt
    from series_latest where series_id = any(${seriesIds}::integer[])`.execute(reader.db);
  return rows.map(({ seriesId, first, at, num, txt }) => ({
    seriesId,
    firstMicros: Math.round(first * 1_000_000),
    atMicros: Math.round(at * 1_000_000),
    num,
    txt,
  }));
}

export async function storeLatest(tx: UnauditedTx, rows: readonly LatestState[]): Promise<void> {
  if (rows.length === 0) return;
  await sql`
    insert into series_latest (series_id, organisation_id, first_ts, ts, num, txt)
    select s.id, s.organisation_id, w.first_ts, w.ts, w.num, w.txt
    from unnest(
      ${rows.map(({ seriesId }) => seriesId)}::integer[],
      ${rows.map(({ firstMicros }) => timestampParameter(firstMicros))}::timestamptz[],
      ${rows.map(({ atMicros }) => timestampParameter(atMicros))}::timestamptz[],
      ${rows.map(({ num }) => num)}::double precision[],
      ${rows.map(({ txt }) => txt)}::text[]
    ) as w (series_id, first_ts, ts, num, txt)
    join series s on s.id = w.series_id
    on conflict (series_id) do update
      set first_ts = excluded.first_ts, ts = excluded.ts, num = excluded.num, txt = excluded.txt`.execute(tx.db);
}
