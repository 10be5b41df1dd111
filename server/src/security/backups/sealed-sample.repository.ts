import { sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';
import type { Place } from '../crypto/sealed-value.ts';
import { keyText } from '../keys/resealing.repository.ts';
import { placeOf, type SealedColumn } from '../keys/sealed-columns.ts';

/** Some sealed values of a column, with the place each was sealed for. */
export async function sampleSealed(
  reader: Reader,
  column: SealedColumn,
  most: number,
): Promise<{ place: Place; value: Buffer }[]> {
  const { ref } = sql;
  const key = keyText(column);
  const beside = column.besideKey === undefined ? sql`null::text` : sql`${ref(column.besideKey)}::text`;
  const organisation = column.owner === 'organisation' ? ref('organisation_id') : sql`null::integer`;
  const found = await sql<{ key: string; beside: string | null; organisation: number | null; value: Buffer }>`
    select ${key} as key, ${beside} as beside, ${organisation} as organisation, ${ref(column.column)} as value
    from ${sql.table(column.table)} where ${ref(column.column)} is not null order by random() limit ${most}`.execute(
    reader.db,
  );
  return found.rows.map((row) => ({ place: placeOf(column, row), value: row.value }));
}
