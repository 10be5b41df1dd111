import { sql } from 'kysely';
import type { ProvenFactor } from '../../security/access/principal.ts';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { SessionRecord } from './session.ts';

export interface NewSession {
  id: string;
  organisationId: number;
  userId: string;
  kind: 'browser' | 'token';
  factor: ProvenFactor;
  tokenHash: Buffer | null;
  address: string;
  userAgent: string | null;
  now: Date;
  idleExpiresAt: Date;
  absoluteExpiresAt: Date;
  /** When the person proved who they are; now unless told. */
  verifiedAt?: Date | undefined;
}

export async function insertSession(tx: WriteTx, session: NewSession): Promise<void> {
  await sql`
    insert into sessions (id, organisation_id, user_id, kind, factor, token_hash, address, user_agent,
      created_at, last_seen_at, verified_at, idle_expires_at, absolute_expires_at)
    values (${session.id}, ${session.organisationId}, ${session.userId}, ${session.kind}, ${session.factor}, ${session.tokenHash},
      ${session.address}::inet, ${session.userAgent}, ${session.now}, ${session.now}, ${session.verifiedAt ?? session.now},
      ${session.idleExpiresAt}, ${session.absoluteExpiresAt})`.execute(tx.db);
}

export async function listOpenSessions(reader: Reader, userId: string, now: Date): Promise<SessionRecord[]> {
  const found = await sql<SessionRecord>`
    select id, kind, factor, user_agent, host(address) as address, created_at, last_seen_at, idle_expires_at, absolute_expires_at
    from sessions
    where user_id = ${userId} and revoked_at is null and idle_expires_at > ${now} and absolute_expires_at > ${now}
    order by last_seen_at desc limit 1000`.execute(reader.db);
  return found.rows;
}

/** Whether the person signed in before, and with this client (as it names itself). */
export async function findClientHistory(
  reader: Reader,
  userId: string,
  userAgent: string | null,
): Promise<{ hasSignedIn: boolean; knowsClient: boolean }> {
  const found = await sql<{ hasSignedIn: boolean; knowsClient: boolean }>`
    select count(*) > 0 as "hasSignedIn", coalesce(bool_or(user_agent is not distinct from ${userAgent}), false) as "knowsClient"
    from sessions where user_id = ${userId}`.execute(reader.db);
  return found.rows[0] ?? { hasSignedIn: false, knowsClient: false };
}

/** A fresh proof in an open session; a browser's token is replaced by it (ASVS 7.2.4). False when the session has ended. */
export async function proveSession(
  tx: WriteTx,
  proof: { sessionId: string; factor: ProvenFactor; tokenHash: Buffer | null; now: Date },
): Promise<boolean> {
  const proven = await sql`update sessions set factor = ${proof.factor}, verified_at = ${proof.now},
      token_hash = case when kind = 'browser' then coalesce(${proof.tokenHash}, token_hash) end
    where id = ${proof.sessionId} and revoked_at is null returning id`.execute(tx.db);
  return proven.rows.length > 0;
}

/** Ends one session of the person; false when there is none. */
export async function revokeSession(
  tx: WriteTx,
  which: { id: string; userId: string },
  reason: string,
  now: Date,
): Promise<boolean> {
  const ended = await sql`
    update sessions set revoked_at = ${now}, revoked_reason = ${reason}
    where id = ${which.id} and user_id = ${which.userId} and revoked_at is null returning id`.execute(tx.db);
  return ended.rows.length > 0;
}

/** Ends all sessions of a person but the one given; returns their ids. */
export async function revokeSessionsOf(
  tx: WriteTx,
  which: { userId: string; exceptId: string | null },
  reason: string,
  now: Date,
): Promise<string[]> {
  const ended = await sql<{ id: string }>`
    update sessions set revoked_at = ${now}, revoked_reason = ${reason}
    where user_id = ${which.userId} and revoked_at is null and id is distinct from ${which.exceptId}::uuid
    returning id`.execute(tx.db);
  return ended.rows.map((row) => row.id);
}

export interface RefreshFamily {
  session_id: string;
  secret_sealed: Buffer;
  generation: number;
  rotated_at: Date;
  /** The key its tokens are bound to. */
  dpop_thumbprint: string | null;
}

export async function insertRefreshFamily(
  tx: WriteTx,
  family: {
    sessionId: string;
    organisationId: number;
    secretSealed: Buffer;
    firstHash: Buffer;
    dpopThumbprint: string | null;
    now: Date;
  },
): Promise<void> {
  await sql`insert into refresh_families (session_id, organisation_id, secret_sealed, generation, rotated_at, dpop_thumbprint)
    values (${family.sessionId}, ${family.organisationId}, ${family.secretSealed}, 1, ${family.now}, ${family.dpopThumbprint})`.execute(
    tx.db,
  );
  await insertRefreshToken(tx, { ...family, tokenHash: family.firstHash, generation: 1 });
}

/** Locks the family, so that two refreshes, or a refresh and a revocation, come one after the other. */
export async function lockRefreshFamily(tx: WriteTx, sessionId: string): Promise<RefreshFamily | undefined> {
  const found = await sql<RefreshFamily>`
    select f.session_id, f.secret_sealed, f.generation, f.rotated_at, f.dpop_thumbprint
    from refresh_families f join sessions s on s.id = f.session_id
    where f.session_id = ${sessionId} and s.revoked_at is null
    for update of f, s`.execute(tx.db);
  return found.rows[0];
}

export async function advanceRefreshFamily(
  tx: WriteTx,
  next: {
    sessionId: string;
    organisationId: number;
    generation: number;
    tokenHash: Buffer;
    now: Date;
    idleExpiresAt: Date;
  },
): Promise<void> {
  await sql`update refresh_families set generation = ${next.generation}, rotated_at = ${next.now}
    where session_id = ${next.sessionId}`.execute(tx.db);
  await sql`update sessions set last_seen_at = ${next.now}, idle_expires_at = least(${next.idleExpiresAt}, absolute_expires_at)
    where id = ${next.sessionId}`.execute(tx.db);
  await insertRefreshToken(tx, next);
}

async function insertRefreshToken(
  tx: WriteTx,
  token: { sessionId: string; organisationId: number; generation: number; tokenHash: Buffer },
): Promise<void> {
  await sql`insert into refresh_tokens (token_hash, session_id, organisation_id, generation)
    values (${token.tokenHash}, ${token.sessionId}, ${token.organisationId}, ${token.generation})`.execute(tx.db);
}

export interface FoundRefreshToken {
  session_id: string;
  organisation_id: number;
  generation: number;
}

export async function findRefreshToken(reader: Reader, tokenHash: Buffer): Promise<FoundRefreshToken | undefined> {
  return (await sql<FoundRefreshToken>`select * from find_refresh_token(${tokenHash})`.execute(reader.db)).rows[0];
}
