import { canonicalJson } from '../../lib/canonical-json.ts';
import type { Place } from '../crypto/sealed-value.ts';
import {
  type BlindIndex,
  deviceSerialIndex,
  identitySubjectIndex,
  subjectNameIndex,
  subjectReferenceIndex,
  userEmailIndex,
  userNameIndex,
} from './blind-indexes.ts';

/** A column of the database whose values are sealed, and how a row of it tells the place its value was sealed for. */
export interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** The primary key; bytes are written in hexadecimal, as they are in places. */
  readonly key: string;
  readonly keyType: 'uuid' | 'text' | 'bytea' | 'integer';
  /** Where the primary key is of two columns, the second; the key is then both with a slash between, times in microseconds since 1970. */
  readonly thenKey?: { readonly column: string; readonly type: 'time' | 'uuid' };
  /** `organisation`: the row has an organisation_id; `subject`: that, and its value is never sealed for it but for the subject; `instance`: it belongs to none. */
  readonly owner: 'organisation' | 'subject' | 'instance';
  /** Holds the id of the subject whose key a value is sealed with; nothing where it is the organisation's. */
  readonly subjectColumn?: string;
  /** Another column that belongs to the place, written behind the key. */
  readonly besideKey?: string;
  /** Beside it stands what it is found by; always written together with it, and under the same epoch. */
  readonly index?: BlindIndex;
  /** Another column, in clear, together with which it is found: the index is of both. */
  readonly indexedWith?: string;
  /** Where releases before sealed it kept it in clear. What still stands there is sealed at the start (clear-values.ts). */
  readonly clear?: string;
}

const ofOrganisation = { key: 'id', keyType: 'uuid', owner: 'organisation' } as const;
/** Of whom it is about, where that is known. */
const ofPerson = { subjectColumn: 'subject_id' } as const;
const ofSeries = { key: 'series_id', keyType: 'integer', owner: 'organisation', ...ofPerson } as const;
const ofSubject = { key: 'id', keyType: 'uuid', owner: 'subject', subjectColumn: 'id' } as const;
const ofInstance = { key: 'id', keyType: 'uuid', owner: 'instance' } as const;

/** All of them; a test holds the list against the schema. Where a value is sealed and opened its place must be the one that is told here. */
export const sealedColumns: readonly SealedColumn[] = [
  { table: 'account_mails', column: 'message_sealed', ...ofOrganisation },
  { table: 'alert_events', column: 'note_sealed', ...ofOrganisation, ...ofPerson },
  {
    table: 'alert_states',
    column: 'sealed',
    key: 'rule_id',
    keyType: 'uuid',
    thenKey: { column: 'device_id', type: 'uuid' },
    owner: 'organisation',
    ...ofPerson,
  },
  { table: 'alerts', column: 'peak_sealed', ...ofOrganisation, ...ofPerson },
  { table: 'alerts', column: 'told_sealed', ...ofOrganisation, ...ofPerson },
  { table: 'audit_keys', column: 'private_sealed', ...ofInstance },
  { table: 'challenges', column: 'secret_sealed', ...ofOrganisation, key: 'token_hash', keyType: 'bytea' },
  { table: 'departures', column: 'secrets_sealed', ...ofOrganisation, key: 'state_hash', keyType: 'bytea' },
  { table: 'device_authorities', column: 'private_sealed', ...ofInstance },
  { table: 'devices', column: 'serial_sealed', ...ofOrganisation, clear: 'serial', index: deviceSerialIndex },
  { table: 'factors', column: 'public_key_sealed', ...ofOrganisation, besideKey: 'user_id' },
  { table: 'factors', column: 'secret_sealed', ...ofOrganisation },
  { table: 'identity_providers', column: 'client_secret_sealed', ...ofOrganisation },
  {
    table: 'linked_identities',
    column: 'subject_sealed',
    ...ofOrganisation,
    clear: 'subject',
    index: identitySubjectIndex,
    indexedWith: 'issuer',
  },
  { table: 'notification_channels', column: 'secret_sealed', ...ofOrganisation },
  { table: 'notification_channels', column: 'target_sealed', ...ofOrganisation, clear: 'target' },
  { table: 'points', column: 'sealed', ...ofSeries, thenKey: { column: 'ts', type: 'time' } },
  { table: 'refresh_families', column: 'secret_sealed', ...ofOrganisation, key: 'session_id' },
  { table: 'rollups_1h', column: 'sealed', ...ofSeries, thenKey: { column: 'bucket', type: 'time' } },
  { table: 'rollups_1m', column: 'sealed', ...ofSeries, thenKey: { column: 'bucket', type: 'time' } },
  { table: 'siem_destinations', column: 'client_key_sealed', ...ofOrganisation },
  { table: 'siem_destinations', column: 'secret_sealed', ...ofOrganisation },
  { table: 'signing_keys', column: 'private_sealed', ...ofInstance, key: 'kid', keyType: 'text' },
  { table: 'subjects', column: 'name_sealed', ...ofSubject, clear: 'name', index: subjectNameIndex },
  { table: 'subjects', column: 'reference_sealed', ...ofSubject, clear: 'reference', index: subjectReferenceIndex },
  { table: 'users', column: 'email_sealed', ...ofOrganisation, clear: 'email', index: userEmailIndex },
  { table: 'users', column: 'name_sealed', ...ofOrganisation, clear: 'name', index: userNameIndex },
  { table: 'users', column: 'phone_sealed', ...ofOrganisation, clear: 'phone' },
];

export function placeOf(
  { table, column }: SealedColumn,
  row: { readonly key: string; readonly beside: string | null; readonly organisation: number | null },
): Place {
  const { key, beside, organisation } = row;
  return { organisation, table, column, row: beside === null ? key : `${key}:${beside}` };
}

/** What the index of a value is of: its text, or that behind what it is found together with. */
export const indexedText = (text: string, indexedWith: string | null): string =>
  indexedWith === null ? text : canonicalJson([indexedWith, text]);
