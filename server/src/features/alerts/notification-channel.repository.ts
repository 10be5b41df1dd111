import type { Severity } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface ChannelRow {
  readonly id: string;
  readonly name: string;
  readonly organisationId: number;
  readonly kind: 'email' | 'webhook';
  readonly targetSealed: Buffer | null;
  /** What a release before left in clear. */
  readonly target: string | null;
  readonly minimumSeverity: Severity;
  readonly enabled: boolean;
  readonly createdAt: Date;
  readonly lastDeliveredAt: Date | null;
  readonly lastError: string | null;
}

const columns = sql`
  id, organisation_id as "organisationId", name, kind, target_sealed as "targetSealed", target, minimum_severity as "minimumSeverity", enabled, created_at as "createdAt",
  last_delivered_at as "lastDeliveredAt", last_error as "lastError"`;

export async function listChannels(reader: Reader, limit: number): Promise<ChannelRow[]> {
  const { rows } = await sql<ChannelRow>`
    select ${columns} from notification_channels order by lower(name), id limit ${limit}`.execute(reader.db);
  return rows;
}

export async function findChannel(reader: Reader, id: string): Promise<ChannelRow | undefined> {
  const { rows } = await sql<ChannelRow>`
    select ${columns} from notification_channels where id = ${id}`.execute(reader.db);
  return rows[0];
}

/** How many there are, after making those who add one take turns. */
export async function countChannels(tx: WriteTx, organisationId: number): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`channels:${organisationId}`}, 0))`.execute(tx.db);
  const { rows } = await sql<{ count: number }>`select count(*) as count from notification_channels`.execute(tx.db);
  return rows[0]?.count ?? 0;
}

export interface NewChannel {
  readonly id: string;
  readonly organisationId: number;
  readonly name: string;
  readonly kind: 'email' | 'webhook';
  readonly targetSealed: Buffer;
  readonly minimumSeverity: Severity;
  readonly enabled: boolean;
  readonly secretSealed: Buffer | null;
  readonly createdAt: Date;
}

export async function insertChannel(tx: WriteTx, channel: NewChannel): Promise<void> {
  await sql`
    insert into notification_channels
      (id, organisation_id, name, kind, target_sealed, minimum_severity, enabled, secret_sealed, created_at)
    values (${channel.id}, ${channel.organisationId}, ${channel.name}, ${channel.kind}, ${channel.targetSealed},
      ${channel.minimumSeverity}, ${channel.enabled}, ${channel.secretSealed}, ${channel.createdAt})`.execute(tx.db);
}

export type ChannelChange = Pick<NewChannel, 'id' | 'name' | 'minimumSeverity' | 'enabled'> & {
  /** Undefined: it stays as it is, whatever it is. */
  readonly targetSealed: Buffer | undefined;
};

export async function updateChannel(tx: WriteTx, channel: ChannelChange): Promise<void> {
  const { targetSealed } = channel;
  const target = targetSealed === undefined ? sql`` : sql`target = null, target_sealed = ${targetSealed},`;
  await sql`
    update notification_channels set name = ${channel.name}, ${target}
      minimum_severity = ${channel.minimumSeverity}, enabled = ${channel.enabled}
    where id = ${channel.id}`.execute(tx.db);
}

export async function deleteChannel(tx: WriteTx, id: string): Promise<void> {
  await sql`delete from notification_channels where id = ${id}`.execute(tx.db);
}
