import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { tokenHash } from '../crypto/tokens.ts';
import { findDeviceCredential, isCredentialUsable } from './device-credential.repository.ts';
import type { DevicePrincipal } from './principal.ts';
import type { Revocations } from './revocations.ts';

export interface DeviceCredentials {
  /** The device a token belongs to, or null. Unknown tokens are not cached, so guessing costs the guesser a look-up each. */
  verify(token: string): Promise<DevicePrincipal | null>;
  invalidateDevice(deviceId: string): void;
  /** Whether a device let in earlier would still be: asks the database, for connections that stay open. */
  isStillValid(device: DevicePrincipal): Promise<boolean>;
}

const CACHE_MS = 60_000;
const MAX_CACHED = 50_000;

/**
 * A device sends up to hundreds of messages a second, so its verified token is remembered by hash for a minute. Revocation empties the
 * entry on every server at once (`Revocations`); the minute bounds what a lost message could cost.
 */
export function createDeviceCredentials(deps: {
  transactions: Transactions;
  revocations: Revocations;
  clock: Clock;
}): DeviceCredentials {
  const { transactions, revocations, clock } = deps;
  const cache = new Map<string, { principal: DevicePrincipal; until: number }>();

  function invalidateDevice(deviceId: string): void {
    for (const [hash, { principal }] of cache) if (principal.deviceId === deviceId) cache.delete(hash);
  }
  revocations.onRevoked(({ deviceId }) => {
    if (deviceId) invalidateDevice(deviceId);
  });
  revocations.onGap(() => cache.clear());

  return {
    invalidateDevice,
    isStillValid: ({ organisationId, credentialId }) =>
      transactions.read(organisationId, (reader) => isCredentialUsable(reader, credentialId, clock.date())),
    async verify(token) {
      if (!token.startsWith('vtd_') || token.length > 200) return null;
      const hash = tokenHash(token);
      const key = hash.toString('latin1');
      const now = clock.now();
      const cached = cache.get(key);
      if (cached && cached.until > now) return cached.principal;
      const row = await transactions.read(null, (reader) => findDeviceCredential(reader, hash));
      if (!row || (row.expires_at && row.expires_at.getTime() <= now)) {
        cache.delete(key);
        return null;
      }
      const principal: DevicePrincipal = {
        kind: 'device',
        deviceId: row.device_id,
        organisationId: row.organisation_id,
        credentialId: row.credential_id,
        deviceType: row.device_type,
        expiresAt: row.expires_at,
      };
      // Oldest first out: a Map keeps the order of insertion.
      if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value ?? key);
      cache.set(key, {
        principal,
        until: Math.min(now + CACHE_MS, row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY),
      });
      return principal;
    },
  };
}
