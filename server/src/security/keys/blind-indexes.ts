/** A column beside a sealed one, by which its values are found. */
export interface BlindIndex {
  readonly table: string;
  readonly column: string;
  /** `instance`: found, and unique, across organisations. */
  readonly owner: 'organisation' | 'instance';
  /**
   * Whole (32) where the column is unique, so that no two texts are taken for one. Else 8: among a million rows of an organisation the odds that any
   * two share 64 bits by chance are one in thirty million, and a search that found one row too many would show it with its true value.
   */
  readonly bytes: 32 | 8;
  /** What counts as the same text. */
  readonly form: 'email' | 'words' | 'exact';
}

export const userEmailIndex = {
  table: 'users',
  column: 'email_index',
  owner: 'instance',
  bytes: 32,
  form: 'email',
} as const satisfies BlindIndex;

export const userNameIndex = {
  table: 'users',
  column: 'name_index',
  owner: 'organisation',
  bytes: 8,
  form: 'words',
} as const satisfies BlindIndex;

export const subjectReferenceIndex = {
  table: 'subjects',
  column: 'reference_index',
  owner: 'organisation',
  bytes: 32,
  form: 'exact',
} as const satisfies BlindIndex;

export const subjectNameIndex = {
  table: 'subjects',
  column: 'name_index',
  owner: 'organisation',
  bytes: 8,
  form: 'words',
} as const satisfies BlindIndex;

export const deviceSerialIndex = {
  table: 'devices',
  column: 'serial_index',
  owner: 'organisation',
  bytes: 8,
  form: 'words',
} as const satisfies BlindIndex;

/** Of issuer and subject together (`indexedText`): two providers may call two people the same. */
export const identitySubjectIndex = {
  table: 'linked_identities',
  column: 'subject_index',
  owner: 'organisation',
  bytes: 32,
  form: 'exact',
} as const satisfies BlindIndex;

/** The same for all texts that count as the same. */
export function indexedForm({ form }: BlindIndex, text: string): string {
  if (form === 'exact') return text;
  if (form === 'email') return text.toLowerCase();
  return text.normalize('NFKC').trim().replaceAll(/\s+/g, ' ').toLowerCase();
}
