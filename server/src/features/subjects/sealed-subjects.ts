import { type Place, SealError } from '../../security/crypto/sealed-value.ts';
import { UNREADABLE } from '../../security/keys/damaged-values.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';

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

export const subjectPlace = (field: 'reference' | 'name', organisation: number, row: string): Place => ({
  organisation,
  table: 'subjects',
  column: `${field}_sealed`,
  row,
});

export interface OpenedIdentity {
  readonly reference: string;
  readonly name: string | null;
  /** False: what stands here is said of them, and is not theirs. It must not be written back. */
  readonly isOpen: boolean;
}

/** The rows with reference and name in clear. Each has a key of their own; of one that is not there nothing is known, and the others are shown. */
export async function openSubjects<R extends SealedIdentity>(
  dataKeys: Pick<DataKeys, 'openAll' | 'isDestroyed'>,
  rows: readonly R[],
): Promise<(R & OpenedIdentity)[]> {
  const opened: (R & OpenedIdentity)[] = [];
  for (const row of rows) opened.push({ ...row, ...(await openOne(dataKeys, row)) });
  return opened;
}

async function openOne(
  dataKeys: Pick<DataKeys, 'openAll' | 'isDestroyed'>,
  { subject_id: subject, organisation_id: organisation, reference_sealed, name_sealed }: SealedIdentity,
): Promise<OpenedIdentity> {
  // Still in clear, since nobody could seal it yet (clear-values.ts): there was no key for them, or another row had the same.
  if (reference_sealed === null) return { reference: KEY_MISSING, name: null, isOpen: false };
  const values = [{ sealed: reference_sealed, place: subjectPlace('reference', organisation, subject), subject }];
  if (name_sealed) values.push({ sealed: name_sealed, place: subjectPlace('name', organisation, subject), subject });
  try {
    const [reference, name] = await dataKeys.openAll(values);
    const isDamaged = reference === undefined || (name_sealed !== null && name === undefined);
    return {
      reference: reference ?? UNREADABLE,
      name: name_sealed === null ? null : (name ?? UNREADABLE),
      isOpen: !isDamaged,
    };
  } catch (error) {
    if (!(error instanceof SealError && error.problem === 'no-key')) throw error;
    const isErased = await dataKeys.isDestroyed(organisation, subject);
    return { reference: isErased ? ERASED : KEY_MISSING, name: null, isOpen: false };
  }
}
