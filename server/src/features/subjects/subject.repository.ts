import type { SubjectSort } from '@valtronics/contract';
import { type RawBuilder, sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Sight, SubjectRecord } from './subject.ts';

/** Who looks, and when: what is measured now depends on it. */
export interface Look {
  readonly userId: string;
  readonly at: Date;
}

/**
 * Row-level security keeps every query inside the organisation, and `devices` inside what the person may see of the fleet. A subject is
 * reached through the devices that measure or measured it: whoever sees one of them sees it. One that no device ever measured is seen by
 * whoever registered it. Whoever is limited to no devices sees everybody.
 */
const visibleTo = (userId: string): RawBuilder<boolean> => sql`(
  (select current_viewers() is null)
  or exists (select from subject_assignments v join devices d on d.id = v.device_id where v.subject_id = s.id)
  or (s.registered_by = ${userId} and not was_subject_measured(s.id)))`;

const columns = (at: Date) => sql`s.id, s.organisation_id, s.reference, s.name, s.created_at,
  (select coalesce(json_agg(json_build_object('id', m.id, 'name', m.name)), '[]')
   from (select d.id, d.name from subject_assignments a join devices d on d.id = a.device_id
     where a.subject_id = s.id and a.during @> ${at}::timestamptz order by lower(d.name), d.id limit 20) m) as measured_by`;

export async function findSubject(reader: Reader, look: Look, id: string): Promise<SubjectRecord | undefined> {
  const found = await sql<SubjectRecord>`
    select ${columns(look.at)} from subjects s where s.id = ${id} and ${visibleTo(look.userId)}`.execute(reader.db);
  return found.rows[0];
}

/** `share`: it cannot be deleted meanwhile. `change`: whoever changes it meanwhile waits as well. */
export async function lockSubject(
  tx: WriteTx,
  look: Look,
  id: string,
  strength: 'share' | 'change',
): Promise<SubjectRecord | undefined> {
  const found = await sql<SubjectRecord>`
    select ${columns(look.at)} from subjects s where s.id = ${id} and ${visibleTo(look.userId)}
    for ${strength === 'share' ? sql`key share` : sql`no key update`} of s`.execute(tx.db);
  return found.rows[0];
}

const sortKeys = {
  reference: sql`lower(s.reference)`,
  name: sql`coalesce(lower(s.name), '')`,
  createdAt: sql`s.created_at`,
};

export interface SubjectFilter {
  readonly text: string | undefined;
  /** What may be searched: where personal values are masked, they are no part of the search either. */
  readonly sight: Sight;
  readonly sort: SubjectSort;
  /** The last subject of the page before; its place is looked up, so that no cursor carries a name. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

export async function listSubjects(reader: Reader, look: Look, filter: SubjectFilter): Promise<SubjectRecord[]> {
  const isDescending = filter.sort.startsWith('-');
  const key = sortKeys[filter.sort.replace('-', '') as keyof typeof sortKeys];
  const pattern = filter.text === undefined || filter.text === '' ? null : containing(filter.text);
  const found = await sql<SubjectRecord>`
    select ${columns(look.at)} from subjects s
    where ${visibleTo(look.userId)}
      and ${pattern === null ? sql`true` : matches(pattern, filter.sight)}
      and ${
        filter.afterId === undefined
          ? sql`true`
          : sql`(${key}, s.id) ${isDescending ? sql`<` : sql`>`} (select ${key}, s.id from subjects s where s.id = ${filter.afterId})`
      }
    order by ${key} ${isDescending ? sql`desc` : sql`asc`}, s.id ${isDescending ? sql`desc` : sql`asc`}
    limit ${filter.limit}`.execute(reader.db);
  return found.rows;
}

const matches = (pattern: string, sight: Sight): RawBuilder<boolean> =>
  sight === 'clear'
    ? sql`(s.id::text ilike ${pattern} or s.reference ilike ${pattern} or s.name ilike ${pattern})`
    : sql`s.id::text ilike ${pattern}`;

/** A pattern that finds the text itself, whatever signs of a pattern it holds. */
const containing = (text: string) => `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;

/** False where the reference is taken. */
export async function insertSubject(
  tx: WriteTx,
  subject: {
    readonly id: string;
    readonly organisationId: number;
    readonly reference: string;
    readonly name: string | null;
    readonly registeredBy: string;
    readonly createdAt: Date;
  },
): Promise<boolean> {
  const inserted = await sql`
    insert into subjects (id, organisation_id, reference, name, registered_by, created_at)
    values (${subject.id}, ${subject.organisationId}, ${subject.reference}, ${subject.name}, ${subject.registeredBy},
      ${subject.createdAt})
    on conflict do nothing returning id`.execute(tx.db);
  return inserted.rows.length > 0;
}

const UNIQUE_VIOLATION = '23505';

/** False where the reference is taken; the transaction is lost then. */
export async function updateSubject(
  tx: WriteTx,
  id: string,
  subject: { readonly reference: string; readonly name: string | null },
): Promise<boolean> {
  try {
    await sql`update subjects set reference = ${subject.reference}, name = ${subject.name} where id = ${id}`.execute(
      tx.db,
    );
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === UNIQUE_VIOLATION) return false;
    throw error;
  }
}

/** Assignments go with it. Returns how many. */
export async function deleteSubject(tx: WriteTx, id: string): Promise<number> {
  const counted = await sql<{ total: number }>`
    select count(*)::int as total from subject_assignments where subject_id = ${id}`.execute(tx.db);
  await sql`delete from subjects where id = ${id}`.execute(tx.db);
  return counted.rows[0]?.total ?? 0;
}
