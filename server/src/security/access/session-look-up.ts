import type { Clock } from '../../lib/clock.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { openPeople } from './people.ts';
import { findSessionById, findSessionByToken, type SealedSessionRow, type SessionRow } from './session.repository.ts';
import type { SessionCache, SessionName } from './session-cache.ts';

export interface SessionLookUp {
  byToken(tokenHash: Buffer): Promise<SessionRow | undefined>;
  byId(sessionId: string): Promise<SessionRow | undefined>;
}

/** How long one entry may serve; a browser's serves until it is due to be touched, which a look into the database does anyway. */
const KEPT_MS = 60_000;
/** When a browser's session was last seen is written down once a minute at most. */
const TOUCH_EVERY_MS = 60_000;

export const isUsable = <R extends Omit<SessionRow, 'email'>>(row: R | undefined, now: number): row is R =>
  row !== undefined &&
  row.status === 'active' &&
  row.idle_expires_at.getTime() > now &&
  row.absolute_expires_at.getTime() > now;

export const isTouchDue = (row: SessionRow, now: number): boolean => now - row.last_seen_at.getTime() > TOUCH_EVERY_MS;

/** With the address in clear. */
export async function openSession(
  dataKeys: Pick<DataKeys, 'openAll'>,
  row: SealedSessionRow | undefined,
): Promise<SessionRow | undefined> {
  const [opened] = row ? await openPeople(dataKeys, ['email'], [row]) : [];
  if (opened === undefined) return undefined;
  // What caches hold of a session is told apart by its fields, so it gets none beside those of the row.
  const { unreadable: _, ...session } = opened;
  return session;
}

/**
 * Finds the session of every request: in Redis where there is one, else in PostgreSQL, which is the truth. Redis only ever lets in: that a
 * session has ended or does not exist is said by the database alone, so losing Redis, or anything in it, ends none.
 */
export function createSessionLookUp(deps: {
  transactions: Pick<Transactions, 'lookUp'>;
  dataKeys: Pick<DataKeys, 'openAll'>;
  cache?: SessionCache | undefined;
  metrics?: Pick<Metrics, 'sessionLookedUp'> | undefined;
  clock: Clock;
}): SessionLookUp {
  const { transactions, dataKeys, cache, metrics, clock } = deps;

  async function find(
    name: SessionName,
    inDatabase: () => Promise<SealedSessionRow | undefined>,
    isWorthKeeping: (row: SessionRow) => boolean,
  ): Promise<SessionRow | undefined> {
    const kept = await cache?.find(name);
    if (isUsable(kept, clock.now()) && isWorthKeeping(kept)) {
      metrics?.sessionLookedUp('redis');
      return kept;
    }
    const row = await openSession(dataKeys, await inDatabase());
    metrics?.sessionLookedUp('database');
    if (isUsable(row, clock.now()) && isWorthKeeping(row)) cache?.keep(name, row, lifetimeOf(row, clock.now()));
    return row;
  }

  return {
    byToken: (tokenHash) =>
      find(
        { tokenHash },
        () => transactions.lookUp((reader) => findSessionByToken(reader, tokenHash)),
        (row) => !isTouchDue(row, clock.now()),
      ),
    byId: (id) =>
      find(
        { id },
        () => transactions.lookUp((reader) => findSessionById(reader, id)),
        () => true,
      ),
  };
}

const lifetimeOf = (row: SessionRow, now: number): number =>
  Math.min(KEPT_MS, row.idle_expires_at.getTime() - now, row.absolute_expires_at.getTime() - now);
