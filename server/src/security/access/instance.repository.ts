import { sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';

/** Whether the organisation of this transaction runs the instance. */
export async function runsInstance(reader: Reader): Promise<boolean> {
  const found = await sql<{ runs: boolean }>`select operates_instance() as runs`.execute(reader.db);
  return found.rows[0]?.runs === true;
}
