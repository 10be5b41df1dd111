import type { AlertStatus, Severity } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { AlertRow } from './alert.ts';

/** People stand in these by their ids, until `People.named` has put what they are called in their place. */
export const namesOfPeople = ['acknowledgedBy', 'resolvedBy'] as const;

const columns = sql`
  a.organisation_id as "organisationId", a.id, a.type, a.rule_id as "ruleId", a.device_id as "deviceId",
  d.name as "deviceName", a.metric, a.severity, a.status, a.title, a.detail, a.value, a.peak, a.threshold,
  a.told_sealed as "toldSealed", a.peak_sealed as "peakSealed",
  a.subject_id as subject,
  a.started_at as "startedAt", a.raised_at as "raisedAt",
  a.acknowledged_at as "acknowledgedAt", a.acknowledged_by as "acknowledgedBy",
  a.resolved_at as "resolvedAt", a.resolved_by as "resolvedBy"`;
const tables = sql`alerts a join devices d on d.id = a.device_id`;

export interface AlertFilter {
  readonly status?: AlertStatus | undefined;
  readonly isOpen: boolean;
  readonly severity?: Severity | undefined;
  readonly deviceId?: string | undefined;
  readonly ruleId?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** Only what is older than this alert. */
  readonly after?: { readonly raisedAt: Date; readonly id: string } | undefined;
}

export async function listAlerts(reader: Reader, filter: AlertFilter, limit: number): Promise<AlertRow[]> {
  const conditions = [sql`true`];
  if (filter.status !== undefined) conditions.push(sql`a.status = ${filter.status}`);
  if (filter.isOpen) conditions.push(sql`a.status <> 'resolved'`);
  if (filter.severity !== undefined) conditions.push(sql`a.severity = ${filter.severity}`);
  if (filter.deviceId !== undefined) conditions.push(sql`a.device_id = ${filter.deviceId}`);
  if (filter.ruleId !== undefined) conditions.push(sql`a.rule_id = ${filter.ruleId}`);
  if (filter.from !== undefined) conditions.push(sql`a.raised_at >= ${filter.from}`);
  if (filter.to !== undefined) conditions.push(sql`a.raised_at < ${filter.to}`);
  if (filter.after !== undefined)
    conditions.push(sql`(a.raised_at, a.id) < (${filter.after.raisedAt}, ${filter.after.id}::uuid)`);
  const { rows } = await sql<AlertRow>`
    select ${columns} from ${tables} where ${sql.join(conditions, sql` and `)}
    order by a.raised_at desc, a.id desc limit ${limit}`.execute(reader.db);
  return rows;
}

export async function findAlerts(reader: Reader, ids: readonly string[]): Promise<AlertRow[]> {
  if (ids.length === 0) return [];
  const { rows } = await sql<AlertRow>`
    select ${columns} from ${tables} where a.id = any(${ids}::uuid[])`.execute(reader.db);
  return rows;
}

export interface AlertCounts {
  readonly open: readonly { readonly status: AlertStatus; readonly severity: Severity; readonly count: number }[];
  readonly resolved: number;
}

export async function countAlerts(reader: Reader, resolvedSince: Date): Promise<AlertCounts> {
  const open = await sql<AlertCounts['open'][number]>`
    select status, severity, count(*) as count from alerts
    where status <> 'resolved' group by status, severity`.execute(reader.db);
  const resolved = await sql<{ count: number }>`
    select count(*) as count from alerts
    where status = 'resolved' and resolved_at >= ${resolvedSince}`.execute(reader.db);
  return { open: open.rows, resolved: resolved.rows[0]?.count ?? 0 };
}

/** The row's status, locked until the transaction ends, so that two people cannot both be the one who acted. */
export async function lockAlert(tx: WriteTx, id: string): Promise<AlertStatus | undefined> {
  const { rows } = await sql<{ status: AlertStatus }>`
    select status from alerts where id = ${id} for update`.execute(tx.db);
  return rows[0]?.status;
}

