import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { SealedIdentity } from './sealed-subjects.ts';
import type { AssignmentOfDevice, AssignmentOfSubject, AssignmentRecord } from './subject.ts';

type Sealed<A> = Omit<A, 'reference' | 'name'> & SealedIdentity;

export interface AssignmentPage {
  /** Where the page before ended: when it began, in microseconds since the epoch, which a Date would round. */
  readonly before: readonly [micros: string, id: string] | undefined;
  readonly limit: number;
}

// A span has a beginning always and an end unless it is open; its end is not part of it.
const span = sql`a.id, lower(a.during) as began_at, upper(a.during) as ended_at`;
const position = sql`(extract(epoch from lower(a.during)) * 1000000)::bigint::text as position`;
const isBefore = ([micros, id]: readonly [string | null, string | null]) => sql`(${micros}::text is null
  or (lower(a.during), a.id) < (timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond', ${id}::uuid))`;

/** On devices the person may see: row-level security of `devices` leaves out the others. */
export async function listAssignmentsOfSubject(
  reader: Reader,
  page: AssignmentPage & { readonly subjectId: string },
): Promise<AssignmentOfSubject[]> {
  const found = await sql<AssignmentOfSubject>`
    select ${span}, ${position}, d.id as device_id, d.name as device_name, d.type as device_type
    from subject_assignments a join devices d on d.id = a.device_id
    where a.subject_id = ${page.subjectId} and ${isBefore(page.before ?? [null, null])}
    order by lower(a.during) desc, a.id desc limit ${page.limit}`.execute(reader.db);
  return found.rows;
}

export async function listAssignmentsOfDevice(
  reader: Reader,
  page: AssignmentPage & { readonly deviceId: string },
): Promise<Sealed<AssignmentOfDevice>[]> {
  const found = await sql<Sealed<AssignmentOfDevice>>`
    select ${span}, ${position}, s.id as subject_id, s.organisation_id, s.reference_sealed, s.name_sealed
    from subject_assignments a join devices d on d.id = a.device_id join subjects s on s.id = a.subject_id
    where a.device_id = ${page.deviceId} and ${isBefore(page.before ?? [null, null])}
    order by lower(a.during) desc, a.id desc limit ${page.limit}`.execute(reader.db);
  return found.rows;
}

export async function findAssignment(
  reader: Reader,
  of: { readonly deviceId: string; readonly assignmentId: string },
): Promise<Omit<Sealed<AssignmentOfDevice>, 'position'> | undefined> {
  const found = await sql<Omit<Sealed<AssignmentOfDevice>, 'position'>>`
    select ${span}, s.id as subject_id, s.organisation_id, s.reference_sealed, s.name_sealed
    from subject_assignments a join subjects s on s.id = a.subject_id
    where a.id = ${of.assignmentId} and a.device_id = ${of.deviceId}`.execute(reader.db);
  return found.rows[0];
}

export interface OtherAssignment extends AssignmentRecord {
  readonly subject_id: string;
}

/** The first assignment of the device that shares a moment with the span; `until` null: open. */
export async function findOverlap(
  reader: Reader,
  of: { readonly deviceId: string; readonly from: Date; readonly until: Date | null; readonly exceptId?: string },
): Promise<OtherAssignment | undefined> {
  const found = await sql<OtherAssignment>`
    select ${span}, a.subject_id from subject_assignments a
    where a.device_id = ${of.deviceId} and a.during && tstzrange(${of.from}, ${of.until}, '[)')
      and a.id is distinct from ${of.exceptId ?? null}::uuid
    order by lower(a.during) limit 1`.execute(reader.db);
  return found.rows[0];
}

/** The constraint of the table refuses a second one for the same moment, whoever forgot to look. */
export async function insertAssignment(
  tx: WriteTx,
  assignment: {
    readonly id: string;
    readonly organisationId: number;
    readonly subjectId: string;
    readonly deviceId: string;
    readonly from: Date;
    readonly until: Date | null;
  },
): Promise<void> {
  await sql`
    insert into subject_assignments (id, organisation_id, subject_id, device_id, during)
    values (${assignment.id}, ${assignment.organisationId}, ${assignment.subjectId}, ${assignment.deviceId},
      tstzrange(${assignment.from}, ${assignment.until}, '[)'))`.execute(tx.db);
}

export async function endAssignment(tx: WriteTx, id: string, until: Date): Promise<void> {
  await sql`update subject_assignments set during = tstzrange(lower(during), ${until}, '[)') where id = ${id}`.execute(
    tx.db,
  );
}

export async function deleteAssignment(tx: WriteTx, id: string): Promise<void> {
  await sql`delete from subject_assignments where id = ${id}`.execute(tx.db);
}
