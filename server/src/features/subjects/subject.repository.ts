import { type RawBuilder, sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { SealedIdentity } from './sealed-subjects.ts';
import type { SubjectRecord } from './subject.ts';

// Reference and name stand here as they are in the database: sealed, and found by indexes. subject-records.ts seals and opens them.

export type SealedSubject = SealedIdentity & Omit<SubjectRecord, 'reference' | 'name' | 'closed'>;

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

const identity = sql`s.id, s.id as subject_id, s.organisation_id, s.reference_sealed, s.name_sealed, s.created_at`;
const columns = (at: Date) => sql`${identity},
  (select coalesce(json_agg(json_build_object('id', m.id, 'name', m.name)), '[]')
   from (select d.id, d.name from subject_assignments a join devices d on d.id = a.device_id
     where a.subject_id = s.id and a.during @> ${at}::timestamptz order by lower(d.name), d.id limit 20) m) as measured_by`;

export async function findSubject(reader: Reader, look: Look, id: string): Promise<SealedSubject | undefined> {
  const found = await sql<SealedSubject>`
    select ${columns(look.at)} from subjects s where s.id = ${id} and ${visibleTo(look.userId)}`.execute(reader.db);
  return found.rows[0];
}

/** `share`: it cannot be deleted meanwhile. `change`: whoever changes it meanwhile waits as well. */
export async function lockSubject(
  tx: WriteTx,
  look: Look,
  id: string,
  strength: 'share' | 'change',
): Promise<SealedSubject | undefined> {
  const found = await sql<SealedSubject>`
    select ${columns(look.at)} from subjects s where s.id = ${id} and ${visibleTo(look.userId)}
    for ${strength === 'share' ? sql`key share` : sql`no key update`} of s`.execute(tx.db);
  return found.rows[0];
}

export type SubjectSearch =
  | { readonly by: 'nothing' }
  | { readonly by: 'id'; readonly text: string }
  | { readonly by: 'reference_index' | 'name_index'; readonly indexes: readonly Buffer[] };

/** In the order they were registered. */
export async function listSubjects(
  reader: Reader,
  look: Look,
  page: {
    readonly search: SubjectSearch;
    readonly isDescending: boolean;
    readonly afterId: string | undefined;
    readonly limit: number;
  },
): Promise<SealedSubject[]> {
  const { search, isDescending, afterId } = page;
  const direction = isDescending ? sql`desc` : sql`asc`;
  const found = await sql<SealedSubject>`
    select ${columns(look.at)} from subjects s
    where ${visibleTo(look.userId)} and ${matches(search)}
      and ${
        afterId === undefined
          ? sql`true`
          : sql`(s.created_at, s.id) ${isDescending ? sql`<` : sql`>`} (select a.created_at, a.id from subjects a where a.id = ${afterId})`
      }
    order by s.created_at ${direction}, s.id ${direction} limit ${page.limit}`.execute(reader.db);
  return found.rows;
}

export type SealedName = SealedIdentity & Pick<SubjectRecord, 'id' | 'created_at'>;

/** Who they are, and nothing else: to sort and to search among them. */
export async function listNames(reader: Reader, look: Look, limit: number): Promise<SealedName[]> {
  const found = await sql<SealedName>`
    select ${identity} from subjects s where ${visibleTo(look.userId)}
    order by s.created_at, s.id limit ${limit}`.execute(reader.db);
  return found.rows;
}

export async function listSubjectsOf(reader: Reader, look: Look, ids: readonly string[]): Promise<SealedSubject[]> {
  const found = await sql<SealedSubject>`
    select ${columns(look.at)} from subjects s
    where s.id = any (${[...ids]}::uuid[]) and ${visibleTo(look.userId)}`.execute(reader.db);
  return found.rows;
}

function matches(search: SubjectSearch): RawBuilder<unknown> {
  if (search.by === 'nothing') return sql`true`;
  if (search.by === 'id') return sql`s.id::text ilike ${containing(search.text)}`;
  return sql`${sql.ref(`s.${search.by}`)} = any (${search.indexes}::bytea[])`;
}

/** A pattern that finds the text itself, whatever signs of a pattern it holds. */
const containing = (text: string) => `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;

interface Indexed {
  readonly sealed: Buffer;
  readonly index: Buffer;
}

/** Whether another person of the organisation has one of these indexes, seen or not. Who is about to take one waits for others who are. */
export async function isReferenceTaken(
  tx: WriteTx,
  of: { readonly organisationId: number; readonly indexes: readonly Buffer[]; readonly exceptId: string },
): Promise<boolean> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`subjects:${of.organisationId}`}, 0))`.execute(tx.db);
  const found = await sql`select 1 as one from subjects
    where organisation_id = ${of.organisationId} and reference_index = any (${of.indexes}::bytea[]) and id <> ${of.exceptId}`.execute(
    tx.db,
  );
  return found.rows.length > 0;
}

/** False where the reference is taken. */
export async function insertSubject(
  tx: WriteTx,
  subject: {
    readonly id: string;
    readonly organisationId: number;
    readonly reference: Indexed;
    readonly name: Indexed | null;
    readonly registeredBy: string;
    readonly createdAt: Date;
  },
): Promise<boolean> {
  const { reference, name } = subject;
  const inserted = await sql`
    insert into subjects (id, organisation_id, reference_sealed, reference_index, name_sealed, name_index, registered_by, created_at)
    values (${subject.id}, ${subject.organisationId}, ${reference.sealed}, ${reference.index}, ${name?.sealed ?? null},
      ${name?.index ?? null}, ${subject.registeredBy}, ${subject.createdAt})
    on conflict do nothing returning id`.execute(tx.db);
  return inserted.rows.length > 0;
}

const UNIQUE_VIOLATION = '23505';

/** What stood in clear goes with it. False where the reference is taken; the transaction is lost then. */
export async function updateSubject(
  tx: WriteTx,
  id: string,
  { reference, name }: { readonly reference: Indexed; readonly name: Indexed | null },
): Promise<boolean> {
  try {
    await sql`update subjects set reference_sealed = ${reference.sealed}, reference_index = ${reference.index},
      name_sealed = ${name?.sealed ?? null}, name_index = ${name?.index ?? null}, reference = null, name = null where id = ${id}`.execute(
      tx.db,
    );
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === UNIQUE_VIOLATION) return false;
    throw error;
  }
}

/** Assignments go with it. Returns how many. */
/** Of whatever organisation; across all. */
export async function findOrganisationOf(reader: Reader, id: string): Promise<number | undefined> {
  const found = await sql<{ organisation: number }>`
    select organisation_id as organisation from subjects where id = ${id}`.execute(reader.db);
  return found.rows[0]?.organisation;
}

/** False where it is gone. */
export async function lockRow(tx: WriteTx, id: string): Promise<boolean> {
  return (await sql`select id from subjects where id = ${id} for no key update`.execute(tx.db)).rows.length > 0;
}

export async function deleteSubject(tx: WriteTx, id: string): Promise<number> {
  const counted = await sql<{ total: number }>`
    select count(*)::int as total from subject_assignments where subject_id = ${id}`.execute(tx.db);
  await sql`delete from subjects where id = ${id}`.execute(tx.db);
  return counted.rows[0]?.total ?? 0;
}
