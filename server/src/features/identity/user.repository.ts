import type { DeviceScope, Role } from '@valtronics/contract';
import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Account, UserRecord } from './user.ts';

// What is personal stands here as it is in the database: sealed, and found by indexes. user-records.ts seals and opens it.

/** The newest epoch there is, and the account, if one of the indexes is its address's. */
export async function findLogin(
  reader: Reader,
  emailIndexes: readonly Buffer[],
): Promise<{ newest: number; found: Omit<Account, 'email'> | undefined }> {
  const { rows } = await sql<Omit<Account, 'email'> & { newest_epoch: number }>`
    select * from find_login(${emailIndexes}::bytea[])`.execute(reader.db);
  const [row] = rows;
  if (row === undefined) throw new Error('find_login gives one row');
  const { newest_epoch: newest, ...account } = row;
  return { newest, found: account.user_id === null ? undefined : account };
}

/** Whether an address has an account; whoever else asks waits until this transaction ends. */
export async function isLoginTaken(
  tx: WriteTx,
  emailIndexes: readonly Buffer[],
): Promise<{ newest: number; found: boolean }> {
  const { rows } = await sql<{ newest: number; found: boolean }>`
    select newest_epoch as newest, taken as found from is_login_taken(${emailIndexes}::bytea[])`.execute(tx.db);
  const [row] = rows;
  if (row === undefined) throw new Error('is_login_taken gives one row');
  return row;
}

export type SealedUserRecord = Omit<UserRecord, 'email' | 'name' | 'phone' | 'unreadable'> & {
  readonly user_id: string;
  readonly organisation_id: number;
  readonly email_sealed: Buffer | null;
  readonly name_sealed: Buffer | null;
  readonly phone_sealed: Buffer | null;
};
export type SealedAccount = Omit<Account, 'email'> & { readonly email_sealed: Buffer | null };

/** What is written of somebody's name. */
export interface SealedName {
  readonly nameSealed: Buffer | null;
  readonly nameIndex: Buffer | null;
}

const columns = sql`users.id, users.id as user_id, organisation_id, email_sealed, name_sealed, phone_sealed, users.kind, role, status, users.created_at, last_sign_in_at, must_change_password,
  array(select distinct f.kind from factors f where f.user_id = users.id order by f.kind) as factors,
  device_scope,
  array(select g.group_id::text from person_device_groups g where g.user_id = users.id order by 1) as device_group_ids`;

export async function findUser(reader: Reader, id: string): Promise<SealedUserRecord | undefined> {
  return (await sql<SealedUserRecord>`select ${columns} from users where id = ${id}`.execute(reader.db)).rows[0];
}

/** An account of the reader's organisation, as sign-in sees it. */
export async function findAccount(reader: Reader, id: string): Promise<SealedAccount | undefined> {
  const found = await sql<SealedAccount>`
    select id as user_id, organisation_id, email_sealed, password_hash, status, role, authorization_version
    from users where id = ${id}`.execute(reader.db);
  return found.rows[0];
}

export async function findPasswordHash(reader: Reader, id: string): Promise<string | null> {
  const found = await sql<{ password_hash: string | null }>`select password_hash from users where id = ${id}`.execute(
    reader.db,
  );
  return found.rows[0]?.password_hash ?? null;
}

export interface UserFilter {
  /** The indexes of a whole address, or of a whole name. */
  text: { readonly of: 'email' | 'name'; readonly indexes: readonly Buffer[] } | undefined;
  role: Role | undefined;
  kind: 'person' | 'service' | undefined;
  after: string | undefined;
  limit: number;
}

