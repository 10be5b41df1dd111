import { type RawBuilder, sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';

export interface SecurityEventRow {
  readonly position: string;
  readonly id: string;
  readonly at: Date;
  readonly organisation_id: number | null;
  readonly category: 'authentication' | 'authorization' | 'data_access' | 'incident' | 'configuration';
  readonly action: string;
  readonly outcome: 'success' | 'failure' | 'unknown';
  readonly level: 'info' | 'warning' | 'error' | 'critical';
  readonly transport: 'http' | 'mqtt' | 'websocket' | 'cli' | 'system';
  readonly address: string | null;
  readonly user_id: string | null;
  readonly user_label: string | null;
  readonly device_id: string | null;
  readonly method: string | null;
  readonly route: string | null;
  readonly status: number | null;
  readonly request_id: string | null;
  readonly reason: string | null;
  readonly count: number;
  readonly details: Record<string, unknown>;
}

export interface SecurityEventFilter {
  readonly category?: string | undefined;
  readonly action?: string | undefined;
  readonly level?: string | undefined;
  readonly outcome?: string | undefined;
  readonly address?: string | undefined;
  readonly userId?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly detectionId?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly before: readonly [at: string, position: number] | undefined;
  readonly limit: number;
}

/** A position is a text here. Whoever orders by it names the table, or gets the order of texts. */
const columns = sql`position::text, id, at, organisation_id, category, action, outcome, level, transport, host(source_address) as address,
  user_id, user_label, device_id, method, route, status, request_id, reason, count, details`;

/** Newest first. Each of the two owners an administrator may read has its own walk down the index of times, so both end at `limit`. */
export async function listSecurityEvents(reader: Reader, filter: SecurityEventFilter): Promise<SecurityEventRow[]> {
  const where = sql.join(conditionsOf(filter), sql` and `);
  const newest = sql`order by at desc, security_events.position desc limit ${filter.limit}`;
  const found = await sql<SecurityEventRow>`
    select * from (
      (select ${columns} from security_events where organisation_id = current_organisation() and ${where} ${newest})
      union all
      (select ${columns} from security_events where organisation_id is null and operates_instance() and ${where} ${newest})
    ) as mine order by at desc, mine.position::bigint desc limit ${filter.limit}`.execute(reader.db);
  return found.rows;
}

function conditionsOf(filter: SecurityEventFilter): RawBuilder<unknown>[] {
  return [
    sql`true`,
    ...(filter.category === undefined ? [] : [sql`category = ${filter.category}`]),
    ...(filter.action === undefined ? [] : [sql`action = ${filter.action}`]),
    ...(filter.level === undefined ? [] : [sql`level = ${filter.level}`]),
    ...(filter.outcome === undefined ? [] : [sql`outcome = ${filter.outcome}`]),
    ...(filter.address === undefined ? [] : [cameFrom(filter.address)]),
    ...(filter.userId === undefined ? [] : [sql`user_id = ${filter.userId}`]),
    ...(filter.deviceId === undefined ? [] : [sql`device_id = ${filter.deviceId}::uuid`]),
    ...(filter.detectionId === undefined
      ? []
      : [sql`id = any(array(select unnest(events) from detections where id = ${filter.detectionId}::uuid))`]),
    ...(filter.from === undefined ? [] : [sql`at >= ${filter.from}::timestamptz`]),
    ...(filter.to === undefined ? [] : [sql`at < ${filter.to}::timestamptz`]),
    ...(filter.before === undefined
      ? []
      : [sql`(at, position) < (${filter.before[0]}::timestamptz, ${filter.before[1]}::bigint)`]),
  ];
}

/** From this address, or from within this network. */
const cameFrom = (address: string): RawBuilder<unknown> =>
  address.includes('/') ? sql`source_address <<= ${address}::inet` : sql`source_address = ${address}::inet`;

/** Of all organisations, in the order of commits; for who hands them on to subscribers, each their own. */
export async function securityEventsAfter(
  reader: Reader,
  position: string,
  limit: number,
): Promise<SecurityEventRow[]> {
  const found = await sql<SecurityEventRow>`
    select ${columns} from security_events where position > ${position}::bigint
    order by security_events.position limit ${limit}`.execute(reader.db);
  return found.rows;
}

export async function newestPosition(reader: Reader): Promise<string> {
  const found = await sql<{ position: string }>`
    select coalesce(max(position), 0)::text as position from security_events`.execute(reader.db);
  return found.rows[0]?.position ?? '0';
}

/** The organisation whose administrators see what belongs to none. */
export async function operatingOrganisation(reader: Reader): Promise<number | undefined> {
  const found = await sql<{ id: number }>`select id from organisations where operates_instance`.execute(reader.db);
  return found.rows[0]?.id;
}