export async function acknowledgeAlert(tx: WriteTx, id: string, at: Date, by: string): Promise<void> {
  await sql`
    update alerts set status = 'acknowledged', acknowledged_at = ${at}, acknowledged_by = ${by}
    where id = ${id}`.execute(tx.db);
}

export async function resolveAlert(tx: WriteTx, id: string, at: Date, by: string): Promise<void> {
  await sql`
    update alerts set status = 'resolved', resolved_at = ${at}, resolved_by = ${by} where id = ${id}`.execute(tx.db);
}

export interface NewDeviceAlert {
  readonly id: string;
  readonly organisationId: number;
  readonly deviceId: string;
  readonly title: string;
  readonly severity: Severity;
  readonly detail: string | null;
  /** Instead of the detail, where the device is of class health. */
  readonly toldSealed: Buffer | null;
  readonly subject: string | null;
  readonly at: Date;
}

export interface DeviceAlertPlace {
  /** Of alerts the device itself raised. */
  readonly open: number;
  readonly raisedSince: number;
  readonly sameTitle: { readonly id: string; readonly severity: Severity } | null;
}

/** One at a time per device: the messages of a burst must not each find the same room. */
export async function lockDeviceAlerts(
  tx: WriteTx,
  deviceId: string,
  title: string,
  since: Date,
): Promise<DeviceAlertPlace> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`device-alerts:${deviceId}`}, 0))`.execute(tx.db);
  const { rows } = await sql<{ open: number; raisedSince: number; id: string | null; severity: Severity | null }>`
    select count(*) filter (where status <> 'resolved') as open,
           count(*) filter (where raised_at >= ${since}) as "raisedSince",
           (array_agg(id) filter (where status <> 'resolved' and title = ${title}))[1] as id,
           (array_agg(severity) filter (where status <> 'resolved' and title = ${title}))[1] as severity
    from alerts where device_id = ${deviceId} and type = 'device'
      and (status <> 'resolved' or raised_at >= ${since})`.execute(tx.db);
  const [row] = rows;
  const sameTitle = row?.id && row.severity ? { id: row.id, severity: row.severity } : null;
  return { open: row?.open ?? 0, raisedSince: row?.raisedSince ?? 0, sameTitle };
}

export async function insertDeviceAlert(tx: WriteTx, alert: NewDeviceAlert): Promise<void> {
  await sql`
    insert into alerts (id, organisation_id, type, device_id, severity, status, title, detail, told_sealed, subject_id, started_at, raised_at)
    values (${alert.id}, ${alert.organisationId}, 'device', ${alert.deviceId}, ${alert.severity}, 'active',
            ${alert.title}, ${alert.detail}, ${alert.toldSealed}, ${alert.subject}, ${alert.at}, ${alert.at})`.execute(
    tx.db,
  );
}

export async function worsenDeviceAlert(
  tx: WriteTx,
  id: string,
  severity: Severity,
  { detail, toldSealed, subject }: Pick<NewDeviceAlert, 'detail' | 'toldSealed' | 'subject'>,
): Promise<void> {
  await sql`
    update alerts set severity = ${severity}, told_sealed = coalesce(${toldSealed}, told_sealed),
      subject_id = case when ${toldSealed}::bytea is null then subject_id else ${subject}::uuid end,
      detail = case when ${toldSealed}::bytea is null then coalesce(${detail}, detail) end
    where id = ${id}`.execute(tx.db);
}

export async function isHealthDevice(reader: Reader, deviceId: string): Promise<boolean> {
  const { rows } = await sql`select 1 from devices where id = ${deviceId} and health`.execute(reader.db);
  return rows.length > 0;
}

/** Removes resolved alerts past each organisation's retention; returns how many. */
export async function removeOldAlerts(tx: WriteTx, now: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from alerts where id in (
      select a.id from organisations o
      cross join lateral (
        select id from alerts where organisation_id = o.id and status = 'resolved'
          and resolved_at < ${now}::timestamptz - make_interval(days => o.retention_days)
        order by resolved_at limit ${limit}) a
      limit ${limit})`.execute(tx.db);
  return Number(numAffectedRows ?? 0);
}
