import { sql } from 'kysely';
import type { UnauditedTx } from '../audit/tokens.ts';

/** Counts one more within the window that began after `since`; returns how many it makes. */
export async function countRefusedToken(
  tx: UnauditedTx,
  token: { address: string; tokenHash: Buffer; deviceId: string | null; now: Date },
  since: Date,
): Promise<number> {
  const counted = await sql<{ failures: number }>`
    insert into refused_tokens as known (address, token_hash, device_id, failures, since, last_at)
    values (${token.address}, ${token.tokenHash}, ${token.deviceId}::uuid, 1, ${token.now}, ${token.now})
    on conflict (address, token_hash) do update set
      failures = case when known.since <= ${since} then 1 else known.failures + 1 end,
      since = case when known.since <= ${since} then excluded.since else known.since end,
      last_at = excluded.last_at, device_id = coalesce(excluded.device_id, known.device_id)
    returning failures`.execute(tx.db);
  return counted.rows[0]?.failures ?? 1;
}
