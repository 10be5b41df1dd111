import type { Permission } from '@valtronics/contract';
import type { MaskKind } from '../../lib/masking.ts';

/** `identifier`: of a thing or a place, from which one may get to a person; `secret`: whoever knows it may do something. */
export type FieldClass = 'personal' | 'health' | 'secret' | 'identifier';

/**
 * Who of the organisation: `members` is everybody who may read the answer it stands in, a list those who hold one of its permissions, and an
 * empty list nobody.
 */
export type Viewers = 'members' | readonly Permission[];

export const retentions = {
  account: 'as long as the account',
  subject: 'until the person measured is deleted',
  device: 'until the device is deleted',
  configuration: 'until it is changed or removed',
  telemetry: 'as the organisation keeps telemetry: 365 days unless set',
  alert: 'after the alert is resolved as the organisation keeps telemetry: 365 days unless set',
  redelivery: '7 days, in which a point that is sent again is known',
  notification: '7 days after it was delivered or given up',
  moments: 'minutes to a day: until it is used or ends',
  guessing: 'a day, cookies of known browsers 180 days',
  evidence: 'as security events are kept, conclusions at least 400 days',
  incident: 'as long as the organisation: what was done about an incident is answered for',
  audit: 'as the audit log is kept: 400 days unless set, never under 90',
  key: 'until the key is retired and nothing is sealed with it any more',
} as const satisfies Record<string, string>;
export type Retention = keyof typeof retentions;

export const legalBases = {
  account: 'contract with who works here, and the interest in knowing who acts: GDPR 6(1)(b), (f)',
  care: 'care of the person measured: GDPR 6(1)(c)–(e) with 9(2)(h); HIPAA 45 CFR 164.506',
  operation: 'running devices and telling people of alerts: GDPR 6(1)(f)',
  security: 'keeping strangers out: GDPR 6(1)(f) with 32 and recital 49; HIPAA 45 CFR 164.308',
  accountability: 'being able to show who did what: GDPR 6(1)(c) with 5(2) and 33; HIPAA 45 CFR 164.312(b)',
  none: 'says nothing about a person',
} as const satisfies Record<string, string>;
export type LegalBasis = keyof typeof legalBases;

/** `subject or organisation`: of the person measured where it is known who was, otherwise of the organisation. */
type SealedWith = 'organisation' | 'subject' | 'subject or organisation' | 'instance';

export type Storage =
  /** Encrypted with the data key of the organisation, of the person measured, or of the instance; `security/keys/sealed-columns.ts` says how a row tells its place. */
  | { readonly as: 'sealed'; readonly with: SealedWith }
  /** A key, wrapped by the one above it. */
  | { readonly as: 'wrapped' }
  | { readonly as: 'hashed' }
  | { readonly as: 'clear'; readonly why: string };

/** One sensitive column, or one path within a JSON column. */
export interface Field {
  /** `table.column`, or `table.column.path`: how the contract and the audit log call it. */
  readonly id: string;
  readonly table: string;
  readonly column: string;
  /** Within a JSON column, keys joined by dots; without it the column as a whole. */
  readonly path?: string;
  readonly class: FieldClass;
  readonly mask: MaskKind;
  readonly clear: Viewers;
  /** Those who get a mask; whoever is in neither gets nothing, not even that there is a value. */
  readonly masked: Viewers;
  /** A mask also where there is no value: that there is one would say something already. */
  readonly hidesAbsence?: true;
  /** The person it is about sees it in clear, whatever they may see of others. */
  readonly ownInClear?: true;
  /** Who is shown masks may have it shown with one of these, after a fresh proof and with a reason. */
  readonly revealBy?: readonly Permission[];
  readonly retention: Retention;
  readonly basis: LegalBasis;
  /** `part`: a piece of it finds it, which only what is stored in clear allows. */
  readonly search: 'exact' | 'part' | 'no';
  readonly stored: Storage;
}

type Rest = Omit<Field, 'id' | 'table' | 'column' | 'path'>;

/**
 * The fields of a table: what they have in common, then each column with what is particular to it. `column.path` names a path of a JSON
 * column.
 */
export function fieldsIn<const Common extends Partial<Rest>>(
  table: string,
  common: Common,
  columns: Readonly<Record<string, Omit<Rest, keyof Common> & Partial<Rest>>>,
): readonly Field[] {
  return Object.entries(columns).map(([name, own]) => {
    const [column = name, ...path] = name.split('.');
    const place = path.length > 0 ? { path: path.join('.') } : {};
    return { ...common, ...own, id: `${table}.${name}`, table, column, ...place } as unknown as Field;
  });
}

export const nobody: Viewers = [];
/** What no answer, export, message or screen ever holds. */
export const shownToNobody = { clear: nobody, masked: nobody, mask: 'text', search: 'no' } as const;
export const sealedWith = (owner: SealedWith): Storage => ({ as: 'sealed', with: owner });
export const hashed: Storage = { as: 'hashed' };
export const wrapped: Storage = { as: 'wrapped' };
export const inClear = (why: string): Storage => ({ as: 'clear', why });
