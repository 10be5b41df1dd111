import { isBuiltInRole, type Permission, type Role, rolePermissions, roles } from '@valtronics/contract';

const builtIn = new Map(roles.map((role) => [role, new Set(rolePermissions[role])]));
const nothing: ReadonlySet<Permission> = new Set();

/**
 * What a role gives: a built-in one by its name, any other by what the organisation keeps under it (null: it keeps none). Deny by
 * default: a role that does not exist, or does not exist any more, gives nothing.
 */
export function permissionsOf(role: Role, custom: readonly Permission[] | null): ReadonlySet<Permission> {
  if (isBuiltInRole(role)) return builtIn.get(role) ?? nothing;
  return custom === null ? nothing : new Set(custom);
}

/** Whether somebody who holds these may hand out those: nobody gives, or takes away, what is above them. */
export function covers(held: ReadonlySet<Permission>, wanted: ReadonlySet<Permission>): boolean {
  return wanted.isSubsetOf(held);
}

export const sameSet = (a: ReadonlySet<Permission>, b: ReadonlySet<Permission>): boolean =>
  a.size === b.size && a.isSubsetOf(b);
