import { sql } from 'kysely';
import type { WriteTx } from '../../security/audit/tokens.ts';
import type { Rule } from './rule.ts';

// When devices were last heard, for no-data rules. Wall clock throughout.

export interface Heard {
  readonly rule: Pick<Rule, 'id' | 'organisationId' | 'revision'>;
  readonly deviceId: string;
  readonly receivedAt: Date;
}

/**
 * Notes that points were received, and returns the open alerts this ends. All rows are locked first: the search for silence passes
 * over locked rows, so it cannot raise between the look and the update.
 */
export async function noteHeard(tx: WriteTx, heard: readonly Heard[]): Promise<string[]> {
  if (heard.length === 0) return [];
  const ruleIds = heard.map(({ rule }) => rule.id);
  const deviceIds = heard.map(({ deviceId }) => deviceId);
  const { rows } = await sql<{ alertId: string | null; silent: boolean }>`
    select alert_id as "alertId", silent from alert_silences
    where (rule_id, device_id) in (select * from unnest(${ruleIds}::uuid[], ${deviceIds}::uuid[]))
    order by rule_id, device_id for update`.execute(tx.db);
  await sql`
    insert into alert_silences (rule_id, device_id, organisation_id, rule_revision, last_received_at)
    select * from unnest(
      ${ruleIds}::uuid[], ${deviceIds}::uuid[], ${heard.map(({ rule }) => rule.organisationId)}::int[],
      ${heard.map(({ rule }) => rule.revision)}::bigint[], ${heard.map(({ receivedAt }) => receivedAt)}::timestamptz[]
    ) order by 1, 2
    on conflict (rule_id, device_id) do update set
      rule_revision = excluded.rule_revision, silent = false, alert_id = null,
      last_received_at = greatest(alert_silences.last_received_at, excluded.last_received_at)
    where alert_silences.rule_revision <= excluded.rule_revision`.execute(tx.db);
  return rows.flatMap(({ alertId, silent }) => (silent && alertId !== null ? [alertId] : []));
}

/** The time of the last look, which this one replaces; undefined while another server is looking. */
export async function beginScan(tx: WriteTx, now: Date): Promise<Date | undefined> {
  await sql`insert into alert_watch (last_scan_at) values (${now}) on conflict do nothing`.execute(tx.db);
  const { rows } = await sql<{ at: Date }>`
    select last_scan_at as at from alert_watch for update skip locked`.execute(tx.db);
  const last = rows[0]?.at;
  if (last !== undefined) await sql`update alert_watch set last_scan_at = ${now}`.execute(tx.db);
  return last;
}

/** Nobody listened for a while, which is not the devices' silence. */
export async function excuseSilence(tx: WriteTx, milliseconds: number, now: Date): Promise<void> {
  await sql`
    update alert_silences
    set last_received_at = least(last_received_at + make_interval(secs => ${milliseconds / 1000}), ${now}::timestamptz)
    where not silent`.execute(tx.db);
}

/** Begins to watch devices that have sent the metric before the rule was made. */
export async function watchKnownDevices(tx: WriteTx, now: Date): Promise<void> {
  await sql`
    insert into alert_silences (rule_id, device_id, organisation_id, rule_revision, last_received_at)
    select r.id, d.id, r.organisation_id, r.revision, ${now}::timestamptz
    from alert_rules r
    join series s on s.organisation_id = r.organisation_id and s.metric = r.metric
    join devices d on d.id = s.device_id
    where r.condition = 'no_data' and r.enabled
      and (r.device_id = d.id or (r.device_id is null and (r.device_type is null or r.device_type = d.type)))
      and not exists (
        select 1 from alert_silences x where x.rule_id = r.id and x.device_id = d.id and x.rule_revision >= r.revision)
    order by r.id, d.id
    on conflict (rule_id, device_id) do update set
      rule_revision = excluded.rule_revision, last_received_at = excluded.last_received_at, silent = false, alert_id = null
    where alert_silences.rule_revision < excluded.rule_revision`.execute(tx.db);
}

export interface SilentDevice extends Rule {
  readonly silentDeviceId: string;
  readonly lastReceivedAt: Date;
}

/**
 * Devices that have been silent for their rule's time and are not reported yet. `last_received_at` may be behind by the interval in
 * which it is not written again (`graceSeconds` in no-data.ts), which is granted on top.
 */
export async function findSilent(tx: WriteTx, now: Date, limit: number): Promise<SilentDevice[]> {
  const { rows } = await sql<SilentDevice>`
    select s.device_id as "silentDeviceId", s.last_received_at as "lastReceivedAt",
           r.id, r.organisation_id as "organisationId", r.revision, r.name, r.device_id as "deviceId",
           r.device_type as "deviceType", r.metric, r.condition, r.threshold, r.per_seconds as "perSeconds",
           r.clear_threshold as "clearThreshold", r.for_seconds as "forSeconds", r.severity,
           r.cooldown_seconds as "cooldownSeconds"
    from alert_silences s
    join alert_rules r on r.id = s.rule_id and r.revision = s.rule_revision and r.enabled
    join devices d on d.id = s.device_id
      and (r.device_id = d.id or (r.device_id is null and (r.device_type is null or r.device_type = d.type)))
    where not s.silent
      and s.last_received_at <= ${now}::timestamptz
        - make_interval(secs => r.for_seconds + least(5, r.for_seconds / 10.0)::float8)
      and not exists (
        select 1 from alerts a where a.rule_id = r.id and a.device_id = d.id
          and a.resolved_at > ${now}::timestamptz - make_interval(secs => r.cooldown_seconds))
    order by s.rule_id, s.device_id limit ${limit} for update of s skip locked`.execute(tx.db);
  return rows;
}

export async function markSilent(
  tx: WriteTx,
  silences: readonly { readonly ruleId: string; readonly deviceId: string; readonly alertId: string }[],
): Promise<void> {
  await sql`
    update alert_silences s set silent = true, alert_id = n.alert_id
    from unnest(
      ${silences.map(({ ruleId }) => ruleId)}::uuid[], ${silences.map(({ deviceId }) => deviceId)}::uuid[],
      ${silences.map(({ alertId }) => alertId)}::uuid[]) as n (rule_id, device_id, alert_id)
    where s.rule_id = n.rule_id and s.device_id = n.device_id`.execute(tx.db);
}

/** A number that changes whenever any rule of any organisation does. */
export async function allRuleRevisions(tx: WriteTx): Promise<number> {
  const { rows } = await sql<{ sum: string }>`
    select coalesce(sum(revision), 0) as sum from alert_rule_changes`.execute(tx.db);
  return Number(rows[0]?.sum ?? 0);
}

/** In the transaction that changes the rule. */
export async function forgetSilences(tx: WriteTx, ruleId: string): Promise<void> {
  await sql`delete from alert_silences where rule_id = ${ruleId}`.execute(tx.db);
}
