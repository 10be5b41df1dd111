import type { Role } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface FoundInvitation {
  invitation_id: string;
  organisation_id: number;
  organisation: string;
  user_id: string | null;
  email: string | null;
  role: Role;
  expires_at: Date;
}

export type SealedInvitation = Omit<FoundInvitation, 'email'> & { readonly email_sealed: Buffer | null };

export async function findInvitation(reader: Reader, tokenHash: Buffer): Promise<SealedInvitation | undefined> {
  return (await sql<SealedInvitation>`select * from find_invitation(${tokenHash})`.execute(reader.db)).rows[0];
}

export interface NewInvitation {
  id: string;
  organisationId: number;
  userId: string | null;
  role: Role;
  tokenHash: Buffer;
  expiresAt: Date;
}

/** A new link for a person replaces their older ones. */
export async function insertInvitation(tx: WriteTx, invitation: NewInvitation): Promise<void> {
  await sql`delete from invitations
    where accepted_at is null and organisation_id = ${invitation.organisationId}
      and user_id is not distinct from ${invitation.userId}::uuid`.execute(tx.db);
  await sql`
    insert into invitations (id, organisation_id, user_id, role, token_hash, expires_at)
    values (${invitation.id}, ${invitation.organisationId}, ${invitation.userId}, ${invitation.role}, ${invitation.tokenHash},
      ${invitation.expiresAt})`.execute(tx.db);
}

/** Claims the link; false when somebody was faster. */
export async function claimInvitation(tx: WriteTx, id: string, now: Date): Promise<boolean> {
  const claimed = await sql`update invitations set accepted_at = ${now}
    where id = ${id} and accepted_at is null and expires_at > ${now} returning id`.execute(tx.db);
  return claimed.rows.length > 0;
}

/** An open link says the role it leads to. */
export async function changeInvitedRole(tx: WriteTx, userId: string, role: Role): Promise<void> {
  await sql`update invitations set role = ${role} where user_id = ${userId} and accepted_at is null`.execute(tx.db);
}
