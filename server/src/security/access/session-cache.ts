import type { Redis } from '../../platform/redis/redis.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import { SealError } from '../crypto/sealed-value.ts';
import type { SessionRow } from './session.repository.ts';
import type { SessionNews } from './session-news.ts';

/** How a session is looked up: by the SHA-256 of its cookie, or by the id an access token carries. */
export type SessionName = { readonly tokenHash: Buffer } | { readonly id: string };

export interface SessionCache {
  /** The row as the database would give it now, but for what use moves; undefined when only the database can tell. */
  find(name: SessionName): Promise<SessionRow | undefined>;
  /** Puts there what the database said. Nobody waits for it. */
  keep(name: SessionName, row: SessionRow, lifetimeMs: number): void;
}

/** Complete by the compiler's word, so that an entry of another version, which lacks a field or has one more, is recognised. */
const fields = {
  session_id: 'plain',
  user_id: 'plain',
  organisation_id: 'plain',
  role: 'plain',
  custom_permissions: 'plain',
  role_requires_factor: 'plain',
  device_scope: 'plain',
  email: 'plain',
  status: 'plain',
  authorization_version: 'plain',
  last_seen_at: 'date',
  idle_expires_at: 'date',
  absolute_expires_at: 'date',
  verified_at: 'date',
  factor: 'plain',
  must_change_password: 'plain',
  has_factor: 'plain',
  has_passkey: 'plain',
  horizon: 'plain',
  era: 'plain',
} as const satisfies Record<keyof SessionRow, 'plain' | 'date'>;
const names = Object.keys(fields).sort().join();

/**
 * What stands in Redis is sealed under the key ring for the key it stands under: whoever can read it learns neither person nor credential,
 * and whoever can write to it can take entries away, but make none, change none and put none in another's place.
 */
export function createSessionCache(deps: {
  redis: Redis;
  keyRing: KeyRing;
  news: SessionNews;
  /** Told of what stood there and was not ours. */
  refused: () => void;
}): SessionCache {
  const { redis, keyRing, news, refused } = deps;

  /** Not the hash or the id itself: a list of keys should name nobody's session. */
  function keyOf(namespace: string, name: SessionName): string {
    const text = 'id' in name ? `id ${name.id}` : `hash ${name.tokenHash.toString('hex')}`;
    return `valtronics:${namespace}:${keyRing.pseudonym('session in redis', text).toString('base64url')}`;
  }
  const placeOf = (key: string) => ({ organisation: null, table: 'redis', column: 'session', row: key });

  function opened(key: string, entry: string): SessionRow | undefined {
    try {
      return rowOf(keyRing.open(Buffer.from(entry, 'base64'), placeOf(key)).toString());
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      refused();
      return undefined;
    }
  }

  return {
    async find(name) {
      const belief = news.belief();
      if (belief === undefined) return undefined;
      const key = keyOf(belief.namespace, name);
      const answer = await redis.get([key, belief.headKey]);
      if (answer === undefined) return undefined;
      const [entry = null, head = null] = answer.values;
      if (!news.confirms(belief, answer, head) || entry === null) return undefined;
      const row = opened(key, entry);
      return row !== undefined && news.isCurrent(row) ? row : undefined;
    },
    keep(name, row, lifetimeMs) {
      const belief = news.belief();
      if (belief === undefined || lifetimeMs < 1) return;
      const key = keyOf(belief.namespace, name);
      const entry = keyRing.seal(JSON.stringify(row), placeOf(key)).toString('base64');
      void redis.set(key, entry, Math.ceil(lifetimeMs));
    },
  };
}

/** Authentic, so it has the shape some version of ours gave it. */
function rowOf(text: string): SessionRow | undefined {
  const parsed = JSON.parse(text) as Record<string, unknown>;
  if (Object.keys(parsed).sort().join() !== names) return undefined;
  for (const [name, kind] of Object.entries(fields)) if (kind === 'date') parsed[name] = new Date(String(parsed[name]));
  return parsed as unknown as SessionRow;
}
