import { sql } from 'kysely';
import type { WriteTx } from '../../security/audit/tokens.ts';

/** A person who left for a provider. */
export interface Departure {
  readonly stateHash: Buffer;
  readonly organisationId: number;
  readonly providerId: string;
  readonly browserHash: Buffer;
  readonly secretsSealed: Buffer;
  readonly nextPath: string | null;
  readonly link: { readonly userId: string; readonly sessionId: string } | null;
  readonly fresh: boolean;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export async function insertDeparture(tx: WriteTx, departure: Departure): Promise<void> {
  const { link } = departure;
  await sql`
    insert into departures (state_hash, organisation_id, provider_id, browser_hash, secrets_sealed, next_path, link_user_id,
      link_session_id, fresh, created_at, expires_at)
    values (${departure.stateHash}, ${departure.organisationId}, ${departure.providerId}, ${departure.browserHash},
      ${departure.secretsSealed}, ${departure.nextPath}, ${link?.userId ?? null}, ${link?.sessionId ?? null}, ${departure.fresh},
      ${departure.createdAt}, ${departure.expiresAt})`.execute(tx.db);
}

/**
 * Claims the departure: of any number of returns with one state, one finds it. It must be the browser that left, for this provider; a
 * stranger who knows the state neither gets it nor spends it.
 */
export async function claimDeparture(
  tx: WriteTx,
  which: { stateHash: Buffer; browserHash: Buffer; providerId: string; now: Date },
): Promise<Departure | undefined> {
  const { rows } = await sql<
    Omit<Departure, 'link'> & { readonly linkUserId: string | null; readonly linkSessionId: string | null }
  >`
    delete from departures
    where state_hash = ${which.stateHash} and browser_hash = ${which.browserHash} and provider_id = ${which.providerId}
      and expires_at > ${which.now}
    returning state_hash as "stateHash", organisation_id as "organisationId", provider_id as "providerId",
      browser_hash as "browserHash", secrets_sealed as "secretsSealed", next_path as "nextPath", link_user_id as "linkUserId",
      link_session_id as "linkSessionId", fresh, created_at as "createdAt", expires_at as "expiresAt"`.execute(tx.db);
  const [row] = rows;
  if (!row) return undefined;
  const { linkUserId, linkSessionId, ...departure } = row;
  const link = linkUserId && linkSessionId ? { userId: linkUserId, sessionId: linkSessionId } : null;
  return { ...departure, link };
}

/** Removes what is over, at most so many rows; returns how many. */
export async function removeExpired(tx: WriteTx, now: Date, limit: number): Promise<number> {
  let removed = 0;
  for (const table of ['departures', 'used_logout_tokens']) {
    const { rows } = await sql`
      delete from ${sql.table(table)} where ctid in (
        select ctid from ${sql.table(table)} where expires_at <= ${now} limit ${limit}) returning 1`.execute(tx.db);
    removed = Math.max(removed, rows.length);
  }
  return removed;
}
