import { sql } from 'kysely';
import type { TableLoad } from '../../platform/db/dump/load-tables.ts';
import type { Reader, SystemTx } from '../audit/tokens.ts';

const MOST_RECORDED = 10_000;

export interface RecordedBackup {
  readonly name: string;
  readonly place: string;
  /** Digest of its manifest. */
  readonly manifest: string;
}

/** What the audit log knows of and nobody has thrown away on record, newest first. */
export async function listRecorded(reader: Reader): Promise<RecordedBackup[]> {
  const found = await sql<RecordedBackup>`
    select resource_id as name, details ->> 'place' as place, details ->> 'manifest' as manifest from audit_events made
    where event = 'backup.created' and organisation_id is null and not exists (
      select from audit_events gone where gone.event = 'backup.deleted' and gone.organisation_id is null and gone.resource_id = made.resource_id)
    order by at desc limit ${MOST_RECORDED}`.execute(reader.db);
  return found.rows;
}

/** Sessions that ended after the backup would be open again; nobody could tell which. */
export async function endAllSessions(tx: SystemTx): Promise<number> {
  const ended = await sql`delete from sessions`.execute(tx.db);
  return Number(ended.numAffectedRows ?? 0);
}

/** Tables that the migrations do not make: a day of points each. */
export async function makeDay(load: TableLoad, table: string): Promise<void> {
  const [, day] = /^points_(\d{8})$/.exec(table) ?? [];
  if (day !== undefined) await load.run('select ensure_points_day($1::date)', [day]);
}
