import { sql } from 'kysely';
import type { UnauditedTx } from '../../security/audit/tokens.ts';

/** Of the oldest `limit` those from before; returns how many went. */
export async function removeOldSecurityEvents(tx: UnauditedTx, before: Date, limit: number): Promise<number> {
  const removed = await sql`
    delete from security_events where at < ${before}
      and position in (select position from security_events order by position limit ${limit})
    returning position`.execute(tx.db);
  return removed.rows.length;
}

export async function removeOldDetections(tx: UnauditedTx, before: Date, limit: number): Promise<number> {
  const removed = await sql`
    delete from detections where id in (select id from detections where at < ${before} order by at limit ${limit})
    returning id`.execute(tx.db);
  return removed.rows.length;
}
