import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface DetectionListRow {
  readonly id: string;
  readonly at: Date;
  readonly organisation_id: number | null;
  readonly scenario: string;
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  readonly technique: string | null;
  readonly scope: 'ip' | 'range' | 'user' | 'device' | 'organisation' | 'instance';
  readonly subject: string;
  readonly first_at: Date;
  readonly last_at: Date;
  readonly count: number;
  readonly simulated: boolean;
  readonly answered_at: Date | null;
}

export interface DetectionFilter {
  readonly scenario?: string | undefined;
  readonly severity?: string | undefined;
  readonly subject?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly before: readonly [at: string, id: string] | undefined;
  readonly limit: number;
}

/** Newest first; row-level security leaves an organisation its own and, if it runs the instance, what belongs to none. */
export async function listDetections(reader: Reader, filter: DetectionFilter): Promise<DetectionListRow[]> {
  const conditions = [
    sql`true`,
    ...(filter.scenario === undefined ? [] : [sql`scenario = ${filter.scenario}`]),
    ...(filter.severity === undefined ? [] : [sql`severity = ${filter.severity}`]),
    ...(filter.subject === undefined ? [] : [sql`subject = ${filter.subject}`]),
    ...(filter.from === undefined ? [] : [sql`at >= ${filter.from}::timestamptz`]),
    ...(filter.to === undefined ? [] : [sql`at < ${filter.to}::timestamptz`]),
    ...(filter.before === undefined
      ? []
      : [sql`(at, id) < (${filter.before[0]}::timestamptz, ${filter.before[1]}::uuid)`]),
  ];
  const found = await sql<DetectionListRow>`
    select id, at, organisation_id, scenario, severity, technique, scope, subject, first_at, last_at, count, simulated, answered_at
    from detections
    where (organisation_id = current_organisation() or (organisation_id is null and operates_instance()))
      and ${sql.join(conditions, sql` and `)}
    order by at desc, id desc limit ${filter.limit}`.execute(reader.db);
  return found.rows;
}

/** Ids of those that are only being tried out. */
export async function simulatedScenarios(reader: Reader): Promise<Set<string>> {
  const found = await sql<{ id: string }>`select id from detection_scenarios where simulated`.execute(reader.db);
  return new Set(found.rows.map(({ id }) => id));
}

export async function setSimulated(
  tx: WriteTx,
  { id, simulated, by, now }: { id: string; simulated: boolean; by: string; now: Date },
): Promise<void> {
  await sql`
    insert into detection_scenarios (organisation_id, id, simulated, changed_at, changed_by)
    values (current_organisation(), ${id}, ${simulated}, ${now}, ${by})
    on conflict (organisation_id, id) do update set simulated = excluded.simulated, changed_at = excluded.changed_at, changed_by = excluded.changed_by`.execute(
    tx.db,
  );
}
