import { type Place, SealError } from '../../security/crypto/sealed-value.ts';
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

export const subjectPlace = (field: 'reference' | 'name', organisation: number, row: string): Place => ({
  organisation,
  table: 'subjects',
  column: `${field}_sealed`,
  row,
});

/** The rows with reference and name in clear. Each has a key of their own; of one that is erased nothing is known, and the others are shown. */
export async function openSubjects<R extends SealedIdentity>(
  dataKeys: Pick<DataKeys, 'openAll'>,
  rows: readonly R[],
): Promise<(R & { reference: string; name: string | null })[]> {
  const opened: (R & { reference: string; name: string | null })[] = [];
  for (const row of rows) {
    const { subject_id: subject, organisation_id: organisation, reference_sealed, name_sealed } = row;
    const values = [
      ...(reference_sealed
        ? [{ sealed: reference_sealed, place: subjectPlace('reference', organisation, subject), subject }]
        : []),
      ...(name_sealed ? [{ sealed: name_sealed, place: subjectPlace('name', organisation, subject), subject }] : []),
    ];
    const texts = await dataKeys.openAll(values).catch((error: unknown) => {
      if (error instanceof SealError && error.problem === 'no-key') return [ERASED, null];
      throw error;
    });
    const [reference, name] = reference_sealed ? texts : [ERASED, texts[0]];
    opened.push({ ...row, reference: reference ?? ERASED, name: name ?? null });
  }
  return opened;
}
