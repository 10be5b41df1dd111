import { isId } from '../../lib/ids.ts';
import type { Reader } from '../audit/tokens.ts';
import type { Place } from '../crypto/sealed-value.ts';
import { UNREADABLE } from '../keys/damaged-values.ts';
import type { DataKeys, SealedValue } from '../keys/data-keys.ts';
import { findSealedPeople } from './people.repository.ts';

/** What is personal of an account: sealed in the database, each for its own row and column. */
export type PersonalField = 'email' | 'name' | 'phone';

interface Account {
  readonly user_id: string;
  readonly organisation_id: number;
}
type Sealed<F extends PersonalField> = { readonly [K in F as `${K}_sealed`]: Buffer | null };
/** `unreadable`: of these there is a value, which does not open. */
type Opened<F extends PersonalField> = { readonly [K in F]: K extends 'email' ? string : string | null } & {
  readonly unreadable: readonly PersonalField[];
};

export const personPlace = (field: PersonalField, { user_id, organisation_id }: Account): Place => ({
  organisation: organisation_id,
  table: 'users',
  column: `${field}_sealed`,
  row: user_id,
});

/** The rows with these fields in clear, all opened in one go. What does not open is null, or of an address says so. */
export async function openPeople<
  F extends PersonalField,
  R extends Account & Sealed<F> & { readonly unreadable?: readonly PersonalField[] },
>(
  dataKeys: Pick<DataKeys, 'openAll'>,
  fields: readonly F[],
  rows: readonly R[],
): Promise<(Omit<R, `${F}_sealed` | 'unreadable'> & Opened<F>)[]> {
  const values: SealedValue[] = [];
  const targets: { readonly row: number; readonly field: F }[] = [];
  rows.forEach((row, at) => {
    for (const field of fields) {
      const sealed = (row as Record<string, unknown>)[`${field}_sealed`];
      if (!(sealed instanceof Uint8Array)) continue;
      values.push({ sealed, place: personPlace(field, row) });
      targets.push({ row: at, field });
    }
  });
  const left = new Set<string>(fields.map((field) => `${field}_sealed`));
  const opened = rows.map((row) => {
    const unreadable = [...(row.unreadable ?? [])];
    const copy: Record<string, unknown> & { unreadable: PersonalField[] } = { unreadable };
    for (const [name, value] of Object.entries(row)) if (!left.has(name) && name !== 'unreadable') copy[name] = value;
    for (const field of fields) {
      // Without an address: a row that somebody put there beside the platform. Nobody can sign in to it.
      copy[field] = field === 'email' ? '' : null;
    }
    return copy;
  });
  const texts = await dataKeys.openAll(values);
  targets.forEach(({ row, field }, at) => {
    const record = opened[row];
    if (record === undefined) return;
    const text = texts[at];
    if (text !== undefined) record[field] = text;
    else {
      record.unreadable.push(field);
      if (field === 'email') record[field] = UNREADABLE;
    }
  });
  return opened as unknown as (Omit<R, `${F}_sealed` | 'unreadable'> & Opened<F>)[];
}

/** Who the people are whom rows of other features name. */
export interface People {
  /**
   * The rows with what these people are called in the place of their ids: the name, or where there is none the address (`email`: always that). Null for
   * whom the reader may not see.
   */
  named<R extends object>(
    reader: Reader,
    rows: readonly R[],
    fields: readonly (keyof R)[],
    by?: 'name' | 'email',
  ): Promise<R[]>;
}

export function createPeople(dataKeys: Pick<DataKeys, 'openAll'>): People {
  return {
    async named(reader, rows, fields, by = 'name') {
      const ids = new Set<string>();
      for (const row of rows) for (const field of fields) if (isId(row[field])) ids.add(row[field]);
      const sealed = ids.size === 0 ? [] : await findSealedPeople(reader, [...ids]);
      const called = new Map<unknown, string>();
      for (const { user_id, name, email } of await openPeople(dataKeys, ['email', 'name'], sealed))
        called.set(user_id, by === 'email' ? email : (name ?? email));
      return rows.map((row) => {
        const names = fields.map((field) => [field, called.get(row[field]) ?? null]);
        return { ...row, ...Object.fromEntries(names) };
      });
    },
  };
}
