import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { claimReminder, listRunningClocks, type RunningClock } from './breach.repository.ts';
import { insertEntry } from './incident-entry.repository.ts';
import type { IncidentNotices } from './incident-notices.ts';

const HOUR_MS = 3_600_000;
/** How long before the end one is reminded: time to write the notification, time to send it, and that it is too late. */
const REMINDERS_MS = [24 * HOUR_MS, 4 * HOUR_MS, 0] as const;
const MAX_AT_ONCE = 100;

/** How many reminders are due by now. Of those that were missed (we were off) only the last is sent. */
export const remindersDue = (dueAt: Date, now: number): number =>
  REMINDERS_MS.filter((before) => now >= dueAt.getTime() - before).length;

export interface BreachClockOptions {
  readonly transactions: Pick<Transactions, 'system' | 'readAcross'>;
  readonly notices: IncidentNotices;
  readonly clock: Clock;
}

/** Reminds of breaches whose 72 hours end. Resolving an incident does not stop its clock: the duty is to tell, not to mend. */
export function breachClockJob({ transactions, notices, clock }: BreachClockOptions): Job {
  const actor = { kind: 'system', id: 'incidents', label: null } as const;

  async function remind(running: RunningClock): Promise<void> {
    const at = clock.date();
    const due = remindersDue(running.dueAt, at.getTime());
    if (due <= running.reminders) return;
    const { id, organisationId } = running;
    const isOver = due === REMINDERS_MS.length;
    await transactions.system({ organisationId, actor, event: 'incident.breach_reminded' }, async (tx) => {
      if (!(await claimReminder(tx, running, due, at))) throw new Stopped();
      const note = isOver
        ? 'the time limit is over'
        : `the time limit ends ${running.dueAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
      await insertEntry(tx, { incidentId: id, organisationId, at, kind: 'breach_reminded', note });
      await notices.tell(tx, id, isOver ? 'breach_overdue' : 'breach_reminded');
      tx.describe({
        resource: { kind: 'incident', id },
        details: { dueAt: running.dueAt.toISOString(), reminder: due },
      });
    });
  }

  return {
    name: 'incidents.breach-clock',
    everySeconds: 30,
    async run(signal) {
      const before = new Date(clock.now() + REMINDERS_MS[0]);
      const running = await transactions.readAcross((reader) => listRunningClocks(reader, before, MAX_AT_ONCE));
      const failures: unknown[] = [];
      for (const each of running) {
        if (signal.aborted) break;
        // One that cannot be reminded of keeps nobody else from being reminded; it is the first again in the next run.
        await remind(each).catch((error: unknown) => {
          if (!(error instanceof Stopped)) failures.push(error);
        });
      }
      if (running.length > 0) notices.sendSoon();
      if (failures.length > 0) throw new AggregateError(failures, 'breaches could not be reminded of');
    },
  };
}

/** Rolls the transaction back: there is nothing to remind of any more. */
class Stopped extends Error {}
