import type { LinkedIdentity, Page } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { notFound, Problem } from '../../lib/problem.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { VouchedAccounts } from '../identity/vouched-accounts.ts';
import type { DepartureService } from './departure.service.ts';
import { deleteIdentity, listIdentities, lockIdentity } from './linked-identity.repository.ts';
import { problemOf } from './provider-problem.ts';
import { endProviderSessions } from './provider-session.repository.ts';

export type IdentityLinkService = ReturnType<typeof createIdentityLinkService>;

export function createIdentityLinkService(deps: {
  departures: DepartureService;
  accounts: VouchedAccounts;
  clock: Clock;
}) {
  const { departures, accounts, clock } = deps;

  return {
    async list(reader: Reader, by: UserPrincipal): Promise<Page<LinkedIdentity>> {
      const rows = await listIdentities(reader, by.userId);
      const items = rows.map(({ id, slug, name, enabled, createdAt, lastUsedAt }) => ({
        id,
        provider: { slug, name, enabled },
        createdAt: createdAt.toISOString(),
        lastUsedAt: lastUsedAt?.toISOString() ?? null,
      }));
      return { items, nextCursor: null };
    },

    /** Leaves for the provider on behalf of a person who is signed in. */
    async leave(by: UserPrincipal, slug: string) {
      try {
        const provider = await departures.providerOf(slug);
        // Another organisation's provider vouches for nobody here.
        if (provider.organisationId !== by.organisationId) throw notFound();
        const link = { userId: by.userId, sessionId: by.sessionId };
        return { ...(await departures.leave(provider, { next: undefined, fresh: false, link })), provider };
      } catch (error) {
        throw problemOf(error);
      }
    },

    /** Ends the sessions the link opened, except the one this is done in; returns them. */
    async unlink(tx: AuditedTx, by: UserPrincipal, id: string): Promise<string[]> {
      const identity = await lockIdentity(tx, { id, userId: by.userId });
      if (!identity) throw notFound();
      const has = await accounts.find(tx, by.userId);
      const others = (await listIdentities(tx, by.userId)).length - 1;
      if (!has?.hasPassword && !has?.hasPasskey && others === 0)
        throw new Problem('conflict', { detail: 'This is your only way to sign in.' });
      const which = { providerId: identity.providerId, identityId: id, exceptId: by.sessionId };
      const ended = await endProviderSessions(tx, which, 'sign-in provider unlinked', clock.date());
      await deleteIdentity(tx, id);
      tx.describe({ resource: { kind: 'identity', id }, details: { endedSessions: ended.length } });
      return ended;
    },
  };
}
