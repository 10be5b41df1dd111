import type { DeviceScope, Permission } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface ApiKeyRecord {
  id: string;
  label: string;
  owner_id: string;
  owner_name: string;
  owner_kind: 'person' | 'service';
  creator_id: string;
  creator_name: string;
  permissions: Permission[];
  networks: string[];
  device_group_ids: string[] | null;
  certificate_sha256: Buffer | null;
  created_at: Date;
  expires_at: Date;
  last_used_at: Date | null;
  last_used_address: string | null;
}

/** People stand in these by their ids, until `People.named` has put what they are called in their place. */
export const namesOfPeople = ['owner_name', 'creator_name'] as const;

const keys = sql`
  select k.id, k.label, o.id as owner_id, o.id as owner_name, o.kind as owner_kind,
    c.id as creator_id, c.id as creator_name, k.permissions, k.networks, k.created_at, k.expires_at, k.certificate_sha256,
    case k.device_scope when 'limited'
      then array(select g.group_id::text from api_key_device_groups g where g.key_id = k.id order by 1) end as device_group_ids,
    k.last_used_at, host(k.last_used_address) as last_used_address
  from api_keys k join users o on o.id = k.owner_id join users c on c.id = k.creator_id`;

/** Keys that are not revoked, newest first; the expired among them are there to be noticed. */
export async function listApiKeys(
  reader: Reader,
  filter: { ownerId: string | undefined; before: string | undefined; limit: number },
): Promise<ApiKeyRecord[]> {
  const found = await sql<ApiKeyRecord>`${keys}
    where k.revoked_at is null
      and (${filter.ownerId ?? null}::uuid is null or k.owner_id = ${filter.ownerId ?? null}::uuid)
      and (${filter.before ?? null}::uuid is null or k.id < ${filter.before ?? null}::uuid)
    order by k.id desc limit ${filter.limit}`.execute(reader.db);
  return found.rows;
}

export async function findApiKeyRecord(reader: Reader, id: string): Promise<ApiKeyRecord | undefined> {
  return (await sql<ApiKeyRecord>`${keys} where k.id = ${id}`.execute(reader.db)).rows[0];
}

/** The account a key is to be made for, under a lock that keeps its keys countable. */
export async function lockOwner(
  tx: WriteTx,
  id: string,
): Promise<{ kind: 'person' | 'service'; status: string; keys: number } | undefined> {
  const locked = await sql<{ kind: 'person' | 'service'; status: string }>`
    select kind, status from users where id = ${id} for no key update`.execute(tx.db);
  const [owner] = locked.rows;
  if (!owner) return undefined;
  const counted = await sql<{ keys: number }>`
    select count(*)::int as keys from api_keys where owner_id = ${id} and revoked_at is null`.execute(tx.db);
  return { ...owner, keys: counted.rows[0]?.keys ?? 0 };
}

export interface NewApiKey {
  readonly id: string;
  readonly ownerId: string;
  readonly creatorId: string;
  readonly label: string;
  readonly tokenHash: Buffer;
  readonly permissions: readonly Permission[];
  readonly networks: readonly string[];
  readonly deviceScope: DeviceScope;
  readonly certificateSha256: Buffer | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export async function insertApiKey(tx: WriteTx, key: NewApiKey): Promise<void> {
  await sql`
    insert into api_keys (id, organisation_id, owner_id, creator_id, label, token_hash, permissions, networks,
      device_scope, certificate_sha256, created_at, expires_at)
    values (${key.id}, current_organisation(), ${key.ownerId}, ${key.creatorId}, ${key.label}, ${key.tokenHash},
      ${key.permissions}, ${key.networks}, ${key.deviceScope}, ${key.certificateSha256}, ${key.createdAt}, ${key.expiresAt})`.execute(
    tx.db,
  );
}

/** False when one of the groups is not there. */
export async function limitApiKey(tx: WriteTx, keyId: string, groupIds: readonly string[]): Promise<boolean> {
  const inserted = await sql`insert into api_key_device_groups (key_id, group_id, organisation_id)
    select ${keyId}, id, organisation_id from device_groups where id = any (${groupIds}::uuid[]) returning 1`.execute(
    tx.db,
  );
  return inserted.rows.length === new Set(groupIds).size;
}

export interface EndingKey {
  readonly organisationId: number;
  readonly label: string;
  /** The account's id, and the id of who made it. */
  readonly owner: string;
  readonly email: string;
  readonly expiresAt: Date;
}

/** Keys that end before then and whose maker was not told: each is taken once. */
export async function takeReminders(
  tx: WriteTx,
  which: { before: Date; now: Date; limit: number },
): Promise<EndingKey[]> {
  const taken =
    await sql<EndingKey>`select organisation_id as "organisationId", label, owner_id as owner, creator_id as email, expires_at as "expiresAt"
    from take_api_key_reminders(${which.before}, ${which.now}, ${which.limit})`.execute(tx.db);
  return taken.rows;
}

/** False when there is no such key of that owner (null: of anybody), or it is revoked already. */
export async function revokeApiKey(
  tx: WriteTx,
  which: { id: string; ownerId: string | null },
  now: Date,
): Promise<boolean> {
  const revoked = await sql`update api_keys set revoked_at = ${now}
    where id = ${which.id} and revoked_at is null and (${which.ownerId}::uuid is null or owner_id = ${which.ownerId}::uuid)
    returning id`.execute(tx.db);
  return revoked.rows.length > 0;
}
