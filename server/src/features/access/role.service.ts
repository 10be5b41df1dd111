import { isBuiltInRole, type Permission, type RoleEntry, rolePermissions, roles } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { notFound, Problem } from '../../lib/problem.ts';
import type { FactorPolicy } from '../../security/access/pending.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import { covers } from '../../security/access/roles.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import {
  type CustomRole,
  countHolders,
  deleteCustomRole,
  insertCustomRole,
  listCustomRoles,
  lockCustomRole,
  updateCustomRole,
} from './role.repository.ts';

/** A table of roles that nobody can read guards nothing. */
const MAX_ROLES = 50;

export interface RoleInput {
  readonly description?: string | null | undefined;
  readonly permissions?: readonly Permission[] | undefined;
  readonly requiresFactor?: boolean | undefined;
}

export type RoleService = ReturnType<typeof createRoleService>;

export function createRoleService(deps: { revocations: Revocations; factorPolicy: FactorPolicy; clock: Clock }) {
  const { revocations, factorPolicy, clock } = deps;

  const builtIn = (holders: ReadonlyMap<string, number>): RoleEntry[] =>
    roles.map((name) => ({
      name,
      description: null,
      permissions: [...rolePermissions[name]],
      requiresFactor: factorPolicy.secondFactorRoles.includes(name) || factorPolicy.passkeyRoles.includes(name),
      builtIn: true,
      people: holders.get(name) ?? 0,
    }));

  /** The role under a lock, if it may be touched: built-in ones are the same everywhere, and nobody edits the role they hold. */
  async function lock(tx: AuditedTx, by: UserPrincipal, name: string): Promise<CustomRole> {
    if (isBuiltInRole(name)) throw new Problem('forbidden', { detail: 'The built-in roles stay as they are.' });
    if (by.role === name) throw new Problem('forbidden', { detail: 'Nobody changes the role they hold themselves.' });
    const role = await lockCustomRole(tx, name);
    if (!role) throw notFound();
    mustCover(by, role.permissions, 'Nobody changes a role that may more than they may themselves.');
    return role;
  }

  return {
    async list(reader: Reader): Promise<RoleEntry[]> {
      const holders = await countHolders(reader);
      return [...builtIn(holders), ...(await listCustomRoles(reader)).map((role) => present(role, holders))];
    },

    async create(
      tx: AuditedTx,
      by: UserPrincipal,
      input: RoleInput & { readonly name: string; readonly permissions: readonly Permission[] },
    ): Promise<RoleEntry> {
      mustCover(by, input.permissions, 'Nobody puts a permission into a role that they do not hold themselves.');
      if ((await listCustomRoles(tx)).length >= MAX_ROLES)
        throw new Problem('conflict', { detail: `An organisation has at most ${MAX_ROLES} roles of its own.` });
      const role: CustomRole = {
        name: input.name,
        description: input.description || null,
        permissions: input.permissions,
        requires_factor: input.requiresFactor ?? false,
      };
      if (!(await insertCustomRole(tx, { ...role, at: clock.date() })))
        throw new Problem('conflict', { errors: [{ path: 'name', message: 'there is a role of this name' }] });
      tx.describe({
        resource: { kind: 'role', id: role.name },
        details: { permissions: role.permissions, requiresFactor: role.requires_factor },
      });
      return present(role, await countHolders(tx));
    },

    async change(tx: AuditedTx, by: UserPrincipal, name: string, input: RoleInput): Promise<RoleEntry> {
      const before = await lock(tx, by, name);
      const after: CustomRole = {
        name,
        description: input.description === undefined ? before.description : input.description || null,
        permissions: input.permissions ?? before.permissions,
        requires_factor: input.requiresFactor ?? before.requires_factor,
      };
      mustCover(by, after.permissions, 'Nobody puts a permission into a role that they do not hold themselves.');
      await updateCustomRole(tx, { ...after, at: clock.date() });
      tx.describe({
        resource: { kind: 'role', id: name },
        details: {
          added: after.permissions.filter((permission) => !before.permissions.includes(permission)),
          removed: before.permissions.filter((permission) => !after.permissions.includes(permission)),
          requiresFactor: [before.requires_factor, after.requires_factor],
        },
      });
      return present(after, await countHolders(tx));
    },

    async remove(tx: AuditedTx, by: UserPrincipal, name: string): Promise<void> {
      const role = await lock(tx, by, name);
      // Read after the lock: whoever was giving the role has done so by now, or will find it gone.
      const holders = (await countHolders(tx)).get(name) ?? 0;
      if (holders > 0)
        throw new Problem('conflict', { detail: `${holders} accounts hold this role: give them another one first.` });
      await deleteCustomRole(tx, name);
      tx.describe({ resource: { kind: 'role', id: name }, details: { permissions: role.permissions } });
    },

    /** After the change is committed: open connections of everybody who has the role are checked again within a second. */
    changed: (organisationId: number, role: string) => revocations.announce({ organisationId, role, recheck: true }),
  };
}

function mustCover(by: UserPrincipal, wanted: readonly Permission[], detail: string): void {
  if (!covers(by.permissions, new Set(wanted))) throw new Problem('forbidden', { detail });
}

const present = (role: CustomRole, holders: ReadonlyMap<string, number>): RoleEntry => ({
  name: role.name,
  description: role.description,
  permissions: [...role.permissions],
  requiresFactor: role.requires_factor,
  builtIn: false,
  people: holders.get(role.name) ?? 0,
});
