import { sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';

/** The devices that the viewers of this transaction see. */
export async function readVisibleDevices(reader: Reader): Promise<ReadonlySet<string>> {
  const found = await sql<{ id: string }>`select visible_devices() as id`.execute(reader.db);
  return new Set(found.rows.map(({ id }) => id));
}
