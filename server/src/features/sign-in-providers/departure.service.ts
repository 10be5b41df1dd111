import * as oidc from 'openid-client';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Place } from '../../security/crypto/sealed-value.ts';
import { isOpaqueToken, newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { Sealing } from '../../security/keys/data-keys.ts';
import { claimDeparture, type Departure, insertDeparture } from './departure.repository.ts';
import { findEnabledProvider, findProviderBySlug, type ProviderWithSecret } from './provider.repository.ts';
import { callbackUrl, type Provider, SignInRefusal } from './provider.ts';
import type { ProviderClient } from './provider-client.ts';

/** As long as a person may take at the provider; the cookie lives as long. */
const DEPARTURE_MS = 10 * 60_000;

const departureSecrets = z.strictObject({ nonce: z.string(), verifier: z.string() });
export type Returned = Departure & z.infer<typeof departureSecrets> & { readonly state: string };

export interface DepartureWish {
  readonly next: string | undefined;
  /** The person must prove who they are anew, however recently they did. */
  readonly fresh: boolean;
  /** To link an identity to this person's account instead of signing in. */
  readonly link: Departure['link'];
}

/** What a browser brings back. */
export interface ShownBack {
  readonly state?: string | undefined;
  readonly browserToken: string | undefined;
}

export type DepartureService = ReturnType<typeof createDepartureService>;

/** Leaving for a provider and coming back: what binds the two together (ASVS 10.1.2, 10.2.1, 10.5.1). */
export function createDepartureService(deps: {
  transactions: Transactions;
  clientOf: (provider: ProviderWithSecret) => Promise<ProviderClient>;
  dataKeys: Sealing;
  publicUrl: URL;
  clock: Clock;
}) {
  const { transactions, clientOf, dataKeys, publicUrl, clock } = deps;

  async function providerOf(slug: string): Promise<ProviderWithSecret> {
    const found = await transactions.read(null, (reader) => findProviderBySlug(reader, slug));
    const provider =
      found &&
      (await transactions.read(found.organisationId, (reader) => findEnabledProvider(reader, found.providerId)));
    if (!provider) throw new SignInRefusal('provider_unknown', 'no such provider');
    return provider;
  }

  return {
    providerOf,

    /** The address to go to, and what the browser must bring back. */
    async leave(provider: ProviderWithSecret, wish: DepartureWish): Promise<{ url: string; browserToken: string }> {
      const { configuration } = await clientOf(provider);
      const state = newOpaqueToken(tokenPrefixes.departure);
      const browserToken = newOpaqueToken(tokenPrefixes.departure);
      const stateHash = tokenHash(state);
      const secrets = { nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier() };
      const place = secretsPlace(provider.organisationId, stateHash);
      const secretsSealed = await dataKeys.seal(JSON.stringify(secrets), place);
      const now = clock.now();
      await transactions.unaudited(provider.organisationId, 'departure', (tx) =>
        insertDeparture(tx, {
          stateHash,
          organisationId: provider.organisationId,
          providerId: provider.id,
          browserHash: tokenHash(browserToken),
          secretsSealed,
          nextPath: sameSitePath(wish.next),
          link: wish.link,
          fresh: wish.fresh,
          createdAt: new Date(now),
          expiresAt: new Date(now + DEPARTURE_MS),
        }),
      );
      const maxAge = wish.fresh ? 0 : provider.maxAuthAgeSeconds;
      const url = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: callbackUrl(publicUrl, provider.slug),
        scope: scopesOf(provider).join(' '),
        state,
        nonce: secrets.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(secrets.verifier),
        code_challenge_method: 'S256',
        ...(maxAge === null ? {} : { max_age: String(maxAge) }),
        ...(provider.trustsSecondFactor && provider.acceptedAcr.length > 0
          ? { acr_values: provider.acceptedAcr.join(' ') }
          : {}),
      });
      return { url: url.href, browserToken };
    },

    /** What was kept when this browser left with this state, once. */
    async comeBack(provider: Provider, { state, browserToken }: ShownBack): Promise<Returned> {
      const expired = (reason: string) => new SignInRefusal('sign_in_expired', reason);
      if (state === undefined || !isOpaqueToken(state, tokenPrefixes.departure)) throw expired('no state of ours');
      if (browserToken === undefined || !isOpaqueToken(browserToken, tokenPrefixes.departure))
        throw expired('no cookie of a browser that left');
      const stateHash = tokenHash(state);
      const which = { stateHash, browserHash: tokenHash(browserToken), providerId: provider.id, now: clock.date() };
      const departure = await transactions.unaudited(provider.organisationId, 'departure', (tx) =>
        claimDeparture(tx, which),
      );
      if (!departure) throw expired('state unknown, used, expired, of another browser or of another provider');
      const opened = await dataKeys.open(departure.secretsSealed, secretsPlace(provider.organisationId, stateHash));
      return { ...departure, ...departureSecrets.parse(JSON.parse(opened.toString('utf8'))), state };
    },
  };
}

const secretsPlace = (organisation: number, stateHash: Buffer): Place => ({
  organisation,
  table: 'departures',
  column: 'secrets_sealed',
  row: stateHash.toString('hex'),
});

/** What is needed to know the person, and nothing that would let us act for them there (ASVS 10.2.3). */
export const scopesOf = ({ groupsScope }: Pick<Provider, 'groupsScope'>): string[] => [
  'openid',
  'email',
  'profile',
  ...(groupsScope === null ? [] : [groupsScope]),
];

const ANYWHERE = 'https://valtronics.invalid';

/**
 * A page of this site as a browser would read it; whatever could lead elsewhere leads nowhere. Looked at before and after the URL is
 * put in order, since `/a/..//evil.example` begins well and ends as another host.
 */
export function sameSitePath(next: string | undefined): string | null {
  if (next === undefined || !PAGE.test(next) || !URL.canParse(next, ANYWHERE)) return null;
  const url = new URL(next, ANYWHERE);
  const path = url.pathname + url.search + url.hash;
  return url.origin === ANYWHERE && PAGE.test(path) && !path.startsWith('/api/') ? path : null;
}

const PAGE = /^\/(?![/\\])[\x21-\x7E]*$/;
