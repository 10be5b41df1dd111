import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Sealed } from '../../security/keys/person-values.ts';

// What alerts and rules quote in clear of series that were marked as class health afterwards. `series_sealings` names those that are under way.

const marked = sql`series_sealings g join series s on s.id = g.series_id`;

export interface EarlierAlert {
  readonly id: string;
  readonly organisationId: number;
  readonly detail: string | null;
  readonly value: number | null;
  readonly peak: number | null;
  readonly deviceId: string;
  readonly startedAt: Date;
}

export async function findEarlierAlerts(reader: Reader, limit: number): Promise<EarlierAlert[]> {
  const { rows } = await sql<EarlierAlert>`
    select a.id, a.organisation_id as "organisationId", a.detail, a.value, a.peak,
      a.device_id as "deviceId", a.started_at as "startedAt"
    from ${marked} join alerts a on a.device_id = s.device_id and a.metric = s.metric and a.type = 'rule'
    where a.told_sealed is null and a.value is not null limit ${limit}`.execute(reader.db);
  return rows;
}

/** Only as it was read; a worse value since is sealed already. What is still to be told of it is told without its values. */
export async function sealAlert(
  tx: WriteTx,
  { id, peak }: EarlierAlert,
  seals: { readonly told: Buffer; readonly peak: Buffer; readonly subject: string | null },
): Promise<void> {
  await sql`
    update alerts set detail = null, value = null, told_sealed = ${seals.told}, subject_id = ${seals.subject}, peak = null,
      peak_sealed = case when peak is null then peak_sealed else ${seals.peak} end
    where id = ${id} and told_sealed is null and (peak is null or peak is not distinct from ${peak})`.execute(tx.db);
  await sql`
    update notification_outbox
    set payload = jsonb_set(payload, '{alert}', payload->'alert' || '{"detail": null, "value": null, "peak": null, "health": true}')
    where alert_id = ${id} and jsonb_typeof(payload->'alert') = 'object'`.execute(tx.db);
}

export interface EarlierNote {
  readonly id: string;
  readonly organisationId: number;
  readonly note: string;
  /** Whose the alert is. */
  readonly subject: string | null;
}

/** What rules wrote into the history of alerts; what people wrote there is theirs. */
export async function findEarlierNotes(reader: Reader, limit: number): Promise<EarlierNote[]> {
  const { rows } = await sql<EarlierNote>`
    select e.id, e.organisation_id as "organisationId", e.note, a.subject_id as subject
    from ${marked} join alerts a on a.device_id = s.device_id and a.metric = s.metric and a.type = 'rule'
      join alert_events e on e.alert_id = a.id
    where e.kind in ('raised', 'cleared') and e.note is not null and a.told_sealed is not null limit ${limit}`.execute(
    reader.db,
  );
  return rows;
}

export async function sealNote(tx: WriteTx, id: string, { sealed, subject }: Sealed): Promise<void> {
  await sql`update alert_events set note = null, note_sealed = ${sealed}, subject_id = ${subject} where id = ${id} and note is not null`.execute(
    tx.db,
  );
}

export interface EarlierState {
  readonly ruleId: string;
  readonly deviceId: string;
  readonly organisationId: number;
  readonly version: number;
  readonly state: string;
}

export async function findEarlierStates(reader: Reader, limit: number): Promise<EarlierState[]> {
  const { rows } = await sql<EarlierState>`
    select t.rule_id as "ruleId", t.device_id as "deviceId", t.organisation_id as "organisationId", t.version, t.state
    from ${marked} join alert_states t on t.device_id = s.device_id
      join alert_rules r on r.id = t.rule_id and r.metric = s.metric
    where t.sealed is null limit ${limit}`.execute(reader.db);
  return rows;
}

/** Only if no point came since. */
export async function sealState(
  tx: WriteTx,
  { ruleId, deviceId, version }: EarlierState,
  { sealed, subject }: Sealed,
): Promise<void> {
  await sql`update alert_states set state = '', sealed = ${sealed}, subject_id = ${subject}
    where rule_id = ${ruleId} and device_id = ${deviceId} and version = ${version} and sealed is null`.execute(tx.db);
}
