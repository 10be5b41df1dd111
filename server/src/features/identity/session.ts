import { createHmac } from 'node:crypto';
import type { Session } from '@valtronics/contract';
import type { ProvenFactor } from '../../security/access/principal.ts';
import { tokenPrefixes } from '../../security/crypto/tokens.ts';

/** Of a browser: how long it lasts without use, and however much it is used. */
export interface SessionTimes {
  readonly idleMs: number;
  readonly absoluteMs: number;
}

/** A token client must sign in again after this; until then its session lives as long as its refresh tokens are used. */
export const TOKEN_ABSOLUTE_MS = 30 * 86_400_000;
/** A client whose answer got lost may ask again with the same refresh token for this long, and gets the same successor. */
export const REFRESH_GRACE_MS = 30_000;

/**
 * Refresh token number n of a family: HMAC-SHA-256 under the family's own secret. Its 256 bits are as unguessable as random ones to
 * anybody without the secret (which lies sealed), and it can be derived again for a retry instead of being stored.
 */
export function refreshToken(familySecret: Buffer, generation: number): string {
  return tokenPrefixes.refresh + createHmac('sha256', familySecret).update(`refresh/${generation}`).digest('base64url');
}

export interface SessionRecord {
  id: string;
  kind: 'browser' | 'token';
  factor: ProvenFactor;
  user_agent: string | null;
  address: string | null;
  created_at: Date;
  last_seen_at: Date;
  idle_expires_at: Date;
  absolute_expires_at: Date;
}

export function presentSession(row: SessionRecord, currentId: string | null): Session {
  const expires = Math.min(row.idle_expires_at.getTime(), row.absolute_expires_at.getTime());
  return {
    id: row.id,
    kind: row.kind,
    current: row.id === currentId,
    factor: row.factor,
    userAgent: row.user_agent,
    address: row.address,
    createdAt: row.created_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
    expiresAt: new Date(expires).toISOString(),
  };
}
