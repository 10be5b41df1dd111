import { type RawBuilder, sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';
import type { Place } from '../crypto/sealed-value.ts';
import { isBehind, keyColumns, rowOf } from '../keys/resealing.repository.ts';
import { placeOf, type SealedColumn } from '../keys/sealed-columns.ts';

export interface SealedRow {
  readonly place: Place;
  readonly subject: string | undefined;
  readonly value: Buffer;
}

/** Up to here all rows are looked through, so that each has the same chance. */
const FEW_ROWS = 20_000;
/** Of a larger table: from so many rows of it, and of how many these are chosen. */
const STARTS = 5;
const CHOSEN_OF = 2_000;

/**
 * Some sealed values of a column, with the place each was sealed for. A large table is not read for it, which would take longer than a statement may: a
 * few rows are chosen from some of its blocks, and behind each the next that are sealed are taken, by the order of the key.
 */
export async function sampleSealed(reader: Reader, column: SealedColumn, most: number): Promise<SealedRow[]> {
  const rows = await estimateRows(reader, column);
  if (rows <= FEW_ROWS) return sealedWhere(reader, column, sql`true order by random() limit ${most}`);
  const found = new Map<string, SealedRow>();
  // Behind the last row there is none: whatever is missing then is taken from the beginning.
  for (const start of [...(await chooseKeys(reader, column, (100 * CHOSEN_OF) / rows)), undefined]) {
    const next = start === undefined ? most - found.size : Math.ceil(most / STARTS);
    const which = sql`${isBehind(column, start)} order by ${keyColumns(column)} limit ${next}`;
    for (const row of await sealedWhere(reader, column, which)) found.set(row.place.row, row);
  }
  return [...found.values()].slice(0, most);
}

/** As PostgreSQL keeps them for its plans, those of partitions added up; a table it has not looked at yet is small, or new. */
async function estimateRows(reader: Reader, { table }: SealedColumn): Promise<number> {
  const found = await sql<{ rows: number }>`
    select coalesce(sum(greatest(reltuples, 0)), 0)::float8 as rows from pg_class
    where relkind = 'r' and (oid = ${table}::regclass or oid in (select inhrelid from pg_inherits where inhparent = ${table}::regclass))`.execute(
    reader.db,
  );
  return found.rows[0]?.rows ?? 0;
}

async function chooseKeys(reader: Reader, column: SealedColumn, percent: number): Promise<string[]> {
  const found = await sql<{ key: string }>`
    select key from (select ${rowOf(column)} from ${sql.table(column.table)} tablesample system (${Math.min(percent, 100)})) chosen
    order by random() limit ${STARTS}`.execute(reader.db);
  return found.rows.map(({ key }) => key);
}

/** Everything of a column that was sealed for these subjects. */
export const sealedForSubjects = (
  reader: Reader,
  column: SealedColumn,
  subjects: readonly string[],
): Promise<SealedRow[]> =>
  sealedWhere(reader, column, sql`${sql.ref(column.subjectColumn ?? column.key)} = any(${[...subjects]}::uuid[])`);

async function sealedWhere(reader: Reader, column: SealedColumn, which: RawBuilder<unknown>): Promise<SealedRow[]> {
  const value = sql.ref(column.column);
  const found = await sql<{
    key: string;
    beside: string | null;
    organisation: number | null;
    subject: string | null;
    value: Buffer;
  }>`
    select ${rowOf(column)}, ${value} as value
    from ${sql.table(column.table)} where ${value} is not null and ${which}`.execute(reader.db);
  return found.rows.map((row) => ({
    place: placeOf(column, row),
    subject: row.subject ?? undefined,
    value: row.value,
  }));
}
