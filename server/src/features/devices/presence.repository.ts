import type { DeviceStatus } from '@valtronics/contract';
import { sql } from 'kysely';
import { newId } from '../../lib/ids.ts';
import type { WriteTx } from '../../security/audit/tokens.ts';
import type { StoredDevice } from './device.repository.ts';

// Across organisations, with the maintenance role: what thousands of devices let us hear goes into a few statements.

export interface Seen {
  readonly deviceId: string;
  readonly at: Date;
}

export async function noteSeen(tx: WriteTx, seen: readonly Seen[]): Promise<void> {
  if (seen.length === 0) return;
  await sql`
    update devices d set last_seen_at = v.at
    from unnest(${seen.map(({ deviceId }) => deviceId)}::uuid[], ${seen.map(({ at }) => at)}::timestamptz[]) as v (id, at)
    where d.id = v.id and (d.last_seen_at is null or d.last_seen_at < v.at)`.execute(tx.db);
}

export async function noteCredentialsUsed(tx: WriteTx, used: readonly { id: string; at: Date }[]): Promise<void> {
  if (used.length === 0) return;
  // A token or a certificate: the id is of one of them.
  for (const table of [sql.table('device_credentials'), sql.table('device_certificates')]) {
    await sql`
      update ${table} c set last_used_at = v.at
      from unnest(${used.map(({ id }) => id)}::uuid[], ${used.map(({ at }) => at)}::timestamptz[]) as v (id, at)
      where c.id = v.id and (c.last_used_at is null or c.last_used_at < v.at)`.execute(tx.db);
  }
}

export interface StatusIntent {
  readonly deviceId: string;
  readonly status: DeviceStatus;
  readonly reason: string;
  readonly at: Date;
  /** Without the device's own word only these two change: online when it is heard, offline when it is gone. */
  readonly saidByDevice: boolean;
}

export interface StatusChange {
  readonly device: StoredDevice;
  readonly reason: string;
}

/**
 * Changes what is not so already, with one event each. What a device says of itself (`error`, `maintenance`) stays until it says
 * otherwise: hearing it, or hearing it no longer, only moves it between online and offline.
 */
export async function changeStatus(tx: WriteTx, intents: readonly StatusIntent[]): Promise<StatusChange[]> {
  if (intents.length === 0) return [];
  const reasons = new Map(intents.map(({ deviceId, reason }) => [deviceId, reason]));
  const updated = await sql<StoredDevice>`
    update devices d set status = v.status, status_since = v.at
    from unnest(${intents.map(({ deviceId }) => deviceId)}::uuid[], ${intents.map(({ status }) => status)}::text[],
      ${intents.map(({ at }) => at)}::timestamptz[], ${intents.map(({ saidByDevice }) => saidByDevice)}::boolean[])
      as v (id, status, at, said)
    where d.id = v.id and d.status <> v.status and (v.said or d.status in ('online', 'offline'))
    returning d.*`.execute(tx.db);
  const changes = updated.rows.map((device) => ({ device, reason: reasons.get(device.id) ?? '' }));
  await insertEvents(tx, changes);
  return changes;
}

/** Devices that were online and have been silent for longer than they may be. */
export async function markSilent(tx: WriteTx, now: Date, limit: number): Promise<StatusChange[]> {
  const updated = await sql<StoredDevice>`
    update devices set status = 'offline', status_since = ${now}
    where id in (
      select id from devices
      where status = 'online'
        and coalesce(last_seen_at, status_since) + silence_timeout_seconds * interval '1 second' <= ${now}
      limit ${limit} for no key update skip locked)
    returning *`.execute(tx.db);
  const changes = updated.rows.map((device) => ({
    device,
    reason: `silent for ${device.silence_timeout_seconds} s`,
  }));
  await insertEvents(tx, changes);
  return changes;
}

async function insertEvents(tx: WriteTx, changes: readonly StatusChange[]): Promise<void> {
  if (changes.length === 0) return;
  await sql`
    insert into device_events (id, organisation_id, device_id, at, kind, status, reason)
    select v.id, v.organisation_id, v.device_id, v.at, 'status', v.status, v.reason
    from unnest(${changes.map(() => newId())}::uuid[],
      ${changes.map(({ device }) => device.organisation_id)}::integer[],
      ${changes.map(({ device }) => device.id)}::uuid[],
      ${changes.map(({ device }) => device.status_since)}::timestamptz[],
      ${changes.map(({ device }) => device.status)}::text[],
      ${changes.map(({ reason }) => reason)}::text[]) as v (id, organisation_id, device_id, at, status, reason)`.execute(
    tx.db,
  );
}

/** Removes history that its organisation no longer keeps. Returns how many rows went. */
export async function removeOldHistory(tx: WriteTx, now: Date, limit: number): Promise<number> {
  const events = await sql`
    delete from device_events where id in (
      select e.id from device_events e join organisations o on o.id = e.organisation_id
      where e.at < ${now}::timestamptz - o.retention_days * interval '1 day' limit ${limit}) returning id`.execute(
    tx.db,
  );
  const commands = await sql`
    delete from device_commands where id in (
      select c.id from device_commands c join organisations o on o.id = c.organisation_id
      where c.created_at < ${now}::timestamptz - o.retention_days * interval '1 day'
        and c.status not in ('pending', 'sent') limit ${limit}) returning id`.execute(tx.db);
  return Math.max(events.rows.length, commands.rows.length);
}
