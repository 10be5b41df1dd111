import type { BlockScope } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import { type BlockRow, blockColumns, type Lifting } from '../../security/shield/block.repository.ts';

export interface ListedBlock extends BlockRow {
  /** The time at its full precision, for the cursor: a Date keeps milliseconds only. */
  readonly position: string;
  readonly label: string | null;
}

export interface BlockFilter {
  readonly state: 'in_force' | 'ended' | 'all';
  readonly scope?: BlockScope | undefined;
  /** As it stands in rows, and as a network where it is one. */
  readonly value?: { readonly text: string; readonly network: string | null } | undefined;
  readonly detectionId?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly before: readonly [at: string, id: string] | undefined;
  readonly limit: number;
  readonly now: Date;
}

// Ids of people and devices stand there as text, beside addresses. People are labelled by their ids, until `People.named` has put their address in
// the place of it.
const listed = sql`${blockColumns}, to_char(b.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position,
  case b.scope when 'user' then b.value
    when 'device' then (select d.name from devices d where d.id::text = b.value) end as label`;

/** Newest first. */
export async function listBlocks(reader: Reader, filter: BlockFilter): Promise<ListedBlock[]> {
  const { state, scope, value, detectionId, from, to, before, now } = filter;
  const ended = sql`(b.lifted_at is not null or b.expires_at <= ${now})`;
  const conditions = [
    ...(state === 'in_force' ? [sql`not ${ended}`] : []),
    ...(state === 'ended' ? [ended] : []),
    ...(scope === undefined ? [] : [sql`b.scope = ${scope}`]),
    ...(value === undefined
      ? []
      : [
          sql`(b.value = ${value.text} or case when b.scope in ('ip', 'range') then b.value::inet >>= ${value.network}::inet else false end)`,
        ]),
    ...(detectionId === undefined ? [] : [sql`b.detection_id = ${detectionId}`]),
    ...(from === undefined ? [] : [sql`b.created_at >= ${from}::timestamptz`]),
    ...(to === undefined ? [] : [sql`b.created_at < ${to}::timestamptz`]),
    ...(before === undefined ? [] : [sql`(b.created_at, b.id) < (${before[0]}::timestamptz, ${before[1]}::uuid)`]),
    sql`true`,
  ];
  const found = await sql<ListedBlock>`
    select ${listed} from blocks b where ${sql.join(conditions, sql` and `)}
    order by b.created_at desc, b.id desc limit ${filter.limit}`.execute(reader.db);
  return found.rows;
}

export async function findBlock(reader: Reader, id: string): Promise<ListedBlock | undefined> {
  const found = await sql<ListedBlock>`select ${listed} from blocks b where b.id = ${id}`.execute(reader.db);
  return found.rows[0];
}

/** False when it has ended already. */
export async function liftBlock(tx: WriteTx, id: string, { at, by, graceUntil }: Lifting): Promise<boolean> {
  const lifted = await sql`
    update blocks set lifted_at = ${at}, lifted_by = ${by.id}, lifted_by_label = ${by.label}, grace_until = ${graceUntil}
    where id = ${id} and lifted_at is null and expires_at > ${at} returning id`.execute(tx.db);
  return lifted.rows.length > 0;
}

export async function isOwnUser(reader: Reader, id: string): Promise<boolean> {
  return (await sql`select from users where id = ${id}`.execute(reader.db)).rows.length > 0;
}

export async function isOwnDevice(reader: Reader, id: string): Promise<boolean> {
  return (await sql`select from devices where id = ${id}`.execute(reader.db)).rows.length > 0;
}
