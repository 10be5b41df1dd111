import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface DeviceGroupRecord {
  id: string;
  name: string;
  devices: number;
  people: number;
  api_keys: number;
  created_at: Date;
}

const groups = sql`
  select id, name, created_at,
    (select count(*)::int from device_group_devices d where d.group_id = device_groups.id) as devices,
    (select count(*)::int from person_device_groups p where p.group_id = device_groups.id) as people,
    (select count(*)::int from api_key_device_groups k join api_keys on api_keys.id = k.key_id and revoked_at is null
      where k.group_id = device_groups.id) as api_keys
  from device_groups`;

export async function listGroups(reader: Reader): Promise<DeviceGroupRecord[]> {
  return (await sql<DeviceGroupRecord>`${groups} order by lower(name), id`.execute(reader.db)).rows;
}

export async function findGroup(
  reader: Reader,
  id: string,
): Promise<(DeviceGroupRecord & { device_ids: string[] }) | undefined> {
  const [group] = (await sql<DeviceGroupRecord>`${groups} where id = ${id}`.execute(reader.db)).rows;
  if (!group) return undefined;
  const members = await sql<{ device_id: string }>`
    select device_id from device_group_devices where group_id = ${id} order by device_id`.execute(reader.db);
  return { ...group, device_ids: members.rows.map((row) => row.device_id) };
}

/** Whoever changes the group meanwhile waits for this transaction; false when there is none. */
export async function lockGroup(tx: WriteTx, id: string): Promise<boolean> {
  return (await sql`select 1 from device_groups where id = ${id} for update`.execute(tx.db)).rows.length > 0;
}

/** False when the organisation has a group of this name. */
export async function insertGroup(tx: WriteTx, group: { id: string; name: string; at: Date }): Promise<boolean> {
  const inserted = await sql`insert into device_groups (id, organisation_id, name, created_at)
    values (${group.id}, current_organisation(), ${group.name}, ${group.at}) on conflict do nothing returning id`.execute(
    tx.db,
  );
  return inserted.rows.length > 0;
}

/** False when another group has this name. */
export async function renameGroup(tx: WriteTx, id: string, name: string): Promise<boolean> {
  const renamed = await sql`update device_groups set name = ${name} where id = ${id} and not exists (
    select from device_groups other where lower(other.name) = lower(${name}) and other.id <> ${id}) returning id`.execute(
    tx.db,
  );
  return renamed.rows.length > 0;
}

/** These devices and no others; false when one of them is not there. */
export async function replaceDevices(tx: WriteTx, groupId: string, deviceIds: readonly string[]): Promise<boolean> {
  await sql`delete from device_group_devices where group_id = ${groupId} and device_id <> all (${deviceIds}::uuid[])`.execute(
    tx.db,
  );
  await sql`insert into device_group_devices (group_id, device_id, organisation_id)
    select ${groupId}, id, organisation_id from devices where id = any (${deviceIds}::uuid[]) on conflict do nothing`.execute(
    tx.db,
  );
  const counted = await sql<{ devices: number }>`
    select count(*)::int as devices from device_group_devices where group_id = ${groupId}`.execute(tx.db);
  return counted.rows[0]?.devices === new Set(deviceIds).size;
}

export async function deleteGroup(tx: WriteTx, id: string): Promise<boolean> {
  return (await sql`delete from device_groups where id = ${id} returning id`.execute(tx.db)).rows.length > 0;
}
