import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { CommandRecord } from './device.ts';

export interface NewCommand {
  readonly id: string;
  readonly organisationId: number;
  readonly deviceId: string;
  readonly name: string;
  readonly payload: unknown;
  readonly createdBy: string | null;
  readonly createdAt: Date;
  readonly timeoutSeconds: number;
}

/** Who gave it stands in `created_by_name` by their id, until `People.named` has put what they are called in its place. */
const columns = sql`c.id, c.name, c.payload, c.status, c.response, c.created_by as created_by_name,
  c.created_at, c.sent_at, c.finished_at, c.timeout_seconds`;
const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));

export async function insertCommand(tx: WriteTx, command: NewCommand): Promise<void> {
  await sql`
    insert into device_commands (id, organisation_id, device_id, name, payload, status, created_by, created_at,
      timeout_seconds)
    values (${command.id}, ${command.organisationId}, ${command.deviceId}, ${command.name},
      ${json(command.payload)}::jsonb, 'pending', ${command.createdBy}, ${command.createdAt},
      ${command.timeoutSeconds})`.execute(tx.db);
}

export async function findCommand(reader: Reader, id: string): Promise<CommandRecord | undefined> {
  const found = await sql<CommandRecord>`
    select ${columns} from device_commands c where c.id = ${id}`.execute(reader.db);
  return found.rows[0];
}

/** Ids rise with time, so they are the order too. */
export async function listCommands(
  reader: Reader,
  page: { deviceId: string; beforeId: string | undefined; limit: number },
): Promise<CommandRecord[]> {
  const found = await sql<CommandRecord>`
    select ${columns} from device_commands c
    where c.device_id = ${page.deviceId} and (${page.beforeId ?? null}::uuid is null or c.id < ${page.beforeId ?? null})
    order by c.id desc limit ${page.limit}`.execute(reader.db);
  return found.rows;
}

export async function countOpenCommands(reader: Reader, deviceId: string): Promise<number> {
  const found = await sql<{ total: number }>`
    select count(*)::int as total from device_commands
    where device_id = ${deviceId} and status in ('pending', 'sent')`.execute(reader.db);
  return found.rows[0]?.total ?? 0;
}

export interface PendingCommand {
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
}

/** What still waits to reach the device, oldest first. */
export async function listPending(reader: Reader, deviceId: string, limit: number): Promise<PendingCommand[]> {
  const found = await sql<PendingCommand>`
    select id, name, payload from device_commands where device_id = ${deviceId} and status = 'pending'
    order by id limit ${limit}`.execute(reader.db);
  return found.rows;
}

export async function markSent(tx: WriteTx, id: string, at: Date): Promise<void> {
  await sql`
    update device_commands set status = 'sent', sent_at = ${at} where id = ${id} and status = 'pending'`.execute(tx.db);
}

/**
 * Keeps a device's answer: the first one counts, a repetition changes nothing, one that comes too late is kept beside the timeout.
 * False if the device was never asked this.
 */
export async function recordAnswer(
  tx: WriteTx,
  answer: {
    id: string;
    deviceId: string;
    outcome: 'acknowledged' | 'failed';
    response: unknown;
    at: Date;
  },
): Promise<boolean> {
  const response = json(answer.response);
  const updated = await sql`
    update device_commands set
      status = case when status = 'timed_out' then status else ${answer.outcome} end,
      finished_at = case when status = 'timed_out' then finished_at else ${answer.at} end,
      sent_at = coalesce(sent_at, ${answer.at}),
      response = ${response}::jsonb
    where id = ${answer.id} and device_id = ${answer.deviceId} and response is null
      and status in ('pending', 'sent', 'timed_out')
    returning id`.execute(tx.db);
  if (updated.rows.length > 0) return true;
  const known = await sql`
    select 1 from device_commands where id = ${answer.id} and device_id = ${answer.deviceId}`.execute(tx.db);
  return known.rows.length > 0;
}

/** Across organisations. Returns how many ran out of time. */
export async function timeOutCommands(tx: WriteTx, now: Date, limit: number): Promise<number> {
  const updated = await sql`
    update device_commands set status = 'timed_out', finished_at = ${now}
    where id in (
      select id from device_commands
      where status in ('pending', 'sent') and created_at + timeout_seconds * interval '1 second' <= ${now}
      limit ${limit} for update skip locked)
    returning id`.execute(tx.db);
  return updated.rows.length;
}
