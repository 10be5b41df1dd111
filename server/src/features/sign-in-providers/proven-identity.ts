import type * as oidc from 'openid-client';
import type { Clock } from '../../lib/clock.ts';
import type { ProvenFactor } from '../../security/access/principal.ts';
import { type Provider, SignInRefusal } from './provider.ts';
import { CLOCK_TOLERANCE_SECONDS } from './provider-client.ts';

/** Who a provider says somebody is, after everything about it was checked. */
export interface ProvenIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** Of the provider, for back-channel logout. */
  readonly providerSession: string | null;
  /** `provider`: it vouches for a second factor, and we believe it. */
  readonly factor: Extract<ProvenFactor, 'password' | 'provider'>;
  /** When the person proved who they are; null where the provider does not say, which counts as long ago. */
  readonly authenticatedAt: Date | null;
}

/** OpenID Connect Core, 2: at most 255 ASCII characters. */
const MAX_SUBJECT = 255;
/** An ID token is fetched at once; one that was made long ago was kept by somebody. */
const MAX_TOKEN_AGE_SECONDS = 600;

/**
 * What the library leaves to its caller. It has checked: signature, algorithm, issuer, audience, `azp` where there are several audiences,
 * expiry, nonce, and `auth_time` where we asked for it.
 */
export function provenIdentity(claims: oidc.IDToken, provider: Provider, clock: Clock): ProvenIdentity {
  const now = clock.now() / 1_000;
  const refused = (reason: string) => new SignInRefusal('provider_answer_refused', reason);
  if (claims.azp !== undefined && claims.azp !== provider.clientId) throw refused('azp names another client');
  if (claims.iat > now + CLOCK_TOLERANCE_SECONDS) throw refused('iat is in the future');
  if (claims.iat < now - MAX_TOKEN_AGE_SECONDS) throw refused('iat is long ago');
  if (!/^[\x20-\x7E]+$/.test(claims.sub) || claims.sub.length > MAX_SUBJECT) throw refused('sub is no subject');
  if (claims.auth_time !== undefined && claims.auth_time > now + CLOCK_TOLERANCE_SECONDS)
    throw refused('auth_time is in the future');
  return {
    issuer: claims.iss,
    subject: claims.sub,
    providerSession: textOf(claims['sid'], MAX_SUBJECT),
    factor: vouchesForSecondFactor(claims, provider) ? 'provider' : 'password',
    authenticatedAt: claims.auth_time === undefined ? null : new Date(Math.min(claims.auth_time, now) * 1_000),
  };
}

/** Only a value the administrator named, of a provider they trust with it. Said nothing means one factor (ASVS 6.8.4). */
function vouchesForSecondFactor(claims: oidc.IDToken, provider: Provider): boolean {
  if (!provider.trustsSecondFactor) return false;
  const methods = Array.isArray(claims.amr) ? claims.amr.slice(0, 50) : [];
  return (
    (typeof claims.acr === 'string' && provider.acceptedAcr.includes(claims.acr)) ||
    methods.some((method) => typeof method === 'string' && provider.acceptedAmr.includes(method))
  );
}

/** What a provider knows of a person. None of it says who they are. */
export interface Profile {
  /** Null: none, or the provider has not verified that it is theirs. */
  readonly verifiedEmail: string | null;
  readonly name: string | null;
  readonly groups: readonly string[];
}

const MAX_GROUPS = 1_000;
const MAX_GROUP_LENGTH = 200;
const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,189}$/;

export function profileOf(claims: Readonly<Record<string, unknown>>, provider: Provider): Profile {
  const email = textOf(claims['email'], 254);
  const name = textOf(claims['name'], 120)?.trim();
  const groups = provider.groupsClaim === null ? undefined : claims[provider.groupsClaim];
  return {
    // `true` and nothing like it: "true", 1 and yes are what somebody else means by it.
    verifiedEmail: email !== null && EMAIL.test(email) && claims['email_verified'] === true ? email : null,
    name: name ? name : null,
    groups: (Array.isArray(groups) ? groups.slice(0, MAX_GROUPS) : [groups]).filter(
      (group): group is string => typeof group === 'string' && group.length <= MAX_GROUP_LENGTH,
    ),
  };
}

const textOf = (value: unknown, maximum: number): string | null =>
  typeof value === 'string' && value.length <= maximum && value.isWellFormed() && !/\p{Cc}/u.test(value) ? value : null;
