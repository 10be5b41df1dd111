import type { AuditEventName } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { SystemTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { VouchedAccounts } from '../identity/vouched-accounts.ts';
import type { Proven } from './code-exchange.ts';
import type { LinkedIdentities } from './linked-identities.ts';
import type { LinkedIdentityRow } from './linked-identity.repository.ts';
import { type Provider, roleOfGroups, SignInRefusal } from './provider.ts';
import { endProviderSessions } from './provider-session.repository.ts';

/** What a provider brings about without anybody signed in is done by the machine; details say which provider. */
const machine = { kind: 'system', id: 'sign-in-provider', label: null } as const;

/** Which account a proven identity opens: the linked one, or where the organisation wants it a new one. */
export function createProviderAccounts(deps: {
  transactions: Transactions;
  accounts: VouchedAccounts;
  identities: LinkedIdentities;
  revocations: Revocations;
  clock: Clock;
}) {
  const { transactions, accounts, identities, revocations, clock } = deps;

  const linked = (provider: Provider, who: Proven) =>
    transactions.read(provider.organisationId, (reader) => identities.find(reader, provider.organisationId, who));

  /** Just in time, for a verified address of an expected domain. The account and its link appear together or not at all. */
  async function create(provider: Provider, who: Proven): Promise<LinkedIdentityRow> {
    const { verifiedEmail, name, groups } = who.profile;
    if (!provider.jitEnabled) throw new SignInRefusal('no_account', 'identity is not linked');
    if (verifiedEmail === null) throw new SignInRefusal('email_unverified', 'no verified email address');
    const domain = verifiedEmail.slice(verifiedEmail.lastIndexOf('@') + 1).toLowerCase();
    if (!provider.emailDomains.includes(domain)) throw new SignInRefusal('no_account', 'email domain is not expected');
    const mapped = roleOfGroups(provider, groups);
    const role = mapped === undefined ? provider.defaultRole : mapped;
    if (role === null) throw new SignInRefusal('no_role', 'no group leads to a role');
    const { organisationId, slug } = provider;
    return transactions.system({ organisationId, actor: machine, event: 'user.created' }, async (tx) => {
      const userId = await accounts.create(tx, { organisationId, email: verifiedEmail, name, role });
      // Never linked by the address: whoever had it before, or can make a provider say it is theirs, would get the account. This is
      // told only to somebody who has proven the address, so it tells a stranger nothing.
      if (userId === null) throw new SignInRefusal('email_taken', 'email address has an account');
      const id = newId();
      const { issuer, subject } = who;
      const link = { id, userId, providerId: provider.id, createdAccount: true };
      const isNew = await identities.insert(tx, { ...link, organisationId, issuer, subject, createdAt: clock.date() });
      if (!isNew) throw new SignInRefusal('sign_in_expired', 'identity was linked a moment ago', { userId });
      tx.describe({ resource: { kind: 'user', id: userId }, details: { role, provider: slug } });
      return link;
    });
  }

  /** At every sign-in anew, so that losing a group counts. Accounts that were here before the provider are left alone unless told. */
  async function applyRole(provider: Provider, link: LinkedIdentityRow, groups: readonly string[]): Promise<void> {
    if (!link.createdAccount && !provider.managesRole) return;
    const role = roleOfGroups(provider, groups);
    if (role === undefined) return;
    const { userId } = link;
    if (role === null) {
      await endSessions(provider, link);
      throw new SignInRefusal('no_role', 'no group leads to a role', { userId });
    }
    const account = await transactions.read(provider.organisationId, (reader) => accounts.find(reader, userId));
    if (account?.role === role) return;
    const before = await recordedIfChanged(provider, 'user.changed', async (tx) => {
      const from = await accounts.giveRole(tx, { organisationId: provider.organisationId, userId }, role);
      // Nothing changed where it was done meanwhile, and where this is the last administrator.
      if (from === null) throw new Unchanged();
      const details = { changed: ['role'], role: [from, role], provider: provider.slug };
      tx.describe({ resource: { kind: 'user', id: userId }, details });
      return from;
    });
    if (before !== undefined) await revocations.announce({ userId, recheck: true });
  }

  /** Who may no longer come in may not stay either. */
  async function endSessions(provider: Provider, { id: identityId, userId }: LinkedIdentityRow): Promise<void> {
    const ended = await recordedIfChanged(provider, 'session.revoked', async (tx) => {
      const which = { providerId: provider.id, identityId };
      const sessions = await endProviderSessions(tx, which, 'no group leads to a role', clock.date());
      if (sessions.length === 0) throw new Unchanged();
      const details = { provider: provider.slug, endedSessions: sessions.length };
      tx.describe({ resource: { kind: 'user', id: userId }, details });
      return sessions;
    });
    for (const sessionId of ended ?? []) await revocations.announce({ sessionId });
  }

  /** Leaves no trace of what turns out to change nothing. */
  async function recordedIfChanged<T>(
    { organisationId }: Provider,
    event: AuditEventName,
    work: (tx: SystemTx) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await transactions.system({ organisationId, actor: machine, event }, work);
    } catch (error) {
      if (error instanceof Unchanged) return undefined;
      throw error;
    }
  }

  return {
    async accountFor(provider: Provider, who: Proven): Promise<LinkedIdentityRow> {
      const known = await linked(provider, who);
      // Of two first sign-ins at once one makes the account; the other finds its address taken, and then the link.
      const link =
        known ??
        (await create(provider, who).catch(async (error: unknown) => {
          const other = error instanceof SignInRefusal ? await linked(provider, who) : undefined;
          if (other) return other;
          throw error;
        }));
      const account = await transactions.read(provider.organisationId, (reader) => accounts.find(reader, link.userId));
      if (account?.status !== 'active')
        throw new SignInRefusal('account_disabled', 'account is not active', { userId: link.userId });
      await applyRole(provider, link, who.profile.groups);
      return link;
    },
  };
}

class Unchanged extends Error {}
