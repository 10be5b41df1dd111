import type { BlockKind, BlockOrigin, BlockScope } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, UnauditedTx, WriteTx } from '../audit/tokens.ts';

export interface BlockRow {
  readonly id: string;
  readonly organisation_id: number | null;
  readonly scope: BlockScope;
  readonly value: string;
  readonly kind: BlockKind;
  readonly origin: BlockOrigin;
  readonly simulated: boolean;
  readonly reason: string;
  readonly scenario: string | null;
  readonly detection_id: string | null;
  readonly nth: number;
  readonly evidence: Record<string, unknown>;
  readonly created_at: Date;
  readonly created_by: string | null;
  readonly created_by_label: string | null;
  readonly expires_at: Date;
  readonly lifted_at: Date | null;
  readonly lifted_by: string | null;
  readonly lifted_by_label: string | null;
  readonly grace_until: Date | null;
}

/** Of a new row. */
export const unlifted = { lifted_at: null, lifted_by: null, lifted_by_label: null, grace_until: null } as const;

/** Who lifts, when, and until when no detection decides on the same again. */
export interface Lifting {
  readonly at: Date;
  readonly by: { readonly id: string; readonly label: string | null };
  readonly graceUntil: Date;
}

export const blockColumns = sql`b.id, b.organisation_id, b.scope, b.value, b.kind, b.origin, b.simulated, b.reason, b.scenario,
  b.detection_id, b.nth, b.evidence, b.created_at, b.created_by, b.created_by_label, b.expires_at, b.lifted_at, b.lifted_by,
  b.lifted_by_label, b.grace_until`;
const inForce = (now: Date) => sql`b.lifted_at is null and not b.simulated and b.expires_at > ${now}`;

/** Of those in force, the ones that last longest first. */
export async function listBlocksInForce(reader: Reader, now: Date, limit: number): Promise<BlockRow[]> {
  const found = await sql<BlockRow>`
    select ${blockColumns} from blocks b where ${inForce(now)} order by b.expires_at desc, b.id limit ${limit}`.execute(
    reader.db,
  );
  return found.rows;
}

export async function findBlockInForce(reader: Reader, id: string, now: Date): Promise<BlockRow | undefined> {
  const found = await sql<BlockRow>`
    select ${blockColumns} from blocks b where b.id = ${id} and ${inForce(now)}`.execute(reader.db);
  return found.rows[0];
}

export async function findBlockOfDetection(reader: Reader, detectionId: string): Promise<BlockRow | undefined> {
  const found = await sql<BlockRow>`
    select ${blockColumns} from blocks b where b.detection_id = ${detectionId}`.execute(reader.db);
  return found.rows[0];
}

export interface BlockHistory {
  /** The end of what is in force, and of a ban among it. */
  readonly until: Date | null;
  readonly ban_until: Date | null;
  /** How many there were since; lifted ones are forgiven. */
  readonly recent: number;
  readonly lifted_at: Date | null;
  readonly grace_until: Date | null;
}

/** What came before on this subject. */
export async function blockHistory(
  reader: Reader,
  scope: BlockScope,
  value: string,
  now: Date,
  since: Date,
): Promise<BlockHistory> {
  const found = await sql<BlockHistory>`
    select max(b.expires_at) filter (where ${inForce(now)}) as until,
      max(b.expires_at) filter (where ${inForce(now)} and b.kind = 'ban') as ban_until,
      count(*) filter (where b.lifted_at is null and b.created_at > ${since})::int as recent,
      max(b.lifted_at) as lifted_at, max(b.grace_until) as grace_until
    from blocks b where b.scope = ${scope} and b.value = ${value} and not b.simulated`.execute(reader.db);
  return found.rows[0] ?? { until: null, ban_until: null, recent: 0, lifted_at: null, grace_until: null };
}

export async function insertBlock(tx: WriteTx, block: BlockRow): Promise<void> {
  await sql`
    insert into blocks (id, organisation_id, scope, value, kind, origin, simulated, reason, scenario, detection_id, nth, evidence,
      created_at, created_by, created_by_label, expires_at)
    values (${block.id}, ${block.organisation_id}, ${block.scope}, ${block.value}, ${block.kind}, ${block.origin},
      ${block.simulated}, ${block.reason}, ${block.scenario}, ${block.detection_id}, ${block.nth},
      ${JSON.stringify(block.evidence)}::jsonb, ${block.created_at}, ${block.created_by}, ${block.created_by_label},
      ${block.expires_at})`.execute(tx.db);
}

const lift = ({ at, by, graceUntil }: Lifting) =>
  sql`lifted_at = ${at}, lifted_by = ${by.id}, lifted_by_label = ${by.label}, grace_until = ${graceUntil}`;

/** Ends those in force with this id or value; returns them. */
export async function liftBlocks(
  tx: WriteTx,
  which: { id: string | null; value: string | null },
  lifting: Lifting,
): Promise<BlockRow[]> {
  const lifted = await sql<BlockRow>`
    update blocks b set ${lift(lifting)}
    where ${inForce(lifting.at)} and (b.id = ${which.id}::uuid or b.value = ${which.value})
    returning ${blockColumns}`.execute(tx.db);
  return lifted.rows;
}

/** Ends whatever in force touches the network; returns them. */
export async function liftBlocksWithin(tx: WriteTx, network: string, lifting: Lifting): Promise<BlockRow[]> {
  const lifted = await sql<BlockRow>`
    update blocks b set ${lift(lifting)}
    where ${inForce(lifting.at)} and case when b.scope in ('ip', 'range') then b.value::inet && ${network}::inet else false end
    returning ${blockColumns}`.execute(tx.db);
  return lifted.rows;
}

/** Removes blocks that ended before; returns how many. */
export async function removeOldBlocks(tx: UnauditedTx, endedBefore: Date, limit: number): Promise<number> {
  const removed = await sql`
    delete from blocks where id in (select id from blocks where expires_at < ${endedBefore} limit ${limit}) returning id`.execute(
    tx.db,
  );
  return removed.rows.length;
}
