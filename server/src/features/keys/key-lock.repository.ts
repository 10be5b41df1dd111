import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';

/** Whether some process on this database holds the advisory lock. */
export async function isHeld(reader: Reader, lock: number): Promise<boolean> {
  const found = await sql<{ held: boolean }>`select exists (select from pg_locks where locktype = 'advisory' and granted
    and database = (select oid from pg_database where datname = current_database())
    and classid = 0 and objid::bigint = ${lock} and objsubid = 1) as held`.execute(reader.db);
  return found.rows[0]?.held === true;
}
