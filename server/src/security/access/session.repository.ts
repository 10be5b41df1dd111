import type { DeviceScope, Permission, Role } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';
import type { ProvenFactor } from './principal.ts';

export interface SessionRow {
  session_id: string;
  user_id: string;
  organisation_id: number;
  role: Role;
  /** What a role of the organisation's own gives; null for a built-in one, and for one that does not exist any more. */
  custom_permissions: Permission[] | null;
  role_requires_factor: boolean;
  device_scope: DeviceScope;
  email: string;
  status: 'invited' | 'active' | 'disabled';
  authorization_version: number;
  last_seen_at: Date;
  idle_expires_at: Date;
  absolute_expires_at: Date;
  verified_at: Date;
  factor: ProvenFactor;
  must_change_password: boolean;
  has_factor: boolean;
  has_passkey: boolean;
  /** Every transaction before this one had ended when the row was read, so what it changed is in the row. */
  horizon: string;
  /** Of which run of which PostgreSQL that is true: after a failover or a restore the same numbers name other transactions. */
  era: string;
}

/** As the database gives it: the address is sealed. */
export type SealedSessionRow = Omit<SessionRow, 'email'> & { readonly email_sealed: Buffer | null };

const readAt = sql`pg_snapshot_xmin(pg_current_snapshot())::text as horizon, extract(epoch from pg_postmaster_start_time())::text as era`;

export async function findSessionByToken(reader: Reader, tokenHash: Buffer): Promise<SealedSessionRow | undefined> {
  return (await sql<SealedSessionRow>`select *, ${readAt} from find_session(${tokenHash})`.execute(reader.db)).rows[0];
}

export async function findSessionById(reader: Reader, sessionId: string): Promise<SealedSessionRow | undefined> {
  return (await sql<SealedSessionRow>`select *, ${readAt} from find_session_by_id(${sessionId})`.execute(reader.db))
    .rows[0];
}

export async function touchSession(tx: WriteTx, sessionId: string, seenAt: Date, idleExpiresAt: Date): Promise<void> {
  await sql`update sessions set last_seen_at = ${seenAt}, idle_expires_at = least(${idleExpiresAt}, absolute_expires_at)
    where id = ${sessionId} and revoked_at is null`.execute(tx.db);
}
