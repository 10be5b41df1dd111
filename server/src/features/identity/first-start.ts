import type { Role } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, Problem } from '../../lib/problem.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import { holdRole } from '../../security/access/role.repository.ts';
import type { SystemTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import { currentOrganisation, firstOrganisation, insertOrganisation } from './organisation.repository.ts';
import type { Passwords } from './passwords.ts';
import { revokeSessionsOf } from './session.repository.ts';
import { setPassword } from './user.repository.ts';
import { FIRST_LINK_MS, INVITATION_MS, type UserService } from './user.service.ts';
import type { UserRecords } from './user-records.ts';

const system = { kind: 'system', id: 'first-start', label: null } as const;

/** Who acts on the machine itself rather than over the network. */
export interface HostActor {
  readonly kind: 'system' | 'cli';
  readonly id: string;
  readonly label: null;
}

export interface NewAccount {
  readonly organisationId: number;
  readonly email: string;
  readonly name: string | null;
  readonly role: Role;
}

export interface FirstStart {
  /** The organisation of this installation; makes it on the first start. */
  ensureOrganisation(name: string): Promise<{ id: number; publicId: string; hasAdministrator: boolean }>;
  /** The single-use link that creates the first administrator. */
  administratorLink(organisationId: number): Promise<{ url: string; expiresAt: string }>;
  /** An account with a password, for the settings, the command line and the demo. */
  createAccount(actor: HostActor, account: NewAccount & { readonly password: string }): Promise<string>;
  /** An account whose owner chooses the password, with the single-use link to do so. */
  inviteAccount(
    actor: HostActor,
    account: NewAccount,
  ): Promise<{ id: string; url: string; expiresAt: string; mailed: boolean }>;
  /** Gives an active account another password and ends its sessions; false when there is no such account. */
  resetPassword(actor: HostActor, account: { readonly email: string; readonly password: string }): Promise<boolean>;
  /** For whom no administrator can help: removes all second factors of an account and ends its sessions. */
  resetFactors(
    actor: HostActor,
    email: string,
  ): Promise<{ user: { id: string; email: string }; removed: number; endedSessions: number }>;
}

/** How the first people get in. All of it is audited as done by the machine or by who typed the command. */
export function createFirstStart(deps: {
  transactions: Transactions;
  passwords: Passwords;
  records: Pick<UserRecords, 'findLogin' | 'insert'>;
  users: UserService;
  revocations: Revocations;
  guessing: Pick<Guessing, 'recovered'>;
  clock: Clock;
}): FirstStart {
  const { transactions, passwords, records, users, revocations, guessing, clock } = deps;

  /** Slow; never inside a transaction. */
  async function hashOf(
    password: string,
    { email, name, organisationId }: { email: string; name: string | null; organisationId: number },
  ): Promise<string> {
    const organisation = await transactions.read(organisationId, currentOrganisation);
    const fault = await passwords.check(password, { email, name, organisation: organisation.name });
    if (fault !== undefined)
      throw new Problem('invalid_request', { detail: `The password may not be used: ${fault}.` });
    return passwords.hash(password);
  }

  /** The machine is above everybody, but a role that does not exist would give nothing. */
  async function mustExist(tx: SystemTx, role: Role): Promise<void> {
    if (!(await holdRole(tx, role))) throw invalidField('role', 'there is no such role');
  }

  const taken = (email: string) => new Problem('conflict', { detail: `${email} already has an account.` });

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

    async createAccount(actor, { password, ...account }) {
      const passwordHash = await hashOf(password, account);
      const id = newId();
      await transactions.system(
        { organisationId: account.organisationId, actor, event: 'user.created' },
        async (tx) => {
          await mustExist(tx, account.role);
          const isNew = await records.insert(tx, { ...account, id, phone: null, status: 'active', passwordHash });
          if (!isNew) throw taken(account.email);
          tx.describe({ resource: { kind: 'user', id }, details: { role: account.role } });
        },
      );
      return id;
    },

    inviteAccount: (actor, account) =>
      transactions.system({ organisationId: account.organisationId, actor, event: 'user.invited' }, async (tx) => {
        await mustExist(tx, account.role);
        const id = newId();
        const isNew = await records.insert(tx, { ...account, id, phone: null, status: 'invited', passwordHash: null });
        if (!isNew) throw taken(account.email);
        tx.describe({ resource: { kind: 'user', id }, details: { role: account.role } });
        return { id, ...(await users.invite(tx, { ...account, userId: id, validForMs: INVITATION_MS })) };
      }),

    async resetFactors(actor, email) {
      const account = await transactions.read(null, (reader) => records.findLogin(reader, email));
      if (!account) throw new Problem('not_found', { detail: `${email} has no account.` });
      const { organisation_id: organisationId, user_id: id } = account;
      const { removed, ended } = await transactions.system({ organisationId, actor, event: 'factor.reset' }, (tx) =>
        users.removeFactors(tx, { organisationId, id }),
      );
      for (const sessionId of ended) await revocations.announce({ sessionId });
      return { user: { id, email }, removed, endedSessions: ended.length };
    },

    async resetPassword(actor, { email, password }) {
      const account = await transactions.read(null, (reader) => records.findLogin(reader, email));
      if (account?.status !== 'active') return false;
      const passwordHash = await hashOf(password, { email, name: null, organisationId: account.organisation_id });
      const ended = await transactions.system(
        { organisationId: account.organisation_id, actor, event: 'user.password_changed' },
        async (tx) => {
          await setPassword(tx, account.user_id, passwordHash);
          const which = { userId: account.user_id, exceptId: null };
          const sessions = await revokeSessionsOf(tx, which, 'password reset on the server', clock.date());
          tx.describe({
            resource: { kind: 'user', id: account.user_id },
            details: { endedSessions: sessions.length },
          });
          return sessions;
        },
      );
      for (const sessionId of ended) await revocations.announce({ sessionId });
      await guessing.recovered(email);
      return true;
    },
  };
}
