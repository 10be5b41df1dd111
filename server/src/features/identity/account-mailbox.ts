import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import { isMailAddress, type Mailer } from '../../platform/mail/mailer.ts';
import type { WriteTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Sealing } from '../../security/keys/data-keys.ts';
import {
  insertAccountMail,
  postponeMail,
  removeLateMails,
  removeMail,
  takeDueMails,
  type WaitingMail,
} from './account-mail.repository.ts';
import { type AccountMail, accountMessage } from './account-mail.ts';

export interface AccountMailbox {
  /** Whether anything will be sent: without a mail server nothing is queued either. */
  readonly isOpen: boolean;
  /**
   * Queues a mail in the transaction of what it tells of, so that it is sent if and only if that happened. False where it is not taken: without a mail
   * server, and to what is no address, as one that does not open.
   */
  put(
    tx: WriteTx,
    to: { readonly organisationId: number; readonly email: string },
    mail: AccountMail,
  ): Promise<boolean>;
  readonly jobs: readonly Job[];
}

const KEEP_TRYING_MS = 24 * 3_600_000;
const TAKEN_FOR_MS = 60_000;
const AT_ONCE = 20;
const FIRST_RETRY_MS = 15_000;
const LONGEST_RETRY_MS = 30 * 60_000;

const message = z.strictObject({ to: z.string().optional(), subject: z.string(), text: z.string(), html: z.string() });

/** Mail to people about their own account. It waits sealed, since a reset link in it opens an account. */
export function createAccountMailbox(deps: {
  transactions: Transactions;
  dataKeys: Sealing;
  mailer: Mailer;
  clock: Clock;
  log: Logger;
}): AccountMailbox {
  const { transactions, dataKeys, mailer, clock, log } = deps;
  const place = (organisation: number, row: string) => ({
    organisation,
    table: 'account_mails',
    column: 'message_sealed',
    row,
  });

  async function send(mail: WaitingMail): Promise<void> {
    try {
      // One that does not open waits like one the mail server refuses: it may be repaired, and the others go on.
      const sealed = await dataKeys.open(mail.messageSealed, place(mail.organisationId, mail.id));
      const { to = mail.recipient, ...rest } = message.parse(JSON.parse(sealed.toString('utf8')));
      if (to === null) throw new Error('a mail waits that is to nobody');
      await mailer.send({ to, ...rest });
    } catch (error) {
      const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (mail.attempts - 1));
      log.warn({ err: error, mail: mail.id, attempts: mail.attempts }, 'a mail to an account holder could not be sent');
      const dueAt = new Date(clock.now() + wait);
      await transactions.unaudited(null, 'account_mail', (tx) => postponeMail(tx, mail.id, dueAt));
      return;
    }
    await transactions.unaudited(null, 'account_mail', (tx) => removeMail(tx, mail.id));
  }

  async function deliver(signal: AbortSignal): Promise<void> {
    for (;;) {
      const now = clock.date();
      const until = new Date(now.getTime() + TAKEN_FOR_MS);
      const due = await transactions.unaudited(null, 'account_mail', async (tx) => {
        await removeLateMails(tx, now);
        return takeDueMails(tx, now, until, AT_ONCE);
      });
      await Promise.all(due.map(send));
      if (due.length < AT_ONCE || signal.aborted) return;
    }
  }

  return {
    isOpen: mailer.configured,
    async put(tx, { organisationId, email }, mail) {
      if (!mailer.configured || !isMailAddress(email)) return false;
      const id = newId();
      const now = clock.date();
      await insertAccountMail(tx, {
        id,
        organisationId,
        messageSealed: await dataKeys.seal(
          JSON.stringify({ to: email, ...accountMessage(mail) }),
          place(organisationId, id),
        ),
        now,
        expiresAt: new Date(now.getTime() + KEEP_TRYING_MS),
      });
      return true;
    },
    jobs: mailer.configured ? [{ name: 'identity.account_mail', everySeconds: 2, run: deliver }] : [],
  };
}
