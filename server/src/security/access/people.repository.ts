import { sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';

export interface SealedPerson {
  readonly user_id: string;
  readonly organisation_id: number;
  readonly email_sealed: Buffer | null;
  readonly name_sealed: Buffer | null;
}

/** Those of the ids that the reader may see. */
export async function findSealedPeople(reader: Reader, ids: readonly string[]): Promise<SealedPerson[]> {
  const found = await sql<SealedPerson>`
    select id as user_id, organisation_id, email_sealed, name_sealed from users where id = any (${ids}::uuid[])`.execute(
    reader.db,
  );
  return found.rows;
}
