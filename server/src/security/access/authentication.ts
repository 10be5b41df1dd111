import type { Clock } from '../../lib/clock.ts';
import type { UnauditedTx } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { type AccessClaims, AccessTokenError, type AccessTokens } from '../crypto/access-tokens.ts';
import { DpopProofError, type ProofTarget } from '../crypto/dpop-proof.ts';
import { isOpaqueToken, tokenHash, tokenPrefixes } from '../crypto/tokens.ts';
import type { RefusedTokens } from '../shield/refused-tokens.ts';
import { type ApiKeys, isApiKey } from './api-keys.ts';
import { findBouncer } from './bouncer.repository.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import type { DpopProofs } from './dpop.ts';
import { type FactorPolicy, pendingOf } from './pending.ts';
import type { ApiKeyPrincipal, BouncerPrincipal, DevicePrincipal, KnownPrincipal, UserPrincipal } from './principal.ts';
import { permissionsOf, sameSet } from './roles.ts';
import { findSessionById, type SessionRow, touchSession } from './session.repository.ts';
import { isTouchDue, isUsable, type SessionLookUp } from './session-look-up.ts';
import { type Sight, sightOf } from './sight.ts';

/** A credential that is good, but not shown in the way that proves who shows it. */
type Bound = 'bound_token' | 'unbound_token' | 'bound_api_key';

export interface Authentication {
  /** The person whose browser sent this session cookie, or null. */
  session(cookieToken: string): Promise<UserPrincipal | null>;
  /**
   * The person or device a bearer token speaks for, or null; at once for a device that was here a moment ago. A token that is bound to a key
   * is no bearer token: whoever has only the token may have copied it. `address` is where it comes from: device tokens of nobody are
   * counted there.
   */
  bearer(token: string, address: string): DevicePrincipal | null | Promise<KnownPrincipal | Bound | null>;
  /** The program an API key speaks for on a connection that began with this certificate (its SHA-256). */
  apiKey(token: string, address: string, certificate?: Buffer): Promise<ApiKeyPrincipal | 'bound_api_key' | null>;
  /** The person a token that is bound to a key speaks for, with the proof of that key for this request, or why not (RFC 9449, 7.1). */
  bound(
    token: string,
    shown: ProofTarget & { readonly proof: string | undefined },
  ): Promise<UserPrincipal | 'invalid_token' | 'invalid_dpop_proof'>;
  /** The thumbprint of the key a request proves that brings no token yet, or a DpopProofError. */
  proofOf(shown: ProofTarget & { readonly proof: string | undefined }): Promise<string>;
  /** The firewall a key of `X-Api-Key` speaks for, or null. */
  bouncer(key: string, address: string): Promise<BouncerPrincipal | null>;
  /** The device whose certificate TLS has verified, by its SHA-256, or null. */
  certificate(fingerprint: Buffer): DevicePrincipal | null | Promise<DevicePrincipal | null>;
  /** Whether what `bearer` or `certificate` said of a device is still as good as asking again. */
  isFresh(device: DevicePrincipal): boolean;
  /** Whether an open connection's principal would still be let in now, with the same rights. */
  isStillValid(principal: KnownPrincipal): Promise<boolean>;
  /** Which devices a principal sees now. */
  sightOf(principal: KnownPrincipal): Promise<Sight>;
}

/**
 * Turns a credential into a principal. People are looked up at every request (`SessionLookUp`), also those with an access token: that is
 * what makes a revocation, a disabled account or a changed role take effect on the very next request instead of at the token's end.
 */
