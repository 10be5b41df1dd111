import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export async function insertProviderSession(
  tx: WriteTx,
  session: { sessionId: string; organisationId: number; identityId: string; providerSession: string | null },
): Promise<void> {
  await sql`insert into provider_sessions (session_id, organisation_id, identity_id, provider_session)
    values (${session.sessionId}, ${session.organisationId}, ${session.identityId}, ${session.providerSession})`.execute(
    tx.db,
  );
}

export interface RestingSessions {
  readonly providerId: string;
  /** Only those of this identity. */
  readonly identityId?: string | undefined;
  /** Only those that came of this session at the provider. */
  readonly providerSession?: string | undefined;
  readonly exceptId?: string | undefined;
}

/** Ends the sessions that rest on a provider's word; returns their ids. */
export async function endProviderSessions(
  tx: WriteTx,
  which: RestingSessions,
  reason: string,
  now: Date,
): Promise<string[]> {
  const { providerId, identityId = null, providerSession = null, exceptId = null } = which;
  const ended = await sql<{ id: string }>`
    update sessions set revoked_at = ${now}, revoked_reason = ${reason}
    where revoked_at is null and id is distinct from ${exceptId}::uuid and id in (
      select s.session_id from provider_sessions s join linked_identities i on i.id = s.identity_id
      where i.provider_id = ${providerId}
        and (${identityId}::uuid is null or i.id = ${identityId}::uuid)
        and (${providerSession}::text is null or s.provider_session = ${providerSession}))
    returning id`.execute(tx.db);
  return ended.rows.map(({ id }) => id);
}

/** Whether the session a link began in is still open. */
export async function isSessionOpen(reader: Reader, sessionId: string, now: Date): Promise<boolean> {
  const { rows } = await sql`
    select 1 from sessions where id = ${sessionId} and revoked_at is null and idle_expires_at > ${now}
      and absolute_expires_at > ${now}`.execute(reader.db);
  return rows.length > 0;
}

/** False when the provider has used it before. */
export async function useLogoutToken(
  tx: WriteTx,
  token: { providerId: string; organisationId: number; tokenHash: Buffer; expiresAt: Date },
): Promise<boolean> {
  const used = await sql`
    insert into used_logout_tokens (provider_id, organisation_id, token_hash, expires_at)
    values (${token.providerId}, ${token.organisationId}, ${token.tokenHash}, ${token.expiresAt})
    on conflict do nothing returning 1`.execute(tx.db);
  return used.rows.length > 0;
}
