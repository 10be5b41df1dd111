import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Rule, RuleFields } from './rule.ts';

export interface RuleRow extends Rule {
  readonly enabled: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const columns = sql`
  id, organisation_id as "organisationId", revision, name, device_id as "deviceId", device_type as "deviceType",
  metric, condition, threshold, per_seconds as "perSeconds", clear_threshold as "clearThreshold",
  for_seconds as "forSeconds", severity, cooldown_seconds as "cooldownSeconds", enabled,
  created_at as "createdAt", updated_at as "updatedAt"`;

export interface RuleFilter {
  /** Only rules that apply to this device. */
  readonly deviceId?: string | undefined;
  readonly after?: readonly [name: string, id: string] | undefined;
}

export async function listRules(reader: Reader, filter: RuleFilter, limit: number): Promise<RuleRow[]> {
  const conditions = [sql`true`];
  if (filter.deviceId !== undefined)
    conditions.push(sql`exists (
      select 1 from devices d where d.id = ${filter.deviceId} and (alert_rules.device_id = d.id or (
        alert_rules.device_id is null and (device_type is null or device_type = d.type))))`);
  if (filter.after !== undefined)
    conditions.push(sql`(lower(name), id) > (${filter.after[0]}, ${filter.after[1]}::uuid)`);
  const { rows } = await sql<RuleRow>`
    select ${columns} from alert_rules where ${sql.join(conditions, sql` and `)}
    order by lower(name), id limit ${limit}`.execute(reader.db);
  return rows;
}

export async function findRule(reader: Reader, id: string): Promise<RuleRow | undefined> {
  const { rows } = await sql<RuleRow>`select ${columns} from alert_rules where id = ${id}`.execute(reader.db);
  return rows[0];
}

export async function countRules(reader: Reader): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from alert_rules`.execute(reader.db);
  return rows[0]?.count ?? 0;
}

/** Says that this organisation's rules are others now; the number is the revision of what changes with it. */
export async function nextRevision(tx: WriteTx, organisationId: number): Promise<number> {
  const { rows } = await sql<{ revision: number }>`
    insert into alert_rule_changes (organisation_id, revision) values (${organisationId}, 1)
    on conflict (organisation_id) do update set revision = alert_rule_changes.revision + 1
    returning revision`.execute(tx.db);
  const revision = rows[0]?.revision;
  if (revision === undefined) throw new Error('the change of rules was not counted');
  return revision;
}

export interface RuleChange extends RuleFields {
  readonly id: string;
  readonly revision: number;
  readonly at: Date;
}

export async function insertRule(tx: WriteTx, organisationId: number, rule: RuleChange): Promise<void> {
  await sql`
    insert into alert_rules (id, organisation_id, name, device_id, device_type, metric, condition, threshold, per_seconds,
      clear_threshold, for_seconds, severity, cooldown_seconds, enabled, revision, created_at, updated_at)
    values (${rule.id}, ${organisationId}, ${rule.name}, ${rule.deviceId}, ${rule.deviceType}, ${rule.metric},
      ${rule.condition}, ${rule.threshold}, ${rule.perSeconds}, ${rule.clearThreshold}, ${rule.forSeconds},
      ${rule.severity}, ${rule.cooldownSeconds}, ${rule.enabled}, ${rule.revision}, ${rule.at}, ${rule.at})
  `.execute(tx.db);
}

export async function updateRule(tx: WriteTx, rule: RuleChange): Promise<void> {
  await sql`
    update alert_rules set name = ${rule.name}, device_id = ${rule.deviceId}, device_type = ${rule.deviceType},
      metric = ${rule.metric}, condition = ${rule.condition}, threshold = ${rule.threshold},
      per_seconds = ${rule.perSeconds}, clear_threshold = ${rule.clearThreshold}, for_seconds = ${rule.forSeconds},
      severity = ${rule.severity}, cooldown_seconds = ${rule.cooldownSeconds}, enabled = ${rule.enabled},
      revision = ${rule.revision}, updated_at = ${rule.at}
    where id = ${rule.id}`.execute(tx.db);
}

export async function deleteRule(tx: WriteTx, id: string): Promise<void> {
  await sql`delete from alert_rules where id = ${id}`.execute(tx.db);
}

export async function hasDevice(reader: Reader, id: string): Promise<boolean> {
  const { rows } = await sql`select 1 from devices where id = ${id}`.execute(reader.db);
  return rows.length > 0;
}

export interface ConcernedDevice {
  readonly id: string;
  readonly name: string;
  /** Of all that the rule concerns, not only those returned. */
  readonly total: number;
}

/** Devices that have sent the rule's metric and that it applies to, by name. */
export async function devicesConcerned(
  reader: Reader,
  rule: Pick<Rule, 'deviceId' | 'deviceType' | 'metric'>,
  limit: number,
): Promise<ConcernedDevice[]> {
  const scope =
    rule.deviceId !== null
      ? sql`d.id = ${rule.deviceId}`
      : rule.deviceType !== null
        ? sql`d.type = ${rule.deviceType}`
        : sql`true`;
  const { rows } = await sql<ConcernedDevice>`
    select d.id, d.name, count(*) over () as total
    from devices d join series s on s.device_id = d.id and s.metric = ${rule.metric}
    where ${scope} order by lower(d.name), d.id limit ${limit}`.execute(reader.db);
  return rows;
}
