import type { Role } from '@valtronics/contract';
import { newId } from '../../lib/ids.ts';
import { Problem } from '../../lib/problem.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { firstOrganisation, insertOrganisation } from './organisation.repository.ts';
import type { Passwords } from './passwords.ts';
import { insertUser } from './user.repository.ts';
import { FIRST_LINK_MS, type UserService } from './user.service.ts';

const system = { kind: 'system', id: 'first-start', label: null } as const;

export interface FirstStart {
  /** The organisation of this installation; makes it on the first start. */
  ensureOrganisation(name: string): Promise<{ id: number; publicId: string; hasAdministrator: boolean }>;
  /** The single-use link that creates the first administrator. */
  administratorLink(organisationId: number): Promise<{ url: string; expiresAt: string }>;
  /** An account with a password, for the settings, the command line and the demo. */
  createAccount(
    actor: { kind: 'system' | 'cli'; id: string; label: null },
    account: { organisationId: number; email: string; name: string | null; role: Role; password: string },
  ): Promise<string>;
}

/** How the first people get in. All of it is audited as done by the machine or by who typed the command. */
export function createFirstStart(deps: {
  transactions: Transactions;
  passwords: Passwords;
  users: UserService;
}): FirstStart {
  const { transactions, passwords, users } = deps;
  return {
    async ensureOrganisation(name) {
      const found = await transactions.readAcross(firstOrganisation);
      if (found) return { id: found.id, publicId: found.public_id, hasAdministrator: found.administrators > 0 };
      const publicId = newId();
      const id = await transactions.system(
        { organisationId: null, actor: system, event: 'organisation.created' },
        async (tx) => {
          const organisationId = await insertOrganisation(tx, { publicId, name });
          tx.describe({ resource: { kind: 'organisation', id: publicId }, details: { name } });
          return organisationId;
        },
      );
      return { id, publicId, hasAdministrator: false };
    },

    administratorLink: (organisationId) =>
      transactions.system({ organisationId, actor: system, event: 'user.invited' }, async (tx) => {
        tx.describe({ resource: null, details: { role: 'admin', validForSeconds: FIRST_LINK_MS / 1_000 } });
        return users.invite(tx, { organisationId, userId: null, role: 'admin', validForMs: FIRST_LINK_MS });
      }),

    async createAccount(actor, account) {
      const fault = passwords.fault(account.password, account);
      if (fault !== undefined)
        throw new Problem('invalid_request', { detail: `The password may not be used: ${fault}.` });
      const passwordHash = await passwords.hash(account.password);
      const id = newId();
      await transactions.system(
        { organisationId: account.organisationId, actor, event: 'user.created' },
        async (tx) => {
          const isNew = await insertUser(tx, { ...account, id, phone: null, status: 'active', passwordHash });
          if (!isNew) throw new Problem('conflict', { detail: `${account.email} already has an account.` });
          tx.describe({ resource: { kind: 'user', id }, details: { role: account.role } });
        },
      );
      return id;
    },
  };
}
