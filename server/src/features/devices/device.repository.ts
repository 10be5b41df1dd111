import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { DeviceRecord, EventRecord } from './device.ts';

/** What people decide about a device. Row-level security keeps every query inside the organisation. */
export interface DeviceFields {
  readonly name: string;
  readonly type: string;
  readonly location: string | null;
  /** Undefined, of one that is there: it stays as it is, whatever it is. */
  readonly serial: { readonly sealed: Buffer; readonly index: Buffer } | null | undefined;
  readonly description: string | null;
  readonly ownerId: string | null;
  readonly silenceTimeoutSeconds: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** As it lies in the database. */
export type StoredDevice = Omit<DeviceRecord, 'unreadable'> & { readonly serial_sealed: Buffer | null };

export async function findDevice(reader: Reader, id: string): Promise<StoredDevice | undefined> {
  return (await sql<StoredDevice>`select * from devices where id = ${id}`.execute(reader.db)).rows[0];
}

/** Whoever changes the device meanwhile waits for this transaction. */
export async function lockDevice(tx: WriteTx, id: string): Promise<StoredDevice | undefined> {
  return (await sql<StoredDevice>`select * from devices where id = ${id} for no key update`.execute(tx.db)).rows[0];
}

/** Only a person of the same organisation is seen at all. */
export async function personExists(reader: Reader, id: string): Promise<boolean> {
  return (await sql`select 1 from users where id = ${id}`.execute(reader.db)).rows.length > 0;
}

export async function insertDevice(
  tx: WriteTx,
  device: DeviceFields & { readonly id: string; readonly organisationId: number; readonly health: boolean },
): Promise<StoredDevice> {
  const inserted = await sql<StoredDevice>`
    insert into devices (id, organisation_id, owner_id, name, type, location, serial_sealed, serial_index, description, health,
      silence_timeout_seconds, metadata)
    values (${device.id}, ${device.organisationId}, ${device.ownerId}, ${device.name}, ${device.type},
      ${device.location}, ${device.serial?.sealed ?? null}, ${device.serial?.index ?? null}, ${device.description}, ${device.health},
      ${device.silenceTimeoutSeconds}, ${JSON.stringify(device.metadata)}::jsonb)
    returning *`.execute(tx.db);
  return only(inserted.rows);
}

export async function updateDevice(tx: WriteTx, id: string, device: DeviceFields): Promise<StoredDevice> {
  const serial =
    device.serial === undefined
      ? sql``
      : sql`serial = null, serial_sealed = ${device.serial?.sealed ?? null}, serial_index = ${device.serial?.index ?? null},`;
  const updated = await sql<StoredDevice>`
    update devices set name = ${device.name}, type = ${device.type}, location = ${device.location},
      ${serial} description = ${device.description}, owner_id = ${device.ownerId},
      silence_timeout_seconds = ${device.silenceTimeoutSeconds}, metadata = ${JSON.stringify(device.metadata)}::jsonb,
      updated_at = now()
    where id = ${id} returning *`.execute(tx.db);
  return only(updated.rows);
}

/** Credentials, commands, events and series go with it; a trigger leaves a note to remove the points. */
export async function deleteDevice(tx: WriteTx, id: string): Promise<StoredDevice | undefined> {
  return (await sql<StoredDevice>`delete from devices where id = ${id} returning *`.execute(tx.db)).rows[0];
}

export async function listEvents(
  reader: Reader,
  page: { deviceId: string; before: readonly [micros: string, id: string] | undefined; limit: number },
): Promise<(EventRecord & { position: string })[]> {
  const [micros, id] = page.before ?? [null, null];
  const found = await sql<EventRecord & { position: string }>`
    select id, at, kind, status, reason, (extract(epoch from at) * 1000000)::bigint::text as position
    from device_events
    where device_id = ${page.deviceId}
      and (${micros}::text is null
        or (at, id) < (timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond', ${id}::uuid))
    order by at desc, id desc limit ${page.limit}`.execute(reader.db);
  return found.rows;
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('the statement was expected to return a row');
  return row;
}
