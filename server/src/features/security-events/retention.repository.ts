import { sql } from 'kysely';
import type { UnauditedTx } from '../../security/audit/tokens.ts';

/**
 * The last position that is over, before the first that is not. Times are those of whoever wrote, and a clock may have been ahead: what has a
 * time to come and stands before something that is over is over as well, since positions are in the order of commits.
 */
export async function lastExpiredPosition(tx: UnauditedTx, before: Date, now: Date): Promise<string | undefined> {
  const found = await sql<{ position: string }>`
    with young as (
      select position from security_events where at >= ${before} and at <= ${now} order by position limit 1
    )
    select position::text from security_events
    where at < ${before} and position < coalesce((select position from young), 9223372036854775807)
    order by security_events.position desc limit 1`.execute(tx.db);
  return found.rows[0]?.position;
}

/** Up to a position, so many; returns how many went. */
export async function removeSecurityEvents(tx: UnauditedTx, upTo: string, limit: number): Promise<number> {
  const removed = await sql`
    delete from security_events
    where position in (select position from security_events where position <= ${upTo}::bigint order by position limit ${limit})
    returning position`.execute(tx.db);
  return removed.rows.length;
}

export async function removeOldDetections(tx: UnauditedTx, before: Date, limit: number): Promise<number> {
  const removed = await sql`
    delete from detections where id in (select id from detections where at < ${before} order by at limit ${limit})
    returning id`.execute(tx.db);
  return removed.rows.length;
}
