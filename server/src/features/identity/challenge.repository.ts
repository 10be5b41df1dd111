import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export type ChallengePurpose = 'sign_in' | 'passwordless' | 'step_up' | 'enrol_totp' | 'enrol_passkey';
export type SessionKind = 'browser' | 'token';

export interface ChallengeRecord {
  purpose: ChallengePurpose;
  user_id: string;
  session_id: string | null;
  session_kind: SessionKind | null;
  proven_password: Buffer | null;
  passkey_challenge: string | null;
  secret_sealed: Buffer | null;
  expires_at: Date;
}

export interface NewChallenge {
  tokenHash: Buffer;
  organisationId: number;
  userId: string;
  purpose: ChallengePurpose;
  sessionId?: string;
  sessionKind?: SessionKind;
  provenPassword?: Buffer | null;
  passkeyChallenge?: string | null;
  secretSealed?: Buffer;
  expiresAt: Date;
}

/** How many proofs of one person may be under way; a further one ends the oldest. */
const MOST_OPEN = 20;

export async function insertChallenge(tx: WriteTx, challenge: NewChallenge): Promise<void> {
  await sql`delete from challenges where token_hash in (
    select token_hash from challenges where user_id = ${challenge.userId} and spent_at is null
    order by expires_at desc offset ${MOST_OPEN - 1})`.execute(tx.db);
  await sql`
    insert into challenges (token_hash, organisation_id, user_id, session_id, purpose, session_kind, proven_password,
      passkey_challenge, secret_sealed, expires_at)
    values (${challenge.tokenHash}, ${challenge.organisationId}, ${challenge.userId}, ${challenge.sessionId ?? null},
      ${challenge.purpose}, ${challenge.sessionKind ?? null}, ${challenge.provenPassword ?? null},
      ${challenge.passkeyChallenge ?? null}, ${challenge.secretSealed ?? null}, ${challenge.expiresAt})`.execute(tx.db);
}

/** Whose challenge it is, before anything else is known of the caller. */
export async function findChallengeOwner(
  reader: Reader,
  tokenHash: Buffer,
): Promise<{ organisation_id: number; user_id: string } | undefined> {
  const found = await sql<{ organisation_id: number; user_id: string }>`
    select organisation_id, user_id from find_challenge(${tokenHash})`.execute(reader.db);
  return found.rows[0];
}

export async function findChallenge(
  reader: Reader,
  tokenHash: Buffer,
  now: Date,
): Promise<ChallengeRecord | undefined> {
  const found = await sql<ChallengeRecord>`
    select purpose, user_id, session_id, session_kind, proven_password, passkey_challenge, secret_sealed, expires_at
    from challenges where token_hash = ${tokenHash} and spent_at is null and expires_at > ${now}`.execute(reader.db);
  return found.rows[0];
}

/** False when somebody was faster. */
export async function spendChallenge(tx: WriteTx, tokenHash: Buffer, now: Date): Promise<boolean> {
  const spent = await sql`update challenges set spent_at = ${now}
    where token_hash = ${tokenHash} and spent_at is null and expires_at > ${now} returning 1 as one`.execute(tx.db);
  return spent.rows.length > 0;
}

/** A challenge that was nobody's until it was answered is kept from then on, so that the answer is good once. */
export async function spendPasswordless(
  tx: WriteTx,
  challenge: { tokenHash: Buffer; organisationId: number; userId: string; expiresAt: Date; now: Date },
): Promise<boolean> {
  const spent = await sql`
    insert into challenges (token_hash, organisation_id, user_id, purpose, spent_at, expires_at)
    values (${challenge.tokenHash}, ${challenge.organisationId}, ${challenge.userId}, 'passwordless', ${challenge.now},
      ${challenge.expiresAt})
    on conflict do nothing returning 1 as one`.execute(tx.db);
  return spent.rows.length > 0;
}

export async function removeExpiredChallenges(tx: WriteTx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`delete from challenges where token_hash in (
    select token_hash from challenges where expires_at < ${before} limit ${limit})`.execute(tx.db);
  return Number(numAffectedRows ?? 0);
}
