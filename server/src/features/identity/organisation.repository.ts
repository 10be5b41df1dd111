import type { PersonalDataPolicy, Settings } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface OrganisationRecord {
  id: number;
  public_id: string;
  name: string;
  retention_days: number;
  operates_instance: boolean;
  personal_data_policy: PersonalDataPolicy;
}

const columns = sql`id, public_id, name, retention_days, operates_instance, personal_data_policy`;

/** The organisation the reader works for. */
export async function currentOrganisation(reader: Reader): Promise<OrganisationRecord> {
  const found =
    await sql<OrganisationRecord>`select ${columns} from organisations where id = current_organisation()`.execute(
      reader.db,
    );
  const row = found.rows[0];
  if (!row) throw new Error('the organisation of a principal does not exist');
  return row;
}

export async function updateOrganisation(tx: WriteTx, change: Omit<Settings, 'id'>): Promise<void> {
  await sql`update organisations set name = ${change.name}, retention_days = ${change.retentionDays},
      personal_data_policy = ${change.personalDataPolicy}
    where id = current_organisation()`.execute(tx.db);
}

/** For the first start, across organisations. */
export async function firstOrganisation(
  reader: Reader,
): Promise<(OrganisationRecord & { administrators: number }) | undefined> {
  const found = await sql<OrganisationRecord & { administrators: number }>`
    select ${columns}, (select count(*)::int from users u where u.organisation_id = o.id and u.role = 'admin' and u.status = 'active' and u.kind = 'person') as administrators
    from organisations o order by id limit 1`.execute(reader.db);
  return found.rows[0];
}

export async function insertOrganisation(
  tx: WriteTx,
  organisation: { publicId: string; name: string },
): Promise<number> {
  const inserted = await sql<{ id: number }>`insert into organisations (public_id, name)
    values (${organisation.publicId}, ${organisation.name}) returning id`.execute(tx.db);
  const id = inserted.rows[0]?.id;
  if (id === undefined) throw new Error('the organisation was not created');
  return id;
}
