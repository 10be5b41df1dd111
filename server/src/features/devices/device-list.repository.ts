import type { DeviceStatus } from '@valtronics/contract';
import { type RawBuilder, sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';
import type { StoredDevice } from './device.repository.ts';

export const deviceSorts = ['name', '-name', 'lastSeenAt', '-lastSeenAt', 'createdAt', '-createdAt'] as const;
export type DeviceSort = (typeof deviceSorts)[number];

export interface DeviceFilter {
  readonly type: string | undefined;
  readonly status: DeviceStatus | undefined;
  readonly location: string | undefined;
  readonly groupId: string | undefined;
  readonly text: string | undefined;
  /** By one of which the text is found, if it is the whole of a serial number. */
  readonly serialIndexes: readonly Buffer[];
  readonly sort: DeviceSort;
  /** Where the page before ended. */
  readonly after: readonly [key: string, id: string] | undefined;
  readonly limit: number;
}

// Times are compared as microseconds, which a cursor carries exactly; a Date would lose the last three digits and with them rows. A
// device never heard of comes before all others.
const microseconds = (column: RawBuilder<unknown>) =>
  sql`(case when ${column} is null then -1 else extract(epoch from ${column}) * 1000000 end)::bigint`;
const sortKeys = {
  name: { key: sql`lower(name)`, castCursor: (text: string | null) => sql`${text}::text` },
  lastSeenAt: { key: microseconds(sql`last_seen_at`), castCursor: (text: string | null) => sql`${text}::bigint` },
  createdAt: { key: microseconds(sql`created_at`), castCursor: (text: string | null) => sql`${text}::bigint` },
};

export type Listed = StoredDevice & { readonly sort_key: string };

export async function listDevices(reader: Reader, filter: DeviceFilter): Promise<Listed[]> {
  const isDescending = filter.sort.startsWith('-');
  const { key, castCursor } = sortKeys[filter.sort.replace('-', '') as keyof typeof sortKeys];
  const [afterKey, afterId] = filter.after ?? [null, null];
  const text = filter.text === undefined || filter.text === '' ? null : containing(filter.text);
  const found = await sql<Listed>`
    select *, (${key})::text as sort_key from devices
    where (${filter.type ?? null}::text is null or type = ${filter.type ?? null})
      and (${filter.status ?? null}::text is null or status = ${filter.status ?? null})
      and (${filter.location ?? null}::text is null or location = ${filter.location ?? null})
      and (${filter.groupId ?? null}::uuid is null or exists (
        select from device_group_devices d where d.device_id = devices.id and d.group_id = ${filter.groupId ?? null}::uuid))
      and (${text}::text is null or name ilike ${text} or serial_index = any (${filter.serialIndexes}::bytea[]) or location ilike ${text}
        or description ilike ${text})
      and (${afterKey}::text is null
        or (${key}, id) ${isDescending ? sql`<` : sql`>`} (${castCursor(afterKey)}, ${afterId}::uuid))
    order by ${key} ${isDescending ? sql`desc` : sql`asc`}, id ${isDescending ? sql`desc` : sql`asc`}
    limit ${filter.limit}`.execute(reader.db);
  return found.rows;
}

/** A pattern that finds the text itself, whatever signs of a pattern it holds. */
const containing = (text: string) => `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;

export interface StatusCount {
  readonly type: string;
  readonly status: DeviceStatus;
  readonly total: number;
}

export async function countDevices(reader: Reader): Promise<StatusCount[]> {
  const found = await sql<StatusCount>`
    select type, status, count(*)::int as total from devices group by type, status order by type`.execute(reader.db);
  return found.rows;
}

export async function listLocations(reader: Reader, limit: number): Promise<string[]> {
  const found = await sql<{ location: string }>`
    select distinct location from devices where location is not null order by location limit ${limit}`.execute(
    reader.db,
  );
  return found.rows.map(({ location }) => location);
}
