import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

export interface SessionChanges {
  /** As in `SessionRow`. */
  readonly era: string;
  /** Whatever is not seen yet is in this transaction or a later one. */
  readonly horizon: bigint;
  /** Whatever is seen is in a transaction before this one. */
  readonly next: bigint;
  /** At most `limit`; as many may not be all. */
  readonly changes: readonly (readonly [subject: string, transaction: string])[];
}

/** What changed in `since` and later transactions; without it, in those that may have ended since the oldest that still runs began. */
export async function readSessionChanges(reader: Reader, since: bigint | undefined, limit: number) {
  const found = await sql<{ era: string; horizon: string; next: string; changes: SessionChanges['changes'] }>`
    select extract(epoch from pg_postmaster_start_time())::text as era, pg_snapshot_xmin(pg_current_snapshot())::text as horizon, pg_snapshot_xmax(pg_current_snapshot())::text as next,
      coalesce((select json_agg(json_build_array(c.subject, c.transaction::text)) from (
        select subject, transaction from session_changes
        where transaction >= coalesce(${since?.toString() ?? null}::xid8, pg_snapshot_xmin(pg_current_snapshot()))
          -- Higher ones are another cluster's, which a dump of it brought along.
          and transaction < pg_snapshot_xmax(pg_current_snapshot())
        limit ${limit}
      ) c), '[]') as changes`.execute(reader.db);
  const row = found.rows[0];
  if (row === undefined) throw new Error('a query without a table gives one row');
  return { ...row, horizon: BigInt(row.horizon), next: BigInt(row.next) } satisfies SessionChanges;
}

/** Says that sessions are served from there, and returns the namespace of all who do: a new one after three minutes of nobody. */
export async function useSessionCache(tx: WriteTx, place: string, newNamespace: string): Promise<string> {
  const used = await sql<{ namespace: string }>`
    insert into session_caches as c (place, namespace, used_at) values (${place}, ${newNamespace}, now())
    on conflict (place) do update set used_at = now(),
      namespace = case when c.used_at < now() - interval '3 minutes' then excluded.namespace else c.namespace end
    returning namespace`.execute(tx.db);
  return used.rows[0]?.namespace ?? newNamespace;
}

/** Where sessions may be served from at this moment. */
export async function usedSessionCaches(reader: Reader): Promise<string[]> {
  const found = await sql<{ place: string }>`
    select place from session_caches where used_at >= now() - interval '3 minutes' limit 100`.execute(reader.db);
  return found.rows.map(({ place }) => place);
}

/** Returns how many went. */
export async function removeOldSessionChanges(tx: WriteTx, limit: number): Promise<number> {
  const removed = await sql`delete from session_changes where ctid = any (array(
    select ctid from session_changes where noted_at < now() - interval '1 hour' limit ${limit})) returning 1`.execute(
    tx.db,
  );
  await sql`delete from session_caches where used_at < now() - interval '1 day'`.execute(tx.db);
  return removed.rows.length;
}
