import { notFound, Problem } from '../../lib/problem.ts';
import type { AuditActor } from '../../security/audit/audit-event.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Erasures } from '../../security/erasures/erasures.ts';
import { deleteSubject, findOrganisationOf, lockRow } from './subject.repository.ts';

export interface ErasedSubject {
  readonly subject: string;
  /** They were erased before, and their key is gone now. */
  readonly again: boolean;
}

/** Erases a person measured of whatever organisation, for somebody at the machine: what DELETE does, also where no session can be had. */
export type EraseSubject = (actor: AuditActor, id: string) => Promise<ErasedSubject>;

export function createSubjectErasing(deps: {
  readonly transactions: Pick<Transactions, 'readAcross' | 'system'>;
  readonly erasures: Pick<Erasures, 'record' | 'find' | 'finish'>;
}): EraseSubject {
  const { transactions, erasures } = deps;
  return async (actor, id) => {
    const organisationId = await transactions.readAcross((reader) => findOrganisationOf(reader, id));
    if (organisationId === undefined) {
      const before = await transactions.readAcross((reader) => erasures.find(reader, id));
      if (before === undefined)
        throw new Problem('not_found', { detail: 'Nobody of this id is measured, and nobody of this id was erased.' });
      await erasures.finish(before.organisationId, id);
      return { subject: id, again: true };
    }
    await transactions.system({ organisationId, actor, event: 'subject.deleted' }, async (tx) => {
      if (!(await lockRow(tx, id))) throw notFound();
      const assignments = await deleteSubject(tx, id);
      await erasures.record(tx, { organisationId, subjectId: id, by: null });
      tx.describe({ resource: { kind: 'subject', id }, details: { assignments } });
    });
    await erasures.finish(organisationId, id);
    return { subject: id, again: false };
  };
}
