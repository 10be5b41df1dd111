import { isBuiltInRole, type Permission, type Role } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';
import { permissionsOf } from './roles.ts';

/** What a role gives that is about to be given; undefined when there is none. It cannot be deleted before the transaction ends. */
export async function holdRole(tx: WriteTx, role: Role): Promise<ReadonlySet<Permission> | undefined> {
  if (isBuiltInRole(role)) return permissionsOf(role, null);
  const found = await sql<{ permissions: Permission[] }>`
    select permissions from custom_roles where name = ${role} for share`.execute(tx.db);
  return found.rows[0] && permissionsOf(role, found.rows[0].permissions);
}

/** What an account of the organisation may, whatever its status; undefined when there is none. */
export async function permissionsOfAccount(
  reader: Reader,
  userId: string,
): Promise<ReadonlySet<Permission> | undefined> {
  const found = await sql<{ role: Role; permissions: Permission[] | null }>`
    select u.role, r.permissions from users u left join custom_roles r on r.organisation_id = u.organisation_id and r.name = u.role
    where u.id = ${userId}`.execute(reader.db);
  return found.rows[0] && permissionsOf(found.rows[0].role, found.rows[0].permissions);
}

/** Whether it is a role of the organisation's own whose holders need a second factor. */
export async function requiresFactor(reader: Reader, role: Role): Promise<boolean> {
  const found = await sql`select 1 as one from custom_roles where name = ${role} and requires_factor`.execute(
    reader.db,
  );
  return found.rows.length > 0;
}
