import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

/** An erasure, as the ledger has it; `by` is null where somebody at the machine did it, or a restored database was brought up to what the key
 * store knows. */
export interface Erasure {
  readonly subjectId: string;
  readonly organisationId: number;
  readonly erasedAt: Date;
  readonly by: string | null;
  /** From then on nothing opens the backups for this person any more. */
  readonly unreadableFrom: Date;
  readonly certificate: string;
}

const columns = sql`subject_id as "subjectId", organisation_id as "organisationId", erased_at as "erasedAt", erased_by as by,
  unreadable_from as "unreadableFrom", certificate`;

export async function insertErasure(tx: WriteTx, erasure: Erasure): Promise<void> {
  await sql`insert into erasures (subject_id, organisation_id, erased_at, erased_by, unreadable_from, certificate)
    select ${erasure.subjectId}, id, ${erasure.erasedAt}, ${erasure.by}, ${erasure.unreadableFrom}, ${erasure.certificate}
    from organisations where id = ${erasure.organisationId} on conflict do nothing`.execute(tx.db);
}

/** Whether the reader's organisation erased somebody of this id, of whom nothing is here. */
export async function isErased(reader: Reader, subjectId: string): Promise<boolean> {
  const found = await sql`select 1 as one from erasures
    where subject_id = ${subjectId} and not exists (select from subjects where id = ${subjectId})`.execute(reader.db);
  return found.rows.length > 0;
}

/** Those of these organisations that the database has. */
export async function findOrganisations(reader: Reader, ids: readonly number[]): Promise<Set<number>> {
  const { rows } = await sql<{
    id: number;
  }>`select id from organisations where id = any (${[...ids]}::integer[])`.execute(reader.db);
  return new Set(rows.map(({ id }) => id));
}

/** Of the reader's organisation, or across all. */
export async function findErasure(reader: Reader, subjectId: string): Promise<Erasure | undefined> {
  const { rows } = await sql<Erasure>`select ${columns} from erasures where subject_id = ${subjectId}`.execute(
    reader.db,
  );
  return rows[0];
}

/** Of the reader's organisation, latest first, behind that one. */
export async function listLatestErasures(
  reader: Reader,
  before: { readonly erasedAt: Date; readonly subjectId: string } | undefined,
  limit: number,
): Promise<Erasure[]> {
  const { rows } = await sql<Erasure>`select ${columns} from erasures
    where ${before === undefined ? sql`true` : sql`(date_trunc('milliseconds', erased_at), subject_id) < (${before.erasedAt}, ${before.subjectId}::uuid)`}
    order by date_trunc('milliseconds', erased_at) desc, subject_id desc limit ${limit}`.execute(reader.db);
  return rows;
}

/** Of the reader's organisation, or across all, in the order of the ids behind `after`. */
export async function listErasures(reader: Reader, after: string | undefined, limit: number): Promise<Erasure[]> {
  const { rows } = await sql<Erasure>`
    select ${columns} from erasures where ${after ?? null}::uuid is null or subject_id > ${after ?? null}::uuid order by subject_id limit ${limit}`.execute(
    reader.db,
  );
  return rows;
}

/** What an older backup brought back of them. True where there was something. */
export async function removeErased(tx: WriteTx, organisationId: number, subjectId: string): Promise<boolean> {
  const removed = await sql`delete from subjects where id = ${subjectId} and organisation_id = ${organisationId}
    returning id`.execute(tx.db);
  return removed.rows.length > 0;
}
