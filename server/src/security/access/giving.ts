import type { Permission, Role } from '@valtronics/contract';
import { invalidField, Problem } from '../../lib/problem.ts';
import type { WriteTx } from '../audit/tokens.ts';
import { holdRole, permissionsOfAccount } from './role.repository.ts';
import { covers } from './roles.ts';

/** Whose rights bound what is given or taken. */
interface Giver {
  readonly permissions: ReadonlySet<Permission>;
  readonly viewers: readonly string[];
}

/**
 * Managing people is no way to more rights (ASVS 8.2.1, 8.3.1): nobody gives a role that may more than they do themselves, so a custom
 * role with `user:manage` cannot make administrators.
 */
export async function mustMayGive(tx: WriteTx, by: Giver, role: Role): Promise<void> {
  const given = await holdRole(tx, role);
  if (!given) throw invalidField('role', 'there is no such role');
  if (!covers(by.permissions, given))
    throw new Problem('forbidden', { detail: 'Nobody gives a role that may more than they may themselves.' });
}

/**
 * Who sees only some devices gives nobody access and groups no devices: a new account of theirs, or a group with one device more, would
 * see what they do not.
 */
export function mustSeeEverything(by: Giver): void {
  if (by.viewers.length > 0)
    throw new Problem('forbidden', { detail: 'Who sees only some devices does not decide who sees which.' });
}

/** Nor does anybody take rights from, or disable, who may more than they do. An account that is not there is left to the caller. */
export async function mustNotBeAbove(tx: WriteTx, by: Giver, userId: string): Promise<void> {
  const held = await permissionsOfAccount(tx, userId);
  if (held && !covers(by.permissions, held))
    throw new Problem('forbidden', { detail: 'Nobody changes the rights of somebody who may more than they may.' });
}
