import type { Clock } from '../../lib/clock.ts';
import type { UnauditedTx } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { AccessTokenError, type AccessTokens } from '../crypto/access-tokens.ts';
import { isOpaqueToken, tokenHash, tokenPrefixes } from '../crypto/tokens.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import type { DevicePrincipal, UserPrincipal } from './principal.ts';
import { findSessionById, findSessionByToken, type SessionRow, touchSession } from './session.repository.ts';

/** Browser sessions end an hour after their last use (and at most twelve hours after sign-in, which the row says). */
export const SESSION_IDLE_MS = 60 * 60_000;
const TOUCH_EVERY_MS = 60_000;

export interface Authentication {
  /** The person whose browser sent this session cookie, or null. */
  session(cookieToken: string): Promise<UserPrincipal | null>;
  /** The person or device a bearer token speaks for, or null; at once for a device that was here a moment ago. */
  bearer(token: string): DevicePrincipal | null | Promise<UserPrincipal | DevicePrincipal | null>;
  /** The device whose certificate TLS has verified, by its SHA-256, or null. */
  certificate(fingerprint: Buffer): DevicePrincipal | null | Promise<DevicePrincipal | null>;
  /** Whether what `bearer` or `certificate` said of a device is still as good as asking again. */
  isFresh(device: DevicePrincipal): boolean;
  /** Whether an open connection's principal would still be let in now, with the same rights. */
  isStillValid(principal: UserPrincipal | DevicePrincipal): Promise<boolean>;
}

/**
 * Turns a credential into a principal. People are looked up in the database at every request, also those with an access token: that is
 * what makes a revocation, a disabled account or a changed role take effect on the very next request instead of at the token's end.
 */
export function createAuthentication(deps: {
  transactions: Transactions;
  accessTokens: AccessTokens;
  deviceCredentials: DeviceCredentials;
  clock: Clock;
}): Authentication {
  const { transactions, accessTokens, deviceCredentials, clock } = deps;

  const usable = (row: SessionRow | undefined): row is SessionRow =>
    row !== undefined &&
    row.status === 'active' &&
    row.idle_expires_at.getTime() > clock.now() &&
    row.absolute_expires_at.getTime() > clock.now();

  async function session(cookieToken: string): Promise<UserPrincipal | null> {
    if (!isOpaqueToken(cookieToken, tokenPrefixes.session)) return null;
    const row = await transactions.read(null, (reader) => findSessionByToken(reader, tokenHash(cookieToken)));
    if (!usable(row)) return null;
    const now = clock.now();
    if (now - row.last_seen_at.getTime() > TOUCH_EVERY_MS) {
      const touch = (tx: UnauditedTx) =>
        touchSession(tx, row.session_id, new Date(now), new Date(now + SESSION_IDLE_MS));
      await transactions.unaudited(row.organisation_id, 'session_touch', touch);
    }
    return person(row, 'cookie', row.absolute_expires_at);
  }

  async function accessToken(text: string): Promise<UserPrincipal | null> {
    try {
      const claims = await accessTokens.verify(text);
      const sessionId = claims.sessionId;
      if (sessionId === undefined) return null;
      const row = await transactions.read(null, (reader) => findSessionById(reader, sessionId));
      if (!usable(row) || row.user_id !== claims.userId || row.authorization_version !== claims.authzVersion)
        return null;
      return person(row, 'token', new Date(claims.expiresAt));
    } catch (error) {
      if (error instanceof AccessTokenError) return null;
      throw error;
    }
  }

  return {
    session,
    certificate: deviceCredentials.verifyCertificate,
    isFresh: deviceCredentials.isFresh,
    bearer: (token) => (token.startsWith(tokenPrefixes.device) ? deviceCredentials.verify(token) : accessToken(token)),
    async isStillValid(principal) {
      if (principal.kind === 'device') return deviceCredentials.isStillValid(principal);
      const row = await transactions.read(null, (reader) => findSessionById(reader, principal.sessionId));
      return usable(row) && row.role === principal.role;
    },
  };
}

function person(row: SessionRow, via: UserPrincipal['via'], expiresAt: Date): UserPrincipal {
  return {
    kind: 'user',
    userId: row.user_id,
    organisationId: row.organisation_id,
    role: row.role,
    email: row.email,
    sessionId: row.session_id,
    via,
    verifiedAt: row.verified_at,
    expiresAt,
  };
}
