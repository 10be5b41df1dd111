import type { Place } from '../../security/crypto/sealed-value.ts';
import { UNREADABLE } from '../../security/keys/damaged-values.ts';
import type { DataKeys, SealedValue } from '../../security/keys/data-keys.ts';

/** Whom a row names, as it stands in the database. */
export interface SealedIdentity {
  readonly subject_id: string;
  readonly organisation_id: number;
  readonly reference_sealed: Buffer | null;
  readonly name_sealed: Buffer | null;
}

/** What stands for somebody whose key was destroyed, should their row come back from a backup. */
const ERASED = 'erased';
/** For somebody whose key is not here, and may come back with the key store or a copy of it. */
const KEY_MISSING = 'key missing';

export type SubjectField = 'reference' | 'name';

export const subjectPlace = (field: SubjectField, organisation: number, row: string): Place => ({
  organisation,
  table: 'subjects',
  column: `${field}_sealed`,
  row,
});

export interface OpenedIdentity {
  readonly reference: string;
  readonly name: string | null;
  /** What stands here in their place is said of them, and is not theirs. It must not be written back. */
  readonly closed: readonly SubjectField[];
}

/** The rows with reference and name in clear. Each has a key of their own; of one that is not there nothing is known, and the others are shown. */
export async function openSubjects<R extends SealedIdentity>(
  dataKeys: Pick<DataKeys, 'openAll' | 'destroyedAmong'>,
  rows: readonly R[],
): Promise<(R & OpenedIdentity)[]> {
  const sealed = rows.map(valuesOf);
  const texts = (await dataKeys.openAll(sealed.flat())).values();
  const opened = sealed.map((values) => values.map(() => texts.next().value));
  const withoutKey = rows.filter((_, at) => opened[at]?.[0] === null);
  // Asked for afterwards, so that who is erased meanwhile is among them.
  const erased = await dataKeys.destroyedAmong(
    withoutKey.map(({ organisation_id: organisation, subject_id: subject }) => ({ organisation, subject })),
  );
  return rows.map((row, at) => ({ ...row, ...identityOf(row, opened[at] ?? [], erased.has(row.subject_id)) }));
}

function valuesOf({
  subject_id: subject,
  organisation_id: organisation,
  reference_sealed,
  name_sealed,
}: SealedIdentity): SealedValue[] {
  if (reference_sealed === null) return [];
  const values = [{ sealed: reference_sealed, place: subjectPlace('reference', organisation, subject), subject }];
  if (name_sealed) values.push({ sealed: name_sealed, place: subjectPlace('name', organisation, subject), subject });
  return values;
}

/** `texts`: of reference and name, as far as they are sealed; null without a key, undefined for what was altered. */
function identityOf(
  { reference_sealed, name_sealed }: SealedIdentity,
  [reference, name]: readonly (string | null | undefined)[],
  isErased: boolean,
): OpenedIdentity {
  // Still in clear, since nobody could seal it yet (clear-values.ts): there was no key for them, or another row had the same.
  if (reference_sealed === null) return { reference: KEY_MISSING, name: null, closed: ['reference', 'name'] };
  const closed: SubjectField[] = [];
  if (typeof reference !== 'string') closed.push('reference');
  if (name_sealed !== null && typeof name !== 'string') closed.push('name');
  const withoutKey = isErased ? ERASED : KEY_MISSING;
  return {
    reference: reference === null ? withoutKey : (reference ?? UNREADABLE),
    name: name_sealed !== null && name === undefined ? UNREADABLE : (name ?? null),
    closed,
  };
}
