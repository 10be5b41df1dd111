import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Rule } from './rule.ts';

// What the evaluation of rules reads and remembers, across organisations.

/** How often the rules of each organisation have changed; an organisation without an entry never had any. */
export async function ruleRevisions(reader: Reader, organisationIds: readonly number[]): Promise<Map<number, number>> {
  const { rows } = await sql<{ organisationId: number; revision: number }>`
    select organisation_id as "organisationId", revision from alert_rule_changes
    where organisation_id = any(${organisationIds}::int[])`.execute(reader.db);
  return new Map(rows.map(({ organisationId, revision }) => [organisationId, revision]));
}

export async function enabledRules(reader: Reader, organisationId: number): Promise<Rule[]> {
  const { rows } = await sql<Rule>`
    select id, organisation_id as "organisationId", revision, name, device_id as "deviceId",
           device_type as "deviceType", metric, condition, threshold, per_seconds as "perSeconds",
           clear_threshold as "clearThreshold", for_seconds as "forSeconds", severity,
           cooldown_seconds as "cooldownSeconds"
    from alert_rules where organisation_id = ${organisationId} and enabled order by id`.execute(reader.db);
  return rows;
}

export async function deviceTypes(reader: Reader, deviceIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql<{ id: string; type: string }>`
    select id, type from devices where id = any(${deviceIds}::uuid[])`.execute(reader.db);
  return new Map(rows.map(({ id, type }) => [id, type]));
}

export interface StoredState {
  readonly ruleId: string;
  readonly deviceId: string;
  readonly version: number;
  readonly organisationId: number;
  readonly alertId: string | null;
  readonly state: string;
  /** Of class health: the state, which is empty then. */
  readonly sealed: Buffer | null;
  readonly subject: string | null;
}

export interface StateKey {
  readonly rule: Pick<Rule, 'id' | 'revision'>;
  readonly deviceId: string;
}

export async function loadStates(reader: Reader, keys: readonly StateKey[]): Promise<StoredState[]> {
  const { rows } = await sql<StoredState>`
    select s.rule_id as "ruleId", s.device_id as "deviceId", s.version, s.alert_id as "alertId", s.state,
           s.organisation_id as "organisationId", s.sealed, s.subject_id as subject
    from unnest(
      ${keys.map(({ rule }) => rule.id)}::uuid[], ${keys.map(({ deviceId }) => deviceId)}::uuid[],
      ${keys.map(({ rule }) => rule.revision)}::bigint[]
    ) as k (rule_id, device_id, revision)
    join alert_states s on s.rule_id = k.rule_id and s.device_id = k.device_id and s.rule_revision = k.revision
  `.execute(reader.db);
  return rows;
}

export interface ChangedState extends StateKey {
  readonly organisationId: number;
  /** One more than the version it was computed from. */
  readonly version: number;
  readonly alertId: string | null;
  readonly state: string;
  readonly sealed: Buffer | null;
  readonly subject: string | null;
}

/** Whoever was overtaken by another server must not write what it computed from an old state. */
export class StateOvertakenError extends Error {
  override readonly name = 'StateOvertakenError';
}

export async function saveStates(tx: WriteTx, states: readonly ChangedState[]): Promise<void> {
  if (states.length === 0) return;
  const { numAffectedRows } = await sql`
    insert into alert_states (rule_id, device_id, organisation_id, rule_revision, version, alert_id, state, sealed,
      subject_id)
    select * from unnest(
      ${states.map(({ rule }) => rule.id)}::uuid[], ${states.map(({ deviceId }) => deviceId)}::uuid[],
      ${states.map(({ organisationId }) => organisationId)}::int[],
      ${states.map(({ rule }) => rule.revision)}::bigint[], ${states.map(({ version }) => version)}::bigint[],
      ${states.map(({ alertId }) => alertId)}::uuid[], ${states.map(({ state }) => state)}::text[],
      ${states.map(({ sealed }) => sealed)}::bytea[], ${states.map(({ subject }) => subject)}::uuid[]
    ) order by 1, 2
    on conflict (rule_id, device_id) do update set
      rule_revision = excluded.rule_revision, version = excluded.version, alert_id = excluded.alert_id,
      state = excluded.state, sealed = excluded.sealed, subject_id = excluded.subject_id
    where alert_states.rule_revision < excluded.rule_revision
       or (alert_states.rule_revision = excluded.rule_revision and alert_states.version = excluded.version - 1)
  `.execute(tx.db);
  if (Number(numAffectedRows ?? 0) !== states.length)
    throw new StateOvertakenError('another server has evaluated these devices meanwhile');
}

/** In the transaction that changes the rule. */
export async function forgetStates(tx: WriteTx, ruleId: string): Promise<void> {
  await sql`delete from alert_states where rule_id = ${ruleId}`.execute(tx.db);
}
