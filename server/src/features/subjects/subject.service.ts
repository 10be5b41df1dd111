import { type Subject, type SubjectSort, subjectSorts } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { Erasures } from '../../security/erasures/erasures.ts';
import { deleteSubject, type Look, lockSubject } from './subject.repository.ts';
import { presentSubject, type Sight, type SubjectRecord } from './subject.ts';
import type { SubjectRecords } from './subject-records.ts';

export interface SubjectQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly text?: string | undefined;
  readonly sort?: SubjectSort | undefined;
}

interface Person {
  readonly userId: string;
  readonly organisationId: number;
}

const listPosition = z.tuple([z.enum(subjectSorts), z.uuid()]);
const TAKEN = 'Somebody with this reference is registered already.';

export type SubjectService = ReturnType<typeof createSubjectService>;

/**
 * Persons measured. What shows personal values takes an `AuditedTx`, so there is no reading them beside the audit log: the event commits
 * before the answer is sent, or there is no answer. What takes a `Reader` is for those to whom the gate shows masks.
 */
export function createSubjectService(deps: {
  records: SubjectRecords;
  erasures: Pick<Erasures, 'record' | 'isErased' | 'finish'>;
  clock: Clock;
}) {
  const { records, erasures, clock } = deps;

  const lookOf = ({ userId }: Person): Look => ({ userId, at: clock.date() });

  async function load(reader: Reader, person: Person, id: string): Promise<SubjectRecord> {
    const subject = await records.find(reader, lookOf(person), id);
    if (!subject) throw notFound();
    return subject;
  }

  async function list(reader: Reader, person: Person, sight: Sight, query: SubjectQuery) {
    const limit = query.limit ?? DEFAULT_PAGE;
    const sort = query.sort ?? (sight === 'clear' ? 'reference' : 'createdAt');
    // The order of hidden values tells them by and by, as a search for them would.
    if (sight === 'masked' && !sort.endsWith('createdAt'))
      throw new Problem('forbidden', { detail: 'What is masked cannot be sorted by.' });
    const position = decodeCursor(query.cursor, listPosition);
    const [madeFor, afterId] = position ?? [sort, undefined];
    const look = lookOf(person);
    if (madeFor !== sort || (afterId !== undefined && !(await records.find(reader, look, afterId))))
      throw invalidField('cursor', 'not a cursor of this list, or its place is gone');
    const { organisationId } = person;
    const wanted = { organisationId, text: query.text, sight, sort, afterId, limit: limit + 1 };
    const rows = await records.list(reader, look, wanted);
    return pageOf(
      rows,
      limit,
      (row) => presentSubject(row, sight),
      ({ id }) => [sort, id],
    );
  }

  return {
    load,

    listMasked: (reader: Reader, person: Person, query: SubjectQuery) => list(reader, person, 'masked', query),

    /** A search that finds nobody is recorded too: that somebody is not here is an answer about a person. */
    async listInClear(tx: AuditedTx, person: Person, query: SubjectQuery) {
      const found = await list(tx, person, 'clear', query);
      const subjectIds = found.items.map(({ id }) => id);
      // Never the text searched for: it is a name, most of the time.
      tx.describe({ resource: null, details: { count: subjectIds.length, searched: Boolean(query.text), subjectIds } });
      return found;
    },

    getMasked: async (reader: Reader, person: Person, id: string): Promise<Subject> =>
      presentSubject(await load(reader, person, id), 'masked'),

    async getInClear(tx: AuditedTx, person: Person, id: string): Promise<Subject> {
      const subject = presentSubject(await load(tx, person, id), 'clear');
      tx.describe({ resource: { kind: 'subject', id } });
      return subject;
    },

    async register(
      tx: AuditedTx,
      person: Person,
      input: { readonly reference: string; readonly name?: string | null | undefined },
    ): Promise<Subject> {
      const id = newId();
      const { reference, name = null } = input;
      const { userId, organisationId } = person;
      const fields = { id, organisationId, reference, name, registeredBy: userId, createdAt: clock.date() };
      if (!(await records.insert(tx, fields))) throw new Problem('conflict', { detail: TAKEN });
      tx.describe({ resource: { kind: 'subject', id } });
      return presentSubject(await load(tx, person, id), 'clear');
    },

    async change(
      tx: AuditedTx,
      person: Person,
      id: string,
      input: { readonly reference?: string | undefined; readonly name?: string | null | undefined },
    ): Promise<Subject> {
      const before = await records.lock(tx, lookOf(person), id, 'change');
      if (!before) throw notFound();
      // What stands for a value that does not open must not become the value.
      const isAnew = (field: 'reference' | 'name') =>
        input[field] !== undefined && (input[field] === null || input[field] !== before[field]);
      if (!before.closed.every(isAnew))
        throw new Problem('conflict', {
          detail: `What is kept of them cannot be read, since it was altered or their key is not here: give ${before.closed.join(' and ')} anew.`,
        });
      const after = {
        reference: input.reference ?? before.reference,
        name: input.name === undefined ? before.name : input.name,
      };
      if (!(await records.update(tx, { organisationId: person.organisationId, id, ...after })))
        throw new Problem('conflict', { detail: TAKEN });
      const changed = (['reference', 'name'] as const).filter((field) => input[field] !== undefined);
      tx.describe({ resource: { kind: 'subject', id }, details: { changed } });
      return presentSubject({ ...before, ...after }, 'clear');
    },

    async remove(tx: AuditedTx, person: Person, id: string): Promise<void> {
      // Without opening anything: whose values do not open can be erased like any other.
      if (!(await lockSubject(tx, lookOf(person), id, 'change'))) throw notFound();
      const assignments = await deleteSubject(tx, id);
      const { organisationId, userId } = person;
      await erasures.record(tx, { organisationId, subjectId: id, by: userId });
      tx.describe({ resource: { kind: 'subject', id }, details: { assignments } });
    },

    isErased: erasures.isErased,

    /** After the commit of `remove`. */
    erased: ({ organisationId }: Person, id: string) => erasures.finish(organisationId, id),

    /** For what refers to it: it stays until this transaction ends. */
    async hold(tx: AuditedTx, person: Person, id: string): Promise<SubjectRecord | undefined> {
      return records.lock(tx, lookOf(person), id, 'share');
    },
  };
}
