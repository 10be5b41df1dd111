import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface FoundReset {
  reset_id: string;
  organisation_id: number;
  user_id: string;
  email: string;
  name: string | null;
  expires_at: Date;
}

export type SealedReset = Omit<FoundReset, 'email' | 'name'> & {
  readonly email_sealed: Buffer | null;
  readonly name_sealed: Buffer | null;
};

export async function findPasswordReset(reader: Reader, tokenHash: Buffer): Promise<SealedReset | undefined> {
  return (await sql<SealedReset>`select * from find_password_reset(${tokenHash})`.execute(reader.db)).rows[0];
}

/** A new link replaces the person's older ones. */
export async function insertPasswordReset(
  tx: WriteTx,
  reset: { id: string; organisationId: number; userId: string; tokenHash: Buffer; now: Date; expiresAt: Date },
): Promise<void> {
  await sql`delete from password_resets where user_id = ${reset.userId} and used_at is null`.execute(tx.db);
  await sql`insert into password_resets (id, organisation_id, user_id, token_hash, created_at, expires_at)
    values (${reset.id}, ${reset.organisationId}, ${reset.userId}, ${reset.tokenHash}, ${reset.now}, ${reset.expiresAt})`.execute(
    tx.db,
  );
}

/** When the person was last sent a link; links come one at a time, so that nobody's mailbox is filled by a stranger. */
export async function lastResetAt(reader: Reader, userId: string): Promise<Date | undefined> {
  const found = await sql<{ created_at: Date }>`
    select created_at from password_resets where user_id = ${userId} order by created_at desc limit 1`.execute(
    reader.db,
  );
  return found.rows[0]?.created_at;
}

/** False when somebody was faster. */
export async function claimPasswordReset(tx: WriteTx, id: string, now: Date): Promise<boolean> {
  const claimed = await sql`update password_resets set used_at = ${now}
    where id = ${id} and used_at is null and expires_at > ${now} returning id`.execute(tx.db);
  return claimed.rows.length > 0;
}

export async function removeOldResets(tx: WriteTx, before: Date): Promise<void> {
  await sql`delete from password_resets where expires_at < ${before}`.execute(tx.db);
}
