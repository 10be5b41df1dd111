import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { type BoundedCache, boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { AuditActor } from '../../security/audit/audit-event.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import { tokenHash } from '../../security/crypto/tokens.ts';
import type { DepartureService } from './departure.service.ts';
import type { LinkedIdentities } from './linked-identities.ts';
import { readLogoutToken } from './logout-token.ts';
import { CLOCK_TOLERANCE_SECONDS } from './provider-client.ts';
import { PROVIDER_TIMEOUT_MS, providerFetch } from './provider-fetch.ts';
import type { MetadataSource } from './provider-metadata.ts';
import { problemOf } from './provider-problem.ts';
import { endProviderSessions, useLogoutToken } from './provider-session.repository.ts';

type WriteAs = <T>(
  who: { organisationId: number; actor: AuditActor },
  work: (tx: AuditedTx) => Promise<T>,
) => Promise<T>;

export type BackchannelLogout = ReturnType<typeof createBackchannelLogout>;

const MAX_KEY_SETS = 200;
/** Unknown keys make us ask the provider at most this often, however many tokens strangers make up. */
const KEYS_COOLDOWN_MS = 30_000;
const KEYS_MS = 10 * 60_000;

/** Ends what rests on a provider's word when it takes it back (OpenID Connect Back-Channel Logout 1.0). */
export function createBackchannelLogout(deps: {
  departures: Pick<DepartureService, 'providerOf'>;
  metadata: MetadataSource;
  identities: LinkedIdentities;
  outbound: Outbound;
  revocations: Revocations;
  clock: Clock;
  log: Logger;
}) {
  const { departures, metadata, identities, outbound, revocations, clock, log } = deps;
  const keySets: BoundedCache<JWTVerifyGetKey> = boundedCache(MAX_KEY_SETS, clock);

  function keysAt(url: string): JWTVerifyGetKey {
    const known = keySets.get(url);
    if (known) return known;
    const fetch = providerFetch(outbound);
    const keys = createRemoteJWKSet(new URL(url), {
      cooldownDuration: KEYS_COOLDOWN_MS,
      cacheMaxAge: KEYS_MS,
      timeoutDuration: PROVIDER_TIMEOUT_MS,
      [customFetch]: (address, { method, headers, signal }) =>
        fetch(address, { method, headers: Object.fromEntries(headers), body: null, redirect: 'manual', signal }),
    });
    keySets.set(url, keys, clock.now() + KEYS_MS);
    return keys;
  }

  async function read(slug: string, token: string, requestId: string) {
    try {
      const provider = await departures.providerOf(slug);
      const found = await metadata.of(provider.issuer);
      const expected = { metadata: found, clientId: provider.clientId, keys: keysAt(found.jwks_uri), clock };
      const said = await readLogoutToken(token, expected);
      if (!('fault' in said)) return { provider, said };
      log.warn(
        { event: 'logout_token.refused', reason: said.fault, provider: slug, requestId },
        'a logout was refused',
      );
    } catch (error) {
      throw problemOf(error);
    }
    throw notALogout();
  }

  return async (writeAs: WriteAs, slug: string, token: string, { requestId }: { requestId: string }): Promise<void> => {
    const { provider, said } = await read(slug, token, requestId);
    const { id: providerId, organisationId, issuer } = provider;
    const actor = { kind: 'system', id: 'sign-in-provider', label: null } as const;
    const ended = await writeAs({ organisationId, actor }, async (tx) => {
      const isFirst = await useLogoutToken(tx, {
        providerId,
        organisationId,
        tokenHash: tokenHash(said.id),
        expiresAt: new Date(said.expiresAt.getTime() + CLOCK_TOLERANCE_SECONDS * 1_000),
      });
      if (!isFirst) throw notALogout();
      const { subject, providerSession } = said;
      const whose = subject === undefined ? undefined : await identities.find(tx, organisationId, { issuer, subject });
      const which = { providerId, identityId: whose?.id, providerSession };
      const isOfNobodyHere = subject !== undefined && whose === undefined;
      const sessions = isOfNobodyHere
        ? []
        : await endProviderSessions(tx, which, 'signed out at the provider', clock.date());
      tx.describe({
        resource: { kind: 'identity_provider', id: providerId },
        details: { provider: slug, endedSessions: sessions.length },
      });
      return sessions;
    });
    for (const sessionId of ended) await revocations.announce({ sessionId });
  };
}

const notALogout = () => new Problem('invalid_request', { detail: 'The logout token is not valid.' });
