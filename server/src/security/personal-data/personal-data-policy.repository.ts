import type { PersonalDataPolicy } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader } from '../audit/tokens.ts';

/** Of the organisation the reader works for. */
export async function readPersonalDataPolicy(reader: Reader): Promise<PersonalDataPolicy> {
  const found = await sql<{
    policy: PersonalDataPolicy;
  }>`select personal_data_policy as policy from organisations where id = current_organisation()`.execute(reader.db);
  const policy = found.rows[0]?.policy;
  if (policy === undefined) throw new Error('the organisation of a writer does not exist');
  return policy;
}
