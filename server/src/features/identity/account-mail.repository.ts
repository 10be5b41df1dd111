import { sql } from 'kysely';
import type { WriteTx } from '../../security/audit/tokens.ts';

export interface WaitingMail {
  readonly id: string;
  readonly organisationId: number;
  /** Where an older release left it; otherwise it is within the message. */
  readonly recipient: string | null;
  readonly messageSealed: Buffer;
  /** This attempt included. */
  readonly attempts: number;
}

export async function insertAccountMail(
  tx: WriteTx,
  mail: Omit<WaitingMail, 'attempts' | 'recipient'> & { readonly now: Date; readonly expiresAt: Date },
): Promise<void> {
  await sql`insert into account_mails (id, organisation_id, message_sealed, due_at, expires_at)
    values (${mail.id}, ${mail.organisationId}, ${mail.messageSealed}, ${mail.now}, ${mail.expiresAt})`.execute(tx.db);
}

/** Takes what is due. If nothing is heard of it by `until` it is due again: whoever took it has died. */
export async function takeDueMails(tx: WriteTx, now: Date, until: Date, limit: number): Promise<WaitingMail[]> {
  const taken = await sql<WaitingMail>`
    with due as (
      select id from account_mails where due_at <= ${now} order by due_at limit ${limit} for update skip locked
    )
    update account_mails m set due_at = ${until}, attempts = m.attempts + 1 from due where m.id = due.id
    returning m.id, m.organisation_id as "organisationId", m.recipient, m.message_sealed as "messageSealed", m.attempts`.execute(
    tx.db,
  );
  return taken.rows;
}

export async function postponeMail(tx: WriteTx, id: string, dueAt: Date): Promise<void> {
  await sql`update account_mails set due_at = ${dueAt} where id = ${id}`.execute(tx.db);
}

export async function removeMail(tx: WriteTx, id: string): Promise<void> {
  await sql`delete from account_mails where id = ${id}`.execute(tx.db);
}

/** What would arrive too late to be of use. */
export async function removeLateMails(tx: WriteTx, now: Date): Promise<number> {
  const { numAffectedRows } = await sql`delete from account_mails where expires_at <= ${now}`.execute(tx.db);
  return Number(numAffectedRows ?? 0);
}
