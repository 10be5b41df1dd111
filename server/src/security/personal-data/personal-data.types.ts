import type { PersonalDataKind, PersonalDataPolicy } from '@valtronics/contract';

/** A field of a message that holds personal data. */
export interface FoundField {
  readonly path: string;
  readonly kinds: readonly PersonalDataKind[];
}

/** What became of a message by the policy of its organisation; `refuse` is a problem and no outcome. */
export interface PersonalDataOutcome {
  readonly policy: Exclude<PersonalDataPolicy, 'refuse'>;
  readonly found: readonly FoundField[];
  readonly message: unknown;
}
