import * as oidc from 'openid-client';
import type { Clock } from '../../lib/clock.ts';
import { OutboundError } from '../../platform/outbound/outbound-error.ts';
import type { Returned } from './departure.service.ts';
import { type Profile, type ProvenIdentity, profileOf, provenIdentity } from './proven-identity.ts';
import type { ProviderWithSecret } from './provider.repository.ts';
import { callbackUrl, type Provider, SignInRefusal } from './provider.ts';
import type { ProviderClient } from './provider-client.ts';

/** What a provider sent along when it sent the person back. */
export interface ProviderAnswer {
  readonly code?: string | undefined;
  readonly iss?: string | undefined;
  readonly error?: string | undefined;
}

export interface Proven extends ProvenIdentity {
  readonly profile: Profile;
}

/** Exchanges the code for an ID token and reads from it who came. */
export function createCodeExchange(deps: {
  clientOf: (provider: ProviderWithSecret) => Promise<ProviderClient>;
  publicUrl: URL;
  clock: Clock;
}) {
  const { clientOf, publicUrl, clock } = deps;

  /** The page the person came to, rebuilt from what we know and the few parameters that count. */
  function returnUrl(provider: Provider, answer: ProviderAnswer, state: string): URL {
    const url = new URL(callbackUrl(publicUrl, provider.slug));
    for (const [name, value] of Object.entries({ ...answer, state }))
      if (value !== undefined) url.searchParams.set(name, value);
    return url;
  }

  /** How old the proof may be by now: what was asked for when the person left, and the time they took since. */
  function maxAge(provider: Provider, returned: Returned): number | undefined {
    const asked = returned.fresh ? 0 : provider.maxAuthAgeSeconds;
    if (asked === null) return undefined;
    return asked + Math.max(0, Math.ceil((clock.now() - returned.createdAt.getTime()) / 1_000));
  }

  return async (provider: ProviderWithSecret, returned: Returned, answer: ProviderAnswer): Promise<Proven> => {
    try {
      const client = await clientOf(provider);
      const age = maxAge(provider, returned);
      // Checks `iss` of the answer where there is one, and that there is one where the provider says so (RFC 9207), before the code
      // is sent anywhere.
      const tokens = await oidc.authorizationCodeGrant(
        client.configuration,
        returnUrl(provider, answer, returned.state),
        {
          expectedState: returned.state,
          expectedNonce: returned.nonce,
          pkceCodeVerifier: returned.verifier,
          idTokenExpected: true,
          ...(age === undefined ? {} : { maxAge: age }),
        },
      );
      client.keepKeys();
      const claims = tokens.claims();
      if (claims === undefined) throw new SignInRefusal('provider_answer_refused', 'no ID token');
      const identity = provenIdentity(claims, provider, clock);
      return { ...identity, profile: await profile(provider, client, claims, tokens.access_token) };
    } catch (error) {
      throw refusalOf(error);
    }
  };

  /** Some providers keep all but the subject out of the ID token; they are asked, and must speak of the same subject. */
  async function profile(provider: Provider, client: ProviderClient, claims: oidc.IDToken, accessToken: string) {
    const isWhole =
      claims['email'] !== undefined && (provider.groupsClaim === null || claims[provider.groupsClaim] !== undefined);
    if (isWhole || client.metadata.userinfo_endpoint === undefined) return profileOf(claims, provider);
    const more = await oidc.fetchUserInfo(client.configuration, accessToken, claims.sub);
    return profileOf({ ...more, ...claims }, provider);
  }
}

/** What went wrong, in words that hold nothing the provider or the person wrote. */
export function refusalOf(error: unknown): unknown {
  if (error instanceof SignInRefusal) return error;
  const outbound = causes(error).find((cause) => cause instanceof OutboundError);
  if (outbound) return new SignInRefusal('provider_unavailable', outbound.message, { cause: error });
  if (error instanceof oidc.AuthorizationResponseError) {
    const code = /^[a-z_]{1,60}$/.test(error.error) ? error.error : 'an error';
    return new SignInRefusal('denied_by_provider', `provider answered ${code}`, { cause: error });
  }
  if (error instanceof oidc.ResponseBodyError || error instanceof oidc.WWWAuthenticateChallengeError)
    return new SignInRefusal('provider_answer_refused', `provider answered ${error.status}`, { cause: error });
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // The library's own words are constants; what they are about stands in the cause, which only the log sees.
  if (error instanceof Error && typeof code === 'string' && /^(OAUTH_|ERR_)/.test(code))
    return new SignInRefusal('provider_answer_refused', error.message.slice(0, 200), { cause: error });
  return error;
}

function causes(error: unknown): unknown[] {
  const found: unknown[] = [];
  for (let at = error; at instanceof Error && found.length < 5; at = at.cause) found.push(at);
  return found;
}
