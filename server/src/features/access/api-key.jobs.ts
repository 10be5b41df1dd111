import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { People } from '../../security/access/people.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { AccountMailbox } from '../identity/account-mailbox.ts';
import { takeReminders } from './api-key.repository.ts';

/** Time enough to make another key and give it to the program (ASVS 6.4.5). */
const BEFORE_THE_END_MS = 14 * 86_400_000;
const AT_ONCE = 100;

export function apiKeyJobs(deps: {
  transactions: Pick<Transactions, 'unaudited'>;
  people: People;
  mailbox: Pick<AccountMailbox, 'isOpen' | 'put'>;
  clock: Clock;
}): readonly Job[] {
  const { transactions, people, mailbox, clock } = deps;

  /** Marked as told in the transaction that queues the mail: once, whatever ends in between. */
  const remind = () =>
    transactions.unaudited(null, 'account_mail', async (tx) => {
      const now = clock.date();
      const taken = await takeReminders(tx, {
        before: new Date(now.getTime() + BEFORE_THE_END_MS),
        now,
        limit: AT_ONCE,
      });
      const ending = await people.named(tx, await people.named(tx, taken, ['owner']), ['email'], 'email');
      for (const { email, organisationId, label, owner, expiresAt } of ending)
        await mailbox.put(
          tx,
          { organisationId, email },
          { kind: 'api_key_ending', label, owner, expiresAt: expiresAt.toISOString() },
        );
      return ending.length;
    });

  if (!mailbox.isOpen) return [];
  return [
    {
      name: 'access.api_key_reminders',
      everySeconds: 600,
      async run(signal) {
        while ((await remind()) >= AT_ONCE && !signal.aborted);
      },
    },
  ];
}
