import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';
import { isBehind, keyColumns, keyValues, rowOf } from './resealing.repository.ts';
import type { SealedColumn } from './sealed-columns.ts';

/** A column of which values may stand in clear. */
export type ClearColumn = SealedColumn & { readonly clear: string };

export interface ClearRow {
  key: string;
  beside: string | null;
  organisation: number | null;
  indexedWith: string | null;
  subject: string | null;
  text: string;
}

export async function countClear(reader: Reader, { table, clear }: ClearColumn): Promise<number> {
  const { rows } = await sql<{ values: number }>`
    select count(*)::int as values from ${sql.table(table)} where ${sql.ref(clear)} is not null`.execute(reader.db);
  return rows[0]?.values ?? 0;
}

/** In the order of their keys behind `after`. */
export async function listClear(
  reader: Reader,
  column: ClearColumn,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<ClearRow[]> {
  const { rows } = await sql<ClearRow>`
    select ${rowOf(column)}, ${sql.ref(column.clear)} as text from ${sql.table(column.table)}
    where ${sql.ref(column.clear)} is not null and ${isBehind(column, after)} order by ${keyColumns(column)} limit ${limit}`.execute(
    reader.db,
  );
  return rows;
}

/** Puts the sealed value in the place of the clear one, if that still is what was read. One statement: there is never both, and never neither. */
export async function sealClear(
  tx: WriteTx,
  column: ClearColumn,
  value: { readonly key: string; readonly text: string; readonly sealed: Buffer; readonly index: Buffer | undefined },
): Promise<void> {
  const { table, clear, index } = column;
  const found = index === undefined ? sql`` : sql`, ${sql.ref(index.column)} = ${value.index}`;
  await sql`update ${sql.table(table)} set ${sql.ref(column.column)} = ${value.sealed} ${found}, ${sql.ref(clear)} = null
    where (${keyColumns(column)}) = (${keyValues(column, value.key)}) and ${sql.ref(clear)} = ${value.text}`.execute(
    tx.db,
  );
}