/** In the order they were made. */
export async function listUsers(
  reader: Reader,
  { text, role, kind, after, limit }: UserFilter,
): Promise<SealedUserRecord[]> {
  const conditions = [sql`true`];
  if (text) conditions.push(sql`${sql.ref(`${text.of}_index`)} = any (${text.indexes}::bytea[])`);
  if (role !== undefined) conditions.push(sql`role = ${role}`);
  if (kind !== undefined) conditions.push(sql`users.kind = ${kind}`);
  if (after !== undefined) conditions.push(sql`id > ${after}::uuid`);
  const found = await sql<SealedUserRecord>`
    select ${columns} from users where ${sql.join(conditions, sql` and `)} order by id limit ${limit}`.execute(
    reader.db,
  );
  return found.rows;
}

export interface NewUser extends SealedName {
  id: string;
  organisationId: number;
  emailSealed: Buffer;
  emailIndex: Buffer;
  phoneSealed: Buffer | null;
  /** A person unless told. */
  kind?: 'person' | 'service';
  role: Role;
  status: 'invited' | 'active';
  passwordHash: string | null;
}

/** False when the address is taken under the same epoch; under others `isLoginTaken` knows. */
export async function insertUser(tx: WriteTx, user: NewUser): Promise<boolean> {
  const inserted = await sql`
    insert into users (id, organisation_id, email_sealed, email_index, name_sealed, name_index, phone_sealed, kind, role, status, password_hash)
    values (${user.id}, ${user.organisationId}, ${user.emailSealed}, ${user.emailIndex}, ${user.nameSealed}, ${user.nameIndex},
      ${user.phoneSealed}, ${user.kind ?? 'person'}, ${user.role}, ${user.status}, ${user.passwordHash})
    on conflict do nothing returning id`.execute(tx.db);
  return inserted.rows.length > 0;
}

export interface UserChange {
  /** Undefined: it stays as it is, whatever it is. */
  name: SealedName | undefined;
  phoneSealed: Buffer | null | undefined;
  role: Role;
  status: 'invited' | 'active' | 'disabled';
  mustChangePassword: boolean;
  deviceScope: DeviceScope;
}

/** Raises the authorization version when rights change, which ends every access token of the person at its next use. */
export async function updateUser(tx: WriteTx, id: string, change: UserChange): Promise<void> {
  const { name, phoneSealed } = change;
  const named = name === undefined ? sql`` : sql`name_sealed = ${name.nameSealed}, name_index = ${name.nameIndex},`;
  const phoned = phoneSealed === undefined ? sql`` : sql`phone_sealed = ${phoneSealed},`;
  await sql`
    update users set ${named} ${phoned} updated_at = now(),
      authorization_version = authorization_version + (role <> ${change.role} or status <> ${change.status})::int,
      role = ${change.role}, status = ${change.status}, must_change_password = ${change.mustChangePassword},
      device_scope = ${change.deviceScope}
    where id = ${id}`.execute(tx.db);
}

/** Limits the person to these groups and no others; false when one of them is not there. */
export async function replaceDeviceGroups(tx: WriteTx, userId: string, groupIds: readonly string[]): Promise<boolean> {
  await sql`delete from person_device_groups where user_id = ${userId}`.execute(tx.db);
  const inserted = await sql`insert into person_device_groups (user_id, group_id, organisation_id)
    select ${userId}, id, organisation_id from device_groups where id = any (${groupIds}::uuid[]) returning 1`.execute(
    tx.db,
  );
  return inserted.rows.length === new Set(groupIds).size;
}

export async function setPassword(tx: WriteTx, id: string, hash: string): Promise<void> {
  await sql`update users set password_hash = ${hash}, must_change_password = false, updated_at = now() where id = ${id}`.execute(
    tx.db,
  );
}

/** False when the password that was checked is no longer the person's: somebody changed it meanwhile. */
export async function replacePasswordHash(tx: WriteTx, id: string, from: string | null, to: string): Promise<boolean> {
  const replaced = await sql`update users set password_hash = ${to}, must_change_password = false, updated_at = now()
    where id = ${id} and password_hash is not distinct from ${from} returning id`.execute(tx.db);
  return replaced.rows.length > 0;
}