export function createAuthentication(deps: {
  transactions: Transactions;
  sessions: SessionLookUp;
  accessTokens: AccessTokens;
  deviceCredentials: DeviceCredentials;
  refusedTokens: RefusedTokens;
  apiKeys: ApiKeys;
  factorPolicy: FactorPolicy;
  /** So long after their last use browsers' sessions end (and at most as long after sign-in as the row says). */
  sessionIdleMs: number;
  dpopProofs: DpopProofs;
  /** Whether a token that is bound to no key is refused. */
  dpopRequired?: boolean;
  clock: Clock;
}): Authentication {
  const { transactions, sessions, accessTokens, deviceCredentials, apiKeys, refusedTokens, factorPolicy, dpopProofs } =
    deps;
  const { sessionIdleMs, clock } = deps;

  const usable = <R extends Omit<SessionRow, 'email'>>(row: R | undefined): row is R => isUsable(row, clock.now());

  async function session(cookieToken: string): Promise<UserPrincipal | null> {
    if (!isOpaqueToken(cookieToken, tokenPrefixes.session)) return null;
    const row = await sessions.byToken(tokenHash(cookieToken));
    if (!usable(row)) return null;
    const now = clock.now();
    if (isTouchDue(row, now)) {
      const touch = (tx: UnauditedTx) => touchSession(tx, row.session_id, new Date(now), new Date(now + sessionIdleMs));
      await transactions.unaudited(row.organisation_id, 'session_touch', touch);
    }
    return person(row, 'cookie', row.absolute_expires_at);
  }

  async function claimsOf(text: string): Promise<AccessClaims | null> {
    try {
      return await accessTokens.verify(text);
    } catch (error) {
      if (error instanceof AccessTokenError) return null;
      throw error;
    }
  }

  async function personOf(claims: AccessClaims): Promise<UserPrincipal | null> {
    const { sessionId } = claims;
    if (sessionId === undefined) return null;
    const row = await sessions.byId(sessionId);
    if (!usable(row) || row.user_id !== claims.userId || row.authorization_version !== claims.authzVersion) return null;
    return person(row, 'token', new Date(claims.expiresAt));
  }

  async function accessToken(text: string): Promise<UserPrincipal | Bound | null> {
    const claims = await claimsOf(text);
    if (claims === null) return null;
    if (claims.dpopThumbprint !== undefined) return 'bound_token';
    return deps.dpopRequired ? 'unbound_token' : personOf(claims);
  }

  function person(row: SessionRow, via: UserPrincipal['via'], expiresAt: Date): UserPrincipal {
    return {
      kind: 'user',
      userId: row.user_id,
      organisationId: row.organisation_id,
      role: row.role,
      permissions: permissionsOf(row.role, row.custom_permissions),
      viewers: viewersOf(row),
      email: row.email,
      sessionId: row.session_id,
      via,
      verifiedAt: row.verified_at,
      factor: row.factor,
      pending: pendingOf(row, factorPolicy),
      expiresAt,
    };
  }

  function device(token: string, address: string): DevicePrincipal | null | Promise<DevicePrincipal | null> {
    if (refusedTokens.isKnownBad(address, token)) return null;
    const found = deviceCredentials.verify(token);
    return found instanceof Promise ? found.then((principal) => counted(principal, token, address)) : found;
  }

  async function apiKey(token: string, address: string, certificate?: Buffer) {
    if (refusedTokens.isKnownBad(address, token)) return null;
    const found = await apiKeys.verify(token, { address, certificate });
    return found === 'bound_api_key' ? found : counted(found, token, address);
  }

  async function bouncer(key: string, address: string): Promise<BouncerPrincipal | null> {
    if (refusedTokens.isKnownBad(address, key)) return null;
    const row = isOpaqueToken(key, tokenPrefixes.bouncer)
      ? await transactions.lookUp((reader) => findBouncer(reader, tokenHash(key)))
      : undefined;
    const principal = row && {
      kind: 'bouncer' as const,
      bouncerId: row.bouncer_id,
      organisationId: row.organisation_id,
    };
    return counted(principal ?? null, key, address);
  }

  async function counted<P extends KnownPrincipal | BouncerPrincipal>(
    principal: P | null,
    token: string,
    address: string,
  ) {
    if (principal === null) await refusedTokens.refused(address, token);
    return principal;
  }

  return {
    session,
    sightOf: (principal) => sightOf(transactions, principal),
    certificate: deviceCredentials.verifyCertificate,
    isFresh: deviceCredentials.isFresh,
    apiKey,
    bouncer,
    bearer(token, address) {
      if (token.startsWith(tokenPrefixes.device)) return device(token, address);
      return isApiKey(token) ? apiKey(token, address) : accessToken(token);
    },
    proofOf: ({ proof, ...target }) => dpopProofs.take(proof ?? '', target),
    async bound(token, { proof, ...target }) {
      const claims = await claimsOf(token);
      // RFC 9449, 7.2: a token that anybody may show must not look as if it were protected.
      if (claims?.dpopThumbprint === undefined) return 'invalid_token';
      if (proof === undefined) return 'invalid_dpop_proof';
      const principal = await personOf(claims);
      if (principal === null) return 'invalid_token';
      try {
        await dpopProofs.take(proof, { ...target, accessToken: token }, claims.dpopThumbprint);
        return principal;
      } catch (error) {
        if (!(error instanceof DpopProofError)) throw error;
        return error.problem === 'another-key' ? 'invalid_token' : 'invalid_dpop_proof';
      }
    },
    async isStillValid(principal) {
      if (principal.kind === 'device') return deviceCredentials.isStillValid(principal);
      if (principal.kind === 'apiKey') return apiKeys.isStillValid(principal);
      const row = await transactions.lookUp((reader) => findSessionById(reader, principal.sessionId));
      if (!usable(row)) return false;
      const permissions = permissionsOf(row.role, row.custom_permissions);
      return (
        row.role === principal.role &&
        sameSet(permissions, principal.permissions) &&
        viewersOf(row).length === principal.viewers.length &&
        pendingOf(row, factorPolicy) === principal.pending
      );
    },
  };
}

const viewersOf = ({ device_scope, user_id }: Pick<SessionRow, 'device_scope' | 'user_id'>): readonly string[] =>
  device_scope === 'limited' ? [user_id] : [];
