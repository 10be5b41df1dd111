import { type RawBuilder, sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';
import type { SealedColumn } from './sealed-columns.ts';

export interface SealedRow {
  key: string;
  beside: string | null;
  organisation: number | null;
  sealed: Buffer;
}

/** Values that do not begin with `header` (version and epoch, 5 bytes), in the order of their keys behind `after`. */
export async function listSealedOtherwise(
  reader: Reader,
  column: SealedColumn,
  { header, after, limit }: { readonly header: Buffer; readonly after: string | undefined; readonly limit: number },
): Promise<SealedRow[]> {
  const { key, keyType, besideKey, owner } = column;
  const rows = await sql<SealedRow>`
    select ${keyType === 'bytea' ? sql`encode(${sql.ref(key)}, 'hex')` : sql`${sql.ref(key)}::text`} as key,
      ${besideKey === undefined ? sql`null` : sql`${sql.ref(besideKey)}::text`} as beside,
      ${owner === 'organisation' ? sql`organisation_id` : sql`null::integer`} as organisation,
      ${sql.ref(column.column)} as sealed
    from ${sql.table(column.table)}
    where substring(${sql.ref(column.column)} from 1 for 5) <> ${header}
      and ${after === undefined ? sql`true` : sql`${sql.ref(key)} > ${keyValue(column, after)}`}
    order by ${sql.ref(key)} limit ${limit}`.execute(reader.db);
  return rows.rows;
}

/** Only if the value still is what was read: a change by somebody else wins. */
export async function replaceSealed(
  tx: WriteTx,
  column: SealedColumn,
  { key, before, after }: { readonly key: string; readonly before: Buffer; readonly after: Buffer },
): Promise<void> {
  await sql`update ${sql.table(column.table)} set ${sql.ref(column.column)} = ${after}
    where ${sql.ref(column.key)} = ${keyValue(column, key)} and ${sql.ref(column.column)} = ${before}`.execute(tx.db);
}

export interface SealedCount {
  version: number;
  epoch: number;
  values: number;
}

export async function countSealed(reader: Reader, { table, column }: SealedColumn): Promise<SealedCount[]> {
  const value = sql.ref(column);
  const counts = await sql<SealedCount>`
    select get_byte(${value}, 0) as version, ('x' || encode(substring(${value} from 2 for 4), 'hex'))::bit(32)::bigint::float8 as epoch,
      count(*)::int as values
    from ${sql.table(table)} where length(${value}) >= 5 group by 1, 2`.execute(reader.db);
  return counts.rows;
}

function keyValue({ keyType }: SealedColumn, key: string): RawBuilder<unknown> {
  if (keyType === 'bytea') return sql`decode(${key}, 'hex')`;
  return keyType === 'uuid' ? sql`${key}::uuid` : sql`${key}::text`;
}
