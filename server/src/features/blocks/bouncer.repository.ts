import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface BouncerRow {
  readonly id: string;
  readonly name: string;
  readonly created_at: Date;
  readonly created_by: string | null;
  readonly created_by_label: string | null;
  readonly last_seen_at: Date | null;
  readonly last_address: string | null;
  readonly user_agent: string | null;
}

export async function listBouncers(reader: Reader, limit: number): Promise<BouncerRow[]> {
  const found = await sql<BouncerRow>`
    select id, name, created_at, created_by, created_by_label, last_seen_at, host(last_address) as last_address, user_agent
    from bouncers order by name, id limit ${limit}`.execute(reader.db);
  return found.rows;
}

/** False when one of the name exists. */
export async function insertBouncer(
  tx: WriteTx,
  organisationId: number,
  row: BouncerRow & { readonly key_hash: Buffer },
): Promise<boolean> {
  const made = await sql`
    insert into bouncers (id, organisation_id, name, key_hash, created_at, created_by, created_by_label)
    values (${row.id}, ${organisationId}, ${row.name}, ${row.key_hash}, ${row.created_at}, ${row.created_by}, ${row.created_by_label})
    on conflict do nothing returning id`.execute(tx.db);
  return made.rows.length > 0;
}

export async function deleteBouncer(tx: WriteTx, id: string): Promise<boolean> {
  return (await sql`delete from bouncers where id = ${id} returning id`.execute(tx.db)).rows.length > 0;
}

/** When it asked last, before this time. */
export async function touchBouncer(
  tx: WriteTx,
  id: string,
  seen: { at: Date; address: string; userAgent: string | null },
): Promise<Date | null> {
  const before = await sql<{ last_seen_at: Date | null }>`
    with before as (select id, last_seen_at from bouncers where id = ${id})
    update bouncers b set last_seen_at = ${seen.at}, last_address = ${seen.address}::inet, user_agent = ${seen.userAgent}
    from before where b.id = before.id returning before.last_seen_at`.execute(tx.db);
  return before.rows[0]?.last_seen_at ?? null;
}

export interface DecisionRow {
  readonly number: string;
  readonly scope: 'ip' | 'range';
  readonly value: string;
  readonly reason: string;
  readonly scenario: string | null;
  readonly origin: string;
  readonly expires_at: Date;
}

const decided = sql`b.number, b.scope, b.value, b.reason, b.scenario, b.origin, b.expires_at`;
const banned = sql`b.scope in ('ip', 'range') and b.kind = 'ban' and not b.simulated`;

/** Bans in force that were made since; of each subject the one that lasts longest. */
export async function listBansSince(
  reader: Reader,
  since: Date | null,
  now: Date,
  limit: number,
): Promise<DecisionRow[]> {
  const found = await sql<DecisionRow>`
    select distinct on (b.value) ${decided} from blocks b
    where ${banned} and b.lifted_at is null and b.expires_at > ${now} and (${since}::timestamptz is null or b.created_at > ${since})
    order by b.value, b.expires_at desc limit ${limit}`.execute(reader.db);
  return found.rows;
}

/** Bans that ended since, by time or by hand, of subjects that are not banned all the same. */
export async function listBansEndedSince(
  reader: Reader,
  since: Date,
  now: Date,
  limit: number,
): Promise<DecisionRow[]> {
  const found = await sql<DecisionRow>`
    select distinct on (b.value) ${decided} from blocks b
    where ${banned} and (b.lifted_at > ${since} or (b.lifted_at is null and b.expires_at > ${since} and b.expires_at <= ${now}))
      and not exists (select from blocks o where o.value = b.value and o.kind = 'ban' and not o.simulated
                      and o.lifted_at is null and o.expires_at > ${now})
    order by b.value, b.expires_at desc limit ${limit}`.execute(reader.db);
  return found.rows;
}
