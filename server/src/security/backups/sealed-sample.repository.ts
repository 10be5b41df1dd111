import { sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';
import type { Place } from '../crypto/sealed-value.ts';
import { rowOf } from '../keys/resealing.repository.ts';
import { placeOf, type SealedColumn, subjectOf } from '../keys/sealed-columns.ts';

/** Some sealed values of a column, with the place each was sealed for. */
export async function sampleSealed(
  reader: Reader,
  column: SealedColumn,
  most: number,
): Promise<{ place: Place; subject: string | undefined; value: Buffer }[]> {
  const value = sql.ref(column.column);
  const found = await sql<{ key: string; beside: string | null; organisation: number | null; value: Buffer }>`
    select ${rowOf(column)}, ${value} as value
    from ${sql.table(column.table)} where ${value} is not null order by random() limit ${most}`.execute(reader.db);
  return found.rows.map((row) => ({ place: placeOf(column, row), subject: subjectOf(column, row), value: row.value }));
}
