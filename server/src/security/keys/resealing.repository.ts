import { type RawBuilder, sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';
import type { SealedColumn } from './sealed-columns.ts';

export interface SealedRow {
  key: string;
  beside: string | null;
  organisation: number | null;
  /** What it is indexed together with. */
  indexedWith: string | null;
  /** With whose key it is sealed, if not with its organisation's or the instance's. */
  subject: string | null;
  sealed: Buffer;
}

/** Values that do not begin with `header` (version and epoch, 5 bytes), in the order of their keys behind `after`. */
export async function listSealedOtherwise(
  reader: Reader,
  column: SealedColumn,
  { header, after, limit }: { readonly header: Buffer; readonly after: string | undefined; readonly limit: number },
): Promise<SealedRow[]> {
  const rows = await sql<SealedRow>`
    select ${rowOf(column)}, ${sql.ref(column.column)} as sealed
    from ${sql.table(column.table)}
    where ${sql.ref(column.column)} is not null and substring(${sql.ref(column.column)} from 1 for 5) <> ${header}
      and ${isBehind(column, after)}
    order by ${keyColumns(column)} limit ${limit}`.execute(reader.db);
  return rows.rows;
}

/** What tells the place of a row's value, and what its index is of beside it. */
export function rowOf(column: SealedColumn): RawBuilder<unknown> {
  const { besideKey, owner, indexedWith, subjectColumn } = column;
  return sql`${keyText(column)} as key,
    ${besideKey === undefined ? sql`null` : sql`${sql.ref(besideKey)}::text`} as beside,
    ${owner === 'instance' ? sql`null::integer` : sql`organisation_id`} as organisation,
    ${indexedWith === undefined ? sql`null` : sql.ref(indexedWith)} as "indexedWith",
    ${subjectColumn === undefined ? sql`null` : sql`${sql.ref(subjectColumn)}::text`} as subject`;
}

/** Only if the value still is what was read: a change by somebody else wins. Its index goes with it. */
export async function replaceSealed(
  tx: WriteTx,
  column: SealedColumn,
  value: { readonly key: string; readonly before: Buffer; readonly after: Buffer; readonly index: Buffer | undefined },
): Promise<void> {
  const { key, before, after } = value;
  const found = column.index === undefined ? sql`` : sql`, ${sql.ref(column.index.column)} = ${value.index}`;
  await sql`update ${sql.table(column.table)} set ${sql.ref(column.column)} = ${after} ${found}
    where (${keyColumns(column)}) = (${keyValues(column, key)}) and ${sql.ref(column.column)} = ${before}`.execute(
    tx.db,
  );
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
    from ${sql.table(table)} where ${value} is not null and length(${value}) >= 5 group by 1, 2`.execute(reader.db);
  return counts.rows;
}

/** The primary key of a row as places and cursors have it. */
function keyText({ key, keyType, thenKey }: SealedColumn): RawBuilder<string> {
  const first = keyType === 'bytea' ? sql<string>`encode(${sql.ref(key)}, 'hex')` : sql<string>`${sql.ref(key)}::text`;
  if (thenKey === undefined) return first;
  const second = sql.ref(thenKey.column);
  // Exact: PostgreSQL keeps microseconds, and extracts them as a numeric.
  return thenKey.type === 'time'
    ? sql`${first} || '/' || (extract(epoch from ${second}) * 1000000)::bigint::text`
    : sql`${first} || '/' || ${second}::text`;
}

export const isBehind = (column: SealedColumn, after: string | undefined): RawBuilder<unknown> =>
  after === undefined ? sql`true` : sql`(${keyColumns(column)}) > (${keyValues(column, after)})`;

export const keyColumns = ({ key, thenKey }: SealedColumn): RawBuilder<unknown> =>
  sql.join([key, ...(thenKey === undefined ? [] : [thenKey.column])].map((name) => sql.ref(name)));

export function keyValues(column: SealedColumn, key: string): RawBuilder<unknown> {
  const { thenKey } = column;
  if (thenKey === undefined) return keyValue(column, key);
  const [first = '', second = ''] = key.split('/');
  const then =
    thenKey.type === 'uuid'
      ? sql`${second}::uuid`
      : sql`timestamptz 'epoch' + ${second}::bigint * interval '1 microsecond'`;
  return sql`${keyValue(column, first)}, ${then}`;
}

function keyValue({ keyType }: SealedColumn, key: string): RawBuilder<unknown> {
  if (keyType === 'bytea') return sql`decode(${key}, 'hex')`;
  if (keyType === 'integer') return sql`${key}::integer`;
  return keyType === 'uuid' ? sql`${key}::uuid` : sql`${key}::text`;
}
