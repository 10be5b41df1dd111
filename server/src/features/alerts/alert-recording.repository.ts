import { sql } from 'kysely';
import type { WriteTx } from '../../security/audit/tokens.ts';
import type { Rule } from './rule.ts';

// Alerts as rules write them: in bulk, across organisations.

export interface RaisedAlert {
  readonly id: string;
  readonly rule: Rule;
  readonly deviceId: string;
  readonly detail: string;
  readonly value: number | null;
  readonly startedAt: Date;
  peak: number | null;
  /** What it says of a value is sealed. */
  readonly isHealth: boolean;
  /** Set when it cleared within the same transaction: what its history says of that. */
  clearedNote: string | null;
}

/** A change of a rule takes the same lock alone, so what is decided here is either before it (and ended by it) or after it. */
export async function lockRules(tx: WriteTx, ruleIds: readonly string[]): Promise<void> {
  await sql`
    select pg_advisory_xact_lock_shared(hashtextextended('alert-rule:' || id, 0))
    from unnest(${[...new Set(ruleIds)].sort()}::text[]) as id`.execute(tx.db);
}

export async function lockRuleAlone(tx: WriteTx, ruleId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('alert-rule:' || ${ruleId}::text, 0))`.execute(tx.db);
}

/** An alert as it is inserted: with what it says, or with the seals of it. */
export interface ToldAlert extends RaisedAlert {
  readonly sealed: { readonly told: Buffer; readonly peak: Buffer; readonly subject: string | null } | null;
}

/** Inserts those whose rule is still as it was evaluated and whose device still exists; returns their ids. */
export async function insertRaised(tx: WriteTx, alerts: readonly ToldAlert[], now: Date): Promise<Set<string>> {
  const list = <T>(pick: (alert: ToldAlert) => T): T[] => alerts.map(pick);
  const { rows } = await sql<{ id: string }>`
    insert into alerts (id, organisation_id, type, rule_id, device_id, metric, severity, status, title, detail,
                        value, peak, threshold, started_at, raised_at, resolved_at, told_sealed, peak_sealed, subject_id)
    select n.id, r.organisation_id, 'rule', r.id, d.id, r.metric, r.severity,
           case when n.is_cleared then 'resolved' else 'active' end, r.name, n.detail,
           n.value, n.peak, r.threshold, n.started_at, ${now}::timestamptz,
           case when n.is_cleared then ${now}::timestamptz end, n.told_sealed, n.peak_sealed, n.subject_id
    from unnest(
      ${list(({ id }) => id)}::uuid[], ${list(({ rule }) => rule.id)}::uuid[],
      ${list(({ rule }) => rule.revision)}::bigint[], ${list(({ deviceId }) => deviceId)}::uuid[],
      ${list(({ detail, sealed }) => (sealed ? null : detail))}::text[],
      ${list(({ value, sealed }) => (sealed ? null : value))}::float8[],
      ${list(({ peak, sealed }) => (sealed ? null : peak))}::float8[], ${list(({ startedAt }) => startedAt)}::timestamptz[],
      ${list(({ clearedNote }) => clearedNote !== null)}::bool[],
      ${list(({ sealed }) => sealed?.told ?? null)}::bytea[], ${list(({ sealed }) => sealed?.peak ?? null)}::bytea[],
      ${list(({ sealed }) => sealed?.subject ?? null)}::uuid[]
    ) as n (id, rule_id, revision, device_id, detail, value, peak, started_at, is_cleared, told_sealed, peak_sealed, subject_id)
    join alert_rules r on r.id = n.rule_id and r.revision = n.revision and r.enabled
    join devices d on d.id = n.device_id and d.organisation_id = r.organisation_id
    returning id`.execute(tx.db);
  return new Set(rows.map(({ id }) => id));
}

export interface ClearedAlert {
  readonly id: string;
  readonly organisationId: number;
  readonly subject: string | null;
}

/** Ends open alerts as having cleared by themselves; returns those that were open. */
export async function clearAlerts(tx: WriteTx, ids: readonly string[], now: Date): Promise<ClearedAlert[]> {
  const { rows } = await sql<ClearedAlert>`
    update alerts set status = 'resolved', resolved_at = ${now}
    where id in (select id from alerts where id = any(${ids}::uuid[]) and status <> 'resolved' order by id for update)
    returning id, organisation_id as "organisationId", subject_id as subject`.execute(tx.db);
  return rows;
}

export interface Peak {
  readonly alertId: string;
  /** Null: it is sealed. */
  readonly peak: number | null;
  readonly sealed: Buffer | null;
}

/** Whose the open ones of these are, for those that are somebody's. */
export async function findAlertSubjects(tx: WriteTx, ids: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql<{ id: string; subject: string }>`
    select id, subject_id as subject from alerts
    where id = any(${ids}::uuid[]) and subject_id is not null and status <> 'resolved'`.execute(tx.db);
  return new Map(rows.map(({ id, subject }) => [id, subject]));
}

export async function updatePeaks(tx: WriteTx, peaks: readonly Peak[]): Promise<void> {
  await sql`
    update alerts a set peak = n.peak, peak_sealed = n.sealed
    from unnest(${peaks.map(({ alertId }) => alertId)}::uuid[], ${peaks.map(({ peak }) => peak)}::float8[],
      ${peaks.map(({ sealed }) => sealed)}::bytea[]) as n (id, peak, sealed)
    where a.id = n.id and a.status <> 'resolved'`.execute(tx.db);
}

/** Open alerts of a rule, in the transaction that changes or removes it. */
export async function openAlertsOfRule(tx: WriteTx, ruleId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from alerts where rule_id = ${ruleId} and type = 'rule' and status <> 'resolved'`.execute(tx.db);
  return rows.map(({ id }) => id);
}

/** Open alerts whose rule is gone or no longer applies to the device (its type was changed). */
export async function openAlertsWithoutRule(tx: WriteTx, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select a.id from alerts a join devices d on d.id = a.device_id
    where a.type = 'rule' and a.status <> 'resolved' and not exists (
      select 1 from alert_rules r where r.id = a.rule_id and r.enabled and (
        r.device_id = d.id or (r.device_id is null and (r.device_type is null or r.device_type = d.type))))
    order by a.id limit ${limit}`.execute(tx.db);
  return rows.map(({ id }) => id);
}
