import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { AuditActor } from '../../security/audit/audit-event.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import type { VouchedAccounts } from '../identity/vouched-accounts.ts';
import type { Proven, ProviderAnswer } from './code-exchange.ts';
import type { DepartureService, Returned, ShownBack } from './departure.service.ts';
import type { LinkedIdentities } from './linked-identities.ts';
import { useIdentity } from './linked-identity.repository.ts';
import type { ProviderWithSecret } from './provider.repository.ts';
import { type Provider, SignInRefusal } from './provider.ts';
import type { createProviderAccounts } from './provider-account.service.ts';
import { insertProviderSession, isSessionOpen } from './provider-session.repository.ts';

export interface Visitor {
  readonly address: string;
  readonly userAgent: string | null;
  readonly requestId: string;
}

type WriteAs = <T>(
  who: { organisationId: number; actor: AuditActor },
  work: (tx: AuditedTx) => Promise<T>,
) => Promise<T>;

/** Where the browser goes, and its session if it has one now. */
export interface Arrival {
  readonly location: string;
  /** The departure was claimed. Until then its cookie stays: whoever sends a browser here with a made-up state must not take it away. */
  readonly isBack: boolean;
  readonly sessionToken: string | null;
}

/** What our account page reads: `?linked=` the slug, or `?problem=`. */
const ACCOUNT_PAGE = '/account';
const SIGN_IN_PAGE = '/sign-in';

export function createArrivalService(deps: {
  transactions: Transactions;
  accounts: VouchedAccounts;
  identities: LinkedIdentities;
  departures: DepartureService;
  exchange: (provider: ProviderWithSecret, returned: Returned, answer: ProviderAnswer) => Promise<Proven>;
  providerAccounts: ReturnType<typeof createProviderAccounts>;
  guessing: Pick<Guessing, 'check'>;
  clock: Clock;
  log: Logger;
}) {
  const { transactions, accounts, identities, departures, exchange, providerAccounts, guessing, clock, log } = deps;

  async function openSession(writeAs: WriteAs, provider: Provider, who: Proven, visitor: Visitor): Promise<string> {
    const { organisationId, slug, maxAuthAgeSeconds } = provider;
    const { id: identityId, userId } = await providerAccounts.accountFor(provider, who);
    const account = await transactions.read(organisationId, (reader) => accounts.find(reader, userId));
    const actor = { kind: 'user', id: userId, label: account?.email ?? null } as const;
    return writeAs({ organisationId, actor }, async (tx) => {
      if (!(await useIdentity(tx, identityId, clock.date())))
        throw new SignInRefusal('provider_unknown', 'link or provider was removed meanwhile', { userId });
      const session = await accounts.openSession(tx, { userId, organisationId }, visitor, {
        factor: who.factor,
        // A provider that does not say when the person proved who they are satisfies no step-up.
        verifiedAt: who.authenticatedAt ?? new Date(0),
        endsBy:
          maxAuthAgeSeconds === null || who.authenticatedAt === null
            ? null
            : new Date(who.authenticatedAt.getTime() + maxAuthAgeSeconds * 1_000),
      });
      if (session.kind === 'not_active')
        throw new SignInRefusal('account_disabled', 'account is not active', { userId });
      if (session.kind === 'blocked') throw new SignInRefusal('account_blocked', 'account is blocked', { userId });
      const { sessionId } = session;
      const { providerSession } = who;
      await insertProviderSession(tx, { sessionId, organisationId, identityId, providerSession });
      const details = { kind: 'browser', provider: slug, factor: who.factor };
      tx.describe({ resource: { kind: 'session', id: sessionId }, details });
      return session.token;
    });
  }

  /** The person was signed in when they left, and proved it anew; they must still be, since their cookie does not come along. */
  async function link(provider: Provider, who: Proven, wish: NonNullable<Returned['link']>): Promise<void> {
    const { organisationId } = provider;
    const { userId } = wish;
    const account = await transactions.read(organisationId, (reader) => accounts.find(reader, userId));
    const actor = { kind: 'user', id: userId, label: account?.email ?? null } as const;
    await transactions.system({ organisationId, actor, event: 'identity.linked' }, async (tx) => {
      if (account?.status !== 'active' || !(await isSessionOpen(tx, wish.sessionId, clock.date())))
        throw new SignInRefusal('sign_in_expired', 'session ended before the link was made', { userId });
      const id = newId();
      const isNew = await identities.insert(tx, {
        id,
        organisationId,
        userId,
        providerId: provider.id,
        issuer: who.issuer,
        subject: who.subject,
        createdAccount: false,
        createdAt: clock.date(),
      });
      if (!isNew) throw new SignInRefusal('identity_taken', 'identity is linked', { userId });
      tx.describe({ resource: { kind: 'identity', id }, details: { provider: provider.slug } });
    });
  }

  /** The one place every refusal passes: recorded, logged, and said to the person in a few fixed words. */
  async function refused(
    refusal: SignInRefusal,
    provider: Provider | undefined,
    returned: Returned | undefined,
    visitor: Visitor,
  ): Promise<Arrival> {
    const { problem, reason, userId } = refusal;
    // Without the error itself: the library's hold codes and claims.
    log.warn(
      { event: 'sign_in.refused', problem, reason, provider: provider?.slug, requestId: visitor.requestId },
      'a sign-in with a provider was refused',
    );
    if (provider) {
      await transactions.refused(
        {
          organisationId: provider.organisationId,
          actor: { kind: 'anonymous', id: userId ?? null, label: null },
          address: visitor.address,
          requestId: visitor.requestId,
        },
        'session.refused',
        {
          resource: userId === undefined ? null : { kind: 'user', id: userId },
          details: { provider: provider.slug, problem, reason },
        },
      );
    }
    const page = returned?.link ? ACCOUNT_PAGE : SIGN_IN_PAGE;
    return { location: `${page}?problem=${problem}`, isBack: returned !== undefined, sessionToken: null };
  }

  /** A state that is not this browser's is a guess at somebody else's sign-in. */
  async function comeBack(provider: ProviderWithSecret, shown: ShownBack, { address }: Visitor): Promise<Returned> {
    let refusal: SignInRefusal | undefined;
    const returned = await guessing.check({ address }, () =>
      departures.comeBack(provider, shown).catch((error: unknown) => {
        if (!(error instanceof SignInRefusal)) throw error;
        refusal = error;
        return null;
      }),
    );
    if (returned) return returned;
    throw refusal ?? new SignInRefusal('sign_in_expired', 'departure was not found');
  }

  return {
    async arrive(
      writeAs: WriteAs,
      slug: string,
      shown: ProviderAnswer & ShownBack,
      visitor: Visitor,
    ): Promise<Arrival> {
      let provider: ProviderWithSecret | undefined;
      let returned: Returned | undefined;
      try {
        provider = await departures.providerOf(slug);
        returned = await comeBack(provider, shown, visitor);
        const { code, iss, error } = shown;
        const who = await exchange(provider, returned, { code, iss, error });
        if (returned.link) {
          await link(provider, who, returned.link);
          return { location: `${ACCOUNT_PAGE}?linked=${slug}`, isBack: true, sessionToken: null };
        }
        const sessionToken = await openSession(writeAs, provider, who, visitor);
        return { location: returned.nextPath ?? '/', isBack: true, sessionToken };
      } catch (error) {
        if (error instanceof SignInRefusal) return refused(error, provider, returned, visitor);
        throw error;
      }
    },

    /** Nobody could even leave. */
    refusedDeparture: (refusal: SignInRefusal, visitor: Visitor) => refused(refusal, undefined, undefined, visitor),
  };
}
