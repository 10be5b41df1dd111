import type { Notices } from '../../platform/db/notices.ts';
import type { KnownPrincipal } from './principal.ts';

/** What was revoked: every field given must match. */
export interface RevocationMatch {
  readonly sessionId?: string;
  readonly userId?: string;
  readonly deviceId?: string;
  readonly credentialId?: string;
  readonly keyId?: string;
  /** Together with `role`, whose names are an organisation's own. */
  readonly organisationId?: number;
  readonly role?: string;
  /** With `organisationId` alone: which devices are in which groups, or whose, changed. Nobody's rights did. */
  readonly sight?: true;
  /** Not revoked but changed (role, device type): caches must be dropped, connections re-checked. */
  readonly recheck?: true;
}

export interface Revocations {
  /** Tells this server at once and every other server on the database within a second. */
  announce(match: RevocationMatch): Promise<void>;
  onRevoked(listener: (match: RevocationMatch) => void): void;
  /** Messages may have been missed: whatever was cached or is connected must be checked again. */
  onGap(listener: () => void): void;
}

/** Every field given must match; a match without fields concerns nobody. What concerns a key's owner or creator concerns the key. */
export function concerns({ recheck: _, ...fields }: RevocationMatch, principal: KnownPrincipal): boolean {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const matches = (own: object) =>
    given.every(([field, value]) => (own as Readonly<Record<string, unknown>>)[field] === value);
  if (given.length === 0) return false;
  return matches(principal) || (principal.kind === 'apiKey' && matches({ ...principal, ...principal.creator }));
}

const TOPIC = 'revoked';

/**
 * Revocation is a row in the database first; this only spreads the word, so that caches and open connections end within a second. A
 * lost message delays a cache by its time to live at most and never makes a revoked credential good again for a new look-up.
 */
export function createRevocations(notices: Notices): Revocations {
  const listeners: ((match: RevocationMatch) => void)[] = [];
  const tell = (match: RevocationMatch) => {
    for (const listener of listeners) listener(match);
  };
  notices.onNotice(TOPIC, (body) => tell(body as RevocationMatch));
  return {
    async announce(match) {
      tell(match);
      await notices.publish(TOPIC, match);
    },
    onRevoked: (listener) => {
      listeners.push(listener);
    },
    onGap: (listener) => notices.onGap(listener),
  };
}
