import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Destination } from '../../security/siem/destination.ts';
import { destinationColumns } from '../../security/siem/siem.repository.ts';

/** What an administrator decides. */
export interface DestinationSettings extends Destination {
  readonly name: string;
  readonly enabled: boolean;
}

export interface DestinationRow extends DestinationSettings {
  readonly createdAt: Date;
  readonly sentPosition: number;
  readonly lastDeliveredAt: Date | null;
  readonly lastError: string | null;
  readonly lastErrorAt: Date | null;
  readonly nextAttemptAt: Date | null;
  readonly refusedEvents: number;
  readonly missedUntil: Date | null;
}

const columns = sql`
  ${destinationColumns}, d.name, d.enabled, d.created_at as "createdAt", d.sent_position as "sentPosition",
  d.last_delivered_at as "lastDeliveredAt", d.last_error as "lastError", d.last_error_at as "lastErrorAt",
  d.next_attempt_at as "nextAttemptAt", d.refused_events as "refusedEvents", d.missed_until as "missedUntil"`;

export async function listDestinations(reader: Reader, limit: number): Promise<DestinationRow[]> {
  const { rows } = await sql<DestinationRow>`
    select ${columns} from siem_destinations d order by lower(name), id limit ${limit}`.execute(reader.db);
  return rows;
}

export async function findDestination(reader: Reader, id: string): Promise<DestinationRow | undefined> {
  const { rows } = await sql<DestinationRow>`select ${columns} from siem_destinations d where id = ${id}`.execute(
    reader.db,
  );
  return rows[0];
}

/** How many there are, after making those who add one take turns. */
export async function countDestinations(tx: WriteTx, organisationId: number): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`siem_destinations:${organisationId}`}, 0))`.execute(tx.db);
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from siem_destinations`.execute(tx.db);
  return rows[0]?.count ?? 0;
}

/** It begins with what happens from now on. */
export async function insertDestination(tx: WriteTx, row: DestinationSettings & { createdAt: Date }): Promise<void> {
  await sql`
    insert into siem_destinations (id, organisation_id, name, kind, format, target, batch, index_name, server_name, ca,
      client_certificate, client_key_sealed, secret_sealed, enabled, created_at, settled_position, sent_position)
    select ${row.id}, ${row.organisationId}, ${row.name}, ${row.kind}, ${row.format}, ${row.target}, ${row.batch}, ${row.index},
      ${row.serverName}, ${row.ca}, ${row.clientCertificate}, ${row.clientKeySealed}, ${row.secretSealed}, ${row.enabled},
      ${row.createdAt}, last, last
    from (select coalesce(max(position), 0) as last from security_events) told`.execute(tx.db);
}

/** The revision is one more, so whoever delivers begins anew with what has not certainly arrived. */
export async function updateDestination(tx: WriteTx, row: DestinationSettings): Promise<void> {
  await sql`
    update siem_destinations set name = ${row.name}, format = ${row.format}, target = ${row.target}, batch = ${row.batch},
      index_name = ${row.index}, server_name = ${row.serverName}, ca = ${row.ca}, client_certificate = ${row.clientCertificate},
      client_key_sealed = ${row.clientKeySealed}, secret_sealed = ${row.secretSealed}, enabled = ${row.enabled},
      sent_position = settled_position, last_error = null, next_attempt_at = null, revision = revision + 1
    where id = ${row.id}`.execute(tx.db);
}

export async function deleteDestination(tx: WriteTx, id: string): Promise<void> {
  await sql`delete from siem_destinations where id = ${id}`.execute(tx.db);
}

/** Back to before the first event from that moment on; never forwards, which would leave some out. */
export async function rewindDestination(tx: WriteTx, id: string, from: Date): Promise<number> {
  const { rows } = await sql<{ position: number }>`
    with first as (select min(position) - 1 as position from security_events where at >= ${from})
    update siem_destinations set settled_position = least(settled_position, coalesce(first.position, settled_position)),
      sent_position = least(settled_position, coalesce(first.position, settled_position)), revision = revision + 1
    from first where id = ${id} returning settled_position as position`.execute(tx.db);
  return rows[0]?.position ?? 0;
}
