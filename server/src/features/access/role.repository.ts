import type { Permission } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

/** A role of the organisation's own. */
export interface CustomRole {
  readonly name: string;
  readonly description: string | null;
  readonly permissions: readonly Permission[];
  readonly requires_factor: boolean;
}

const columns = sql`name, description, permissions, requires_factor`;

export async function listCustomRoles(reader: Reader): Promise<CustomRole[]> {
  return (await sql<CustomRole>`select ${columns} from custom_roles order by name`.execute(reader.db)).rows;
}

/** How many accounts hold each role, whatever their kind and status. */
export async function countHolders(reader: Reader): Promise<Map<string, number>> {
  const found = await sql<{ role: string; holders: number }>`
    select role, count(*)::int as holders from users group by role`.execute(reader.db);
  return new Map(found.rows.map(({ role, holders }) => [role, holders]));
}

/** Whoever gives the role, changes it or deletes it meanwhile waits for this transaction. */
export async function lockCustomRole(tx: WriteTx, name: string): Promise<CustomRole | undefined> {
  return (await sql<CustomRole>`select ${columns} from custom_roles where name = ${name} for update`.execute(tx.db))
    .rows[0];
}

/** False when the organisation has a role of this name. */
export async function insertCustomRole(tx: WriteTx, role: CustomRole & { at: Date }): Promise<boolean> {
  const inserted = await sql`
    insert into custom_roles (organisation_id, name, description, permissions, requires_factor, created_at, updated_at)
    values (current_organisation(), ${role.name}, ${role.description}, ${role.permissions}, ${role.requires_factor},
      ${role.at}, ${role.at})
    on conflict do nothing returning name`.execute(tx.db);
  return inserted.rows.length > 0;
}

export async function updateCustomRole(tx: WriteTx, role: CustomRole & { at: Date }): Promise<void> {
  await sql`update custom_roles set description = ${role.description}, permissions = ${role.permissions},
    requires_factor = ${role.requires_factor}, updated_at = ${role.at} where name = ${role.name}`.execute(tx.db);
}

export async function deleteCustomRole(tx: WriteTx, name: string): Promise<void> {
  await sql`delete from custom_roles where name = ${name}`.execute(tx.db);
}
