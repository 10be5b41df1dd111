import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';
import type { SecurityEvent } from '../events/security-event.ts';
import type { Destination, StoredEvent } from './destination.ts';

/** A destination and how far it has been told. */
export interface Subscription extends Destination {
  readonly enabled: boolean;
  readonly revision: number;
  readonly settledPosition: number;
  readonly sentPosition: number;
  /** Its organisation runs the instance and hears of what belongs to no organisation. */
  readonly operatesInstance: boolean;
}

export const destinationColumns = sql`
  d.id, d.organisation_id as "organisationId", d.kind, d.format, d.target, d.batch, d.index_name as "index",
  d.server_name as "serverName", d.ca, d.client_certificate as "clientCertificate", d.client_key_sealed as "clientKeySealed",
  d.secret_sealed as "secretSealed"`;

export async function listSubscriptions(reader: Reader, limit: number): Promise<Subscription[]> {
  const { rows } = await sql<Subscription>`
    select ${destinationColumns}, d.enabled, d.revision, d.settled_position as "settledPosition", d.sent_position as "sentPosition",
      o.operates_instance as "operatesInstance"
    from siem_destinations d join organisations o on o.id = d.organisation_id order by d.id limit ${limit}`.execute(
    reader.db,
  );
  return rows;
}

/** Whose events a destination gets: its organisation's, and those of the instance where it runs that. */
export type Audience = Pick<Subscription, 'organisationId' | 'operatesInstance'>;

const isFor = ({ organisationId, operatesInstance }: Audience) =>
  sql`(organisation_id = ${organisationId} or (${operatesInstance} and organisation_id is null))`;

interface EventRow extends Omit<SecurityEvent, 'user' | 'http'> {
  readonly position: number;
  readonly userId: string | null;
  readonly userLabel: string | null;
  readonly method: string | null;
  readonly route: string | null;
  readonly status: number | null;
}

/** First and last position there is, of anybody's; 0 where there is none. */
export async function positionsThereAre(reader: Reader): Promise<{ first: number; last: number }> {
  const { rows } = await sql<{ first: number; last: number }>`
    select coalesce(min(position), 0) as first, coalesce(max(position), 0) as last from security_events`.execute(
    reader.db,
  );
  return rows[0] ?? { first: 0, last: 0 };
}

/** The next events for an audience, in the order of their commits. */
export async function eventsBetween(
  reader: Reader,
  audience: Audience,
  { after, upTo, limit }: { after: number; upTo: number; limit: number },
): Promise<StoredEvent[]> {
  const { rows } = await sql<EventRow>`
    select position, id, at, organisation_id as "organisationId", category, action, outcome, level, transport,
      host(source_address) as address, user_id as "userId", user_label as "userLabel", device_id as "deviceId", method, route, status,
      request_id as "requestId", reason, count, details
    from security_events where position > ${after} and position <= ${upTo} and ${isFor(audience)}
    order by position limit ${limit}`.execute(reader.db);
  return rows.map(({ position, userId, userLabel, method, route, status, ...rest }) => ({
    position,
    event: {
      ...rest,
      user: userId === null ? null : { id: userId, label: userLabel },
      http: method === null || route === null ? null : { method, route, status },
    },
  }));
}

export async function timeOfFirstAfter(reader: Reader, position: number): Promise<Date | undefined> {
  const { rows } = await sql<{ at: Date }>`
    select at from security_events where position > ${position} order by position limit 1`.execute(reader.db);
  return rows[0]?.at;
}

/** How many events wait behind a position, and since when. Counted up to a bound. */
export async function countBehind(
  reader: Reader,
  audience: Audience,
  position: number,
  atMost: number,
): Promise<{ events: number; since: Date | null }> {
  const { rows } = await sql<{ events: number; since: Date | null }>`
    select count(*)::int as events, min(at) as since from (
      select at from security_events where position > ${position} and ${isFor(audience)} order by position limit ${atMost}) waiting`.execute(
    reader.db,
  );
  return rows[0] ?? { events: 0, since: null };
}

export interface Progress {
  readonly settledPosition: number;
  readonly sentPosition: number;
  /** Events were handed over at that moment. */
  readonly deliveredAt?: Date | undefined;
  readonly refused?: number | undefined;
  readonly missedUntil?: Date | undefined;
  /** Null: it goes well. */
  readonly failure: { readonly text: string; readonly at: Date; readonly nextAttemptAt: Date } | null;
}

/** False when somebody changed the destination or wants it told again: what was read under the older revision must not be written over. */
export async function recordProgress(
  tx: WriteTx,
  { id, revision }: Pick<Subscription, 'id' | 'revision'>,
  progress: Progress,
): Promise<boolean> {
  const { failure } = progress;
  const { numAffectedRows } = await sql`
    update siem_destinations set settled_position = ${progress.settledPosition}, sent_position = ${progress.sentPosition},
      last_delivered_at = coalesce(${progress.deliveredAt ?? null}::timestamptz, last_delivered_at),
      refused_events = refused_events + ${progress.refused ?? 0},
      missed_until = coalesce(${progress.missedUntil ?? null}::timestamptz, missed_until),
      last_error = ${failure?.text ?? null}, last_error_at = coalesce(${failure?.at ?? null}::timestamptz, last_error_at),
      next_attempt_at = ${failure?.nextAttemptAt ?? null}
    where id = ${id} and revision = ${revision}`.execute(tx.db);
  return (numAffectedRows ?? 0n) > 0n;
}
