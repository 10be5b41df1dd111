import { sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';

/** By the hash of its key, as long as its organisation runs the instance. */
export async function findBouncer(
  reader: Reader,
  keyHash: Buffer,
): Promise<{ bouncer_id: string; organisation_id: number } | undefined> {
  const found = await sql<{ bouncer_id: string; organisation_id: number }>`
    select bouncer_id, organisation_id from find_bouncer(${keyHash})`.execute(reader.db);
  return found.rows[0];
}