/**
 * Notes the sign-in and locks the account; false when it was disabled or its password changed since the password was proven. Who ends
 * a person's sessions changes the account first, so a session either is there to be ended or is not opened.
 */
export async function noteSignIn(tx: WriteTx, id: string, provenHash: string | null, now: Date): Promise<boolean> {
  const noted = await sql`update users set last_sign_in_at = ${now}
    where id = ${id} and status = 'active' and password_hash is not distinct from ${provenHash} returning id`.execute(
    tx.db,
  );
  return noted.rows.length > 0;
}

/** Better parameters for the same password; only if nobody changed it meanwhile. */
export async function upgradePasswordHash(tx: WriteTx, id: string, from: string, to: string): Promise<void> {
  await sql`update users set password_hash = ${to} where id = ${id} and password_hash = ${from}`.execute(tx.db);
}

/** Keeps anybody else from changing the account or its factors until the transaction ends. */
export async function lockUser(tx: WriteTx, id: string): Promise<void> {
  await sql`select 1 as one from users where id = ${id} for update`.execute(tx.db);
}

export async function renameUser(tx: WriteTx, id: string, { nameSealed, nameIndex }: SealedName): Promise<void> {
  await sql`update users set name_sealed = ${nameSealed}, name_index = ${nameIndex}, updated_at = now()
    where id = ${id}`.execute(tx.db);
}

/**
 * Locks the people who are administrators of the organisation (a program's account can sign nobody in) and see all of it, so that two of
 * them cannot remove each other at once.
 */
export async function lockActiveAdministrators(tx: WriteTx): Promise<string[]> {
  const found = await sql<{ id: string }>`
    select id from users where role = 'admin' and status = 'active' and kind = 'person' and device_scope = 'all'
    order by id for update`.execute(tx.db);
  return found.rows.map((row) => row.id);
}

/** False when the person is not waiting to be: a link must not open an account that was disabled meanwhile. */
export async function activateUser(
  tx: WriteTx,
  id: string,
  details: SealedName & { readonly passwordHash: string },
): Promise<boolean> {
  const activated =
    await sql`update users set status = 'active', name_sealed = coalesce(${details.nameSealed}, name_sealed),
    name_index = coalesce(${details.nameIndex}, name_index), password_hash = ${details.passwordHash}, updated_at = now() where id = ${id} and status = 'invited' returning id`.execute(
      tx.db,
    );
  return activated.rows.length > 0;
}

export interface WaysIn {
  readonly status: UserRecord['status'];
  readonly role: Role;
  readonly email: string;
  readonly hasPassword: boolean;
  readonly hasFactor: boolean;
  readonly hasPasskey: boolean;
}

/** What an account that somebody else vouches for is, and has of its own. */
export async function findWaysIn(
  reader: Reader,
  id: string,
): Promise<(Omit<WaysIn, 'email'> & Pick<SealedAccount, 'user_id' | 'organisation_id' | 'email_sealed'>) | undefined> {
  const { rows } = await sql<
    Omit<WaysIn, 'email'> & Pick<SealedAccount, 'user_id' | 'organisation_id' | 'email_sealed'>
  >`
    select id as user_id, organisation_id, email_sealed, status, role, password_hash is not null as "hasPassword",
      exists (select from factors f where f.user_id = users.id) as "hasFactor",
      exists (select from factors f where f.user_id = users.id and f.kind = 'passkey') as "hasPasskey"
    from users where id = ${id}`.execute(reader.db);
  return rows[0];
}

/** Notes a sign-in that somebody else vouched for and locks the account; false when it is not active. */
export async function noteVouchedSignIn(tx: WriteTx, id: string, now: Date): Promise<boolean> {
  const noted =
    await sql`update users set last_sign_in_at = ${now} where id = ${id} and status = 'active' returning id`.execute(
      tx.db,
    );
  return noted.rows.length > 0;
}
