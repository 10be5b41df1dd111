import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Reader } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { isOpaqueToken, tokenHash, tokenPrefixes } from '../crypto/tokens.ts';
import {
  type DeviceCredentialRow,
  findDeviceCertificate,
  findDeviceCredential,
  isCredentialUsable,
} from './device-credential.repository.ts';
import type { DevicePrincipal } from './principal.ts';
import type { Revocations } from './revocations.ts';

export interface DeviceCredentials {
  /** The device a token belongs to, or null. Unknown tokens are not cached, so guessing costs the guesser a look-up each. */
  verify(token: string): DevicePrincipal | null | Promise<DevicePrincipal | null>;
  /**
   * The device a certificate belongs to, by its SHA-256, or null. Only for what TLS has verified: a fingerprint is no secret, and it is
   * the handshake that proves the key.
   */
  verifyCertificate(fingerprint: Buffer): DevicePrincipal | null | Promise<DevicePrincipal | null>;
  /** Whether `verify` would answer with this device again, as far as is known here: no news of any revocation since, within its minute. */
  isFresh(device: DevicePrincipal): boolean;
  invalidateDevice(deviceId: string): void;
  /** Whether a device let in earlier would still be: asks the database, for connections that stay open. */
  isStillValid(device: DevicePrincipal): Promise<boolean>;
}

type Find = (reader: Reader, hash: Buffer) => Promise<DeviceCredentialRow | undefined>;

const CACHE_MS = 60_000;
const MAX_CACHED = 50_000;

/**
 * A device sends up to hundreds of messages a second, so its verified token or certificate is remembered by hash for a minute. Revocation empties the
 * entry on every server at once (`Revocations`); the minute bounds what a lost message could cost.
 */
export function createDeviceCredentials(deps: {
  transactions: Transactions;
  revocations: Revocations;
  clock: Clock;
}): DeviceCredentials {
  const { transactions, revocations, clock } = deps;
  const cache = boundedCache<DevicePrincipal>(MAX_CACHED, clock);
  const freshness = new WeakMap<DevicePrincipal, { readonly until: number; news: number }>();
  /** Counts what was said of revocations. A look-up during which one was heard may have read what was true before it. */
  let news = 0;

  function invalidateDevice(deviceId: string): void {
    news += 1;
    cache.deleteWhere((principal) => principal.deviceId === deviceId);
  }
  revocations.onRevoked(({ deviceId }) => {
    if (deviceId) invalidateDevice(deviceId);
  });
  revocations.onGap(() => {
    news += 1;
    cache.clear();
  });

  return {
    invalidateDevice,
    isStillValid: ({ organisationId, credentialId }) =>
      transactions.read(organisationId, (reader) => isCredentialUsable(reader, credentialId, clock.date())),
    isFresh(device) {
      const known = freshness.get(device);
      return known !== undefined && known.news === news && known.until > clock.now();
    },
    verify(token) {
      if (!isOpaqueToken(token, tokenPrefixes.device)) return null;
      return remembered(tokenHash(token), findDeviceCredential);
    },
    // Both are SHA-256, of texts that begin differently: one cannot be taken for the other.
    verifyCertificate: (fingerprint) => remembered(fingerprint, findDeviceCertificate),
  };

  function remembered(hash: Buffer, find: Find): DevicePrincipal | Promise<DevicePrincipal | null> {
    const key = hash.toString('latin1');
    const cached = cache.get(key);
    if (!cached) return lookUp(hash, key, find);
    // What was revoked is not in the cache any more, so the news heard meanwhile were of others.
    const known = freshness.get(cached);
    if (known) known.news = news;
    return cached;
  }

  async function lookUp(hash: Buffer, key: string, find: Find): Promise<DevicePrincipal | null> {
    const newsBefore = news;
    const row = await transactions.read(null, (reader) => find(reader, hash));
    const now = clock.now();
    const expiresAt = row?.expires_at?.getTime() ?? Number.POSITIVE_INFINITY;
    if (!row || expiresAt <= now) return null;
    const principal: DevicePrincipal = {
      kind: 'device',
      deviceId: row.device_id,
      organisationId: row.organisation_id,
      credentialId: row.credential_id,
      deviceType: row.device_type,
      expiresAt: row.expires_at,
    };
    const until = Math.min(now + CACHE_MS, expiresAt);
    if (news === newsBefore) {
      cache.set(key, principal, until);
      freshness.set(principal, { until, news });
    }
    return principal;
  }
}
