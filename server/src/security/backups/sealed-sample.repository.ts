import { type RawBuilder, sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';
import type { Place } from '../crypto/sealed-value.ts';
import { rowOf } from '../keys/resealing.repository.ts';
import { placeOf, type SealedColumn, subjectOf } from '../keys/sealed-columns.ts';

export interface SealedRow {
  readonly place: Place;
  readonly subject: string | undefined;
  readonly value: Buffer;
}

/** Some sealed values of a column, with the place each was sealed for. */
export async function sampleSealed(reader: Reader, column: SealedColumn, most: number): Promise<SealedRow[]> {
  return sealedWhere(reader, column, sql`true order by random() limit ${most}`);
}

/** Everything of a column that was sealed for these subjects. */
export const sealedForSubjects = (
  reader: Reader,
  column: SealedColumn,
  subjects: readonly string[],
): Promise<SealedRow[]> => sealedWhere(reader, column, sql`${sql.ref(column.key)} = any(${[...subjects]}::uuid[])`);

async function sealedWhere(reader: Reader, column: SealedColumn, which: RawBuilder<unknown>): Promise<SealedRow[]> {
  const value = sql.ref(column.column);
  const found = await sql<{ key: string; beside: string | null; organisation: number | null; value: Buffer }>`
    select ${rowOf(column)}, ${value} as value
    from ${sql.table(column.table)} where ${value} is not null and ${which}`.execute(reader.db);
  return found.rows.map((row) => ({ place: placeOf(column, row), subject: subjectOf(column, row), value: row.value }));
}
