import type { Incident } from '@valtronics/contract';
import { invalidField, Problem } from '../../lib/problem.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import { flagBreach, markNotified, withdrawFlag } from './breach.repository.ts';
import type { IncidentAct, IncidentService } from './incident.service.ts';
import { BREACH_LIMIT_MS } from './incident.ts';

// Nobody becomes aware of something a month before saying so without that being an incident of its own.
const MAX_AWARE_BEFORE_MS = 30 * 86_400_000;

export type BreachService = ReturnType<typeof createBreachService>;

/** The flag of a breach of personal data and its 72 hours. */
export function createBreachService({ perform }: Pick<IncidentService, 'perform'>) {
  return {
    flag: (tx: AuditedTx, act: IncidentAct, awareSince: string | undefined): Promise<Incident> =>
      perform(tx, act, async (_, before, at) => {
        if (before.breachFlaggedAt !== null)
          throw new Problem('conflict', { detail: 'The incident is flagged as a breach already.' });
        const awareAt = awareSince === undefined ? at : new Date(awareSince);
        if (awareAt > at) throw invalidField('awareAt', 'that is not over yet');
        if (at.getTime() - awareAt.getTime() > MAX_AWARE_BEFORE_MS)
          throw invalidField('awareAt', 'at most 30 days ago');
        const dueAt = new Date(awareAt.getTime() + BREACH_LIMIT_MS);
        await flagBreach(tx, act.id, { at, by: act.by.userId, awareAt, dueAt });
        return { kind: 'breach_flagged', news: 'breach_flagged', details: { dueAt: dueAt.toISOString() } };
      }),

    notified: (tx: AuditedTx, act: IncidentAct, when: string | undefined): Promise<Incident> =>
      perform(tx, act, async (_, before, at) => {
        const { breachAwareAt } = before;
        if (breachAwareAt === null)
          throw new Problem('conflict', { detail: 'The incident is not flagged as a breach.' });
        if (before.breachNotifiedAt !== null)
          throw new Problem('conflict', { detail: 'That the authority was told is recorded already.' });
        const notifiedAt = when === undefined ? at : new Date(when);
        if (notifiedAt > at || notifiedAt < breachAwareAt)
          throw invalidField('notifiedAt', 'between when one became aware of it and now');
        await markNotified(tx, act.id, notifiedAt, act.by.userId);
        return { kind: 'breach_notified', news: 'breach_notified', details: { notifiedAt: notifiedAt.toISOString() } };
      }),

    withdraw: (tx: AuditedTx, act: IncidentAct): Promise<Incident> =>
      perform(tx, act, async (_, before) => {
        if (before.breachFlaggedAt === null)
          throw new Problem('conflict', { detail: 'The incident is not flagged as a breach.' });
        // What the authority has been told is not untold here.
        if (before.breachNotifiedAt !== null)
          throw new Problem('conflict', { detail: 'The authority has been told; the flag stays.' });
        await withdrawFlag(tx, act.id);
        return { kind: 'breach_withdrawn' };
      }),
  };
}
