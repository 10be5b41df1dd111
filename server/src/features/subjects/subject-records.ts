import { Problem } from '../../lib/problem.ts';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import { SealError } from '../../security/crypto/sealed-value.ts';
import { type BlindIndex, subjectNameIndex, subjectReferenceIndex } from '../../security/keys/blind-indexes.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import { newestKeyEpoch } from '../../security/keys/key-epoch.repository.ts';
import { type OpenedIdentity, openSubjects, type SealedIdentity, subjectPlace } from './sealed-subjects.ts';
import {
  findSubject,
  insertSubject,
  isReferenceTaken,
  type Look,
  listNames,
  listSubjects,
  listSubjectsOf,
  lockSubject,
  type SealedName,
  type SealedSubject,
  type SubjectSearch,
  updateSubject,
} from './subject.repository.ts';
import type { Sight, SubjectRecord } from './subject.ts';

export type SubjectKeys = Pick<DataKeys, 'sealIndexed' | 'openAll' | 'findIndexed' | 'destroyedAmong'>;

interface Whose {
  readonly organisationId: number;
  readonly id: string;
}

export interface SubjectQuery {
  readonly organisationId: number;
  readonly text: string | undefined;
  /** What may be searched: where personal values are masked, they are no part of the search either. */
  readonly sight: Sight;
  readonly sort: string;
  /** The last subject of the page before; its place is looked up, so that no cursor carries a name. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

/** Persons measured, in clear. Reference and name are sealed for each of them on the way into the database and opened on the way out. */
export interface SubjectRecords {
  find(reader: Reader, look: Look, id: string): Promise<SubjectRecord | undefined>;
  lock(tx: WriteTx, look: Look, id: string, strength: 'share' | 'change'): Promise<SubjectRecord | undefined>;
  /** Sorted as asked and searched by parts among at most 500; among more in the order they were registered, searched for whole values. */
  list(reader: Reader, look: Look, query: SubjectQuery): Promise<SubjectRecord[]>;
  /** False where the reference is taken. */
  insert(
    tx: WriteTx,
    subject: Whose & Clear & { readonly registeredBy: string; readonly createdAt: Date },
  ): Promise<boolean>;
  update(tx: WriteTx, subject: Whose & Clear): Promise<boolean>;
  /** Rows that name a person measured. */
  opened<R extends SealedIdentity>(rows: readonly R[]): Promise<(R & OpenedIdentity)[]>;
}

interface Clear {
  readonly reference: string;
  readonly name: string | null;
}

/**
 * What is sealed can neither be sorted nor be searched by the database. Among so few all are opened, which takes some ten milliseconds; more than
 * that are told in the order they were registered, and found by the whole of what was asked for.
 */
const MOST_OPENED = 500;

export function createSubjectRecords(dataKeys: SubjectKeys): SubjectRecords {
  const opened = <R extends SealedIdentity>(rows: readonly R[]) => openSubjects(dataKeys, rows);

  async function sealed({ organisationId, id, reference, name }: Whose & Clear) {
    const seal = (text: string, column: 'reference' | 'name', index: BlindIndex) =>
      dataKeys
        .sealIndexed(text, subjectPlace(column, organisationId, id), index, { subject: id })
        .catch((error: unknown) => {
          throw error instanceof SealError && error.problem === 'no-key' ? notSealed(error) : error;
        });
    return {
      reference: await seal(reference, 'reference', subjectReferenceIndex),
      name: name === null ? null : await seal(name, 'name', subjectNameIndex),
    };
  }

  /** Under another epoch than the one it is sealed with now the unique constraint would not see it. */
  const isTaken = (tx: WriteTx, { organisationId, id, reference }: Whose & Clear): Promise<boolean> =>
    dataKeys.findIndexed(subjectReferenceIndex, organisationId, reference, async (indexes) => ({
      found: await isReferenceTaken(tx, { organisationId, indexes, exceptId: id }),
      newest: await newestKeyEpoch(tx),
    }));

  async function found(reader: Reader, look: Look, query: SubjectQuery): Promise<SealedSubject[]> {
    const { text = '', sight, organisationId, afterId, limit } = query;
    const page = { afterId, limit, isDescending: query.sort === '-createdAt' };
    const matching = (search: SubjectSearch) => listSubjects(reader, look, { ...page, search });
    if (text === '') return matching({ by: 'nothing' });
    if (sight === 'masked') return matching({ by: 'id', text });
    const whole = (index: typeof subjectReferenceIndex | typeof subjectNameIndex) =>
      dataKeys.findIndexed(index, organisationId, text, async (indexes) => ({
        found: await matching({ by: index.column, indexes }),
        newest: await newestKeyEpoch(reader),
      }));
    const byReference = await whole(subjectReferenceIndex);
    return byReference.length > 0 ? byReference : whole(subjectNameIndex);
  }

  return {
    opened,

    async find(reader, look, id) {
      const row = await findSubject(reader, look, id);
      return row && (await opened([row]))[0];
    },

    async lock(tx, look, id, strength) {
      const row = await lockSubject(tx, look, id, strength);
      return row && (await opened([row]))[0];
    },

    async list(reader, look, query) {
      const { text = '', sight, sort, afterId, limit } = query;
      // What needs nothing opened to be found is left to the database, and no more than the page is opened.
      const isFoundSealed = sight === 'masked' || (text === '' && isByTime(sort));
      if (isFoundSealed) return opened(await found(reader, look, query));
      const all = await listNames(reader, look, MOST_OPENED + 1);
      if (all.length > MOST_OPENED) return opened(await found(reader, look, query));
      const sorted = (await opened(all)).sort(orderOf(sort));
      const from = afterId === undefined ? 0 : sorted.findIndex(({ id }) => id === afterId) + 1;
      const page = sorted.slice(from).filter(matches(text)).slice(0, limit);
      const ids = page.map(({ id }) => id);
      const whole = new Map((await listSubjectsOf(reader, look, ids)).map((row) => [row.id, row]));
      return opened(ids.flatMap((id) => whole.get(id) ?? []));
    },

    async insert(tx, { registeredBy, createdAt, ...subject }) {
      if (await isTaken(tx, subject)) return false;
      const { organisationId, id } = subject;
      return insertSubject(tx, { id, organisationId, registeredBy, createdAt, ...(await sealed(subject)) });
    },

    async update(tx, subject) {
      if (await isTaken(tx, subject)) return false;
      return updateSubject(tx, subject.id, await sealed(subject));
    },
  };
}

const notSealed = (cause: SealError) =>
  new Problem('unavailable', {
    cause,
    detail: 'Nothing can be sealed for them: the key store is missing, or they were erased.',
  });

type OpenedName = SealedName & OpenedIdentity;

const matches = (text: string) => {
  const wanted = text.toLowerCase();
  return ({ id, reference, name }: OpenedName): boolean =>
    [id, reference, name ?? ''].some((one) => one.toLowerCase().includes(wanted));
};

const isByTime = (sort: string): boolean => sort.endsWith('createdAt');

function orderOf(sort: string): (a: OpenedName, b: OpenedName) => number {
  const direction = sort.startsWith('-') ? -1 : 1;
  const keys: Record<string, (row: OpenedName) => string> = {
    reference: ({ reference }) => reference.toLowerCase(),
    name: ({ name }) => name?.toLowerCase() ?? '',
    createdAt: ({ created_at }) => created_at.toISOString(),
  };
  const key = keys[sort.replace('-', '')] ?? (({ id }) => id);
  const compared = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
  return (a, b) => direction * (compared(key(a), key(b)) || compared(a.id, b.id));
}
