import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

const UNIQUE_VIOLATION = '23505';

export interface LinkedIdentityRow {
  readonly id: string;
  readonly userId: string;
  readonly providerId: string;
  readonly createdAccount: boolean;
}

/** By one of the indexes of issuer and subject, and nothing else: an address can be given to somebody else (ASVS 6.8.1, 10.5.2). */
export async function findIdentity(reader: Reader, indexes: readonly Buffer[]): Promise<LinkedIdentityRow | undefined> {
  const { rows } = await sql<LinkedIdentityRow>`
    select id, user_id as "userId", provider_id as "providerId", created_account as "createdAccount"
    from linked_identities where subject_index = any (${indexes}::bytea[])`.execute(reader.db);
  return rows[0];
}

export interface NewIdentity {
  readonly id: string;
  readonly organisationId: number;
  readonly userId: string;
  readonly providerId: string;
  readonly issuer: string;
  readonly subjectSealed: Buffer;
  readonly subjectIndex: Buffer;
  /** Under the other epochs in use. */
  readonly otherIndexes: readonly Buffer[];
  readonly createdAccount: boolean;
  readonly createdAt: Date;
}

/** False when the identity is linked already, under whichever epoch. The transaction is over then. */
export async function insertIdentity(tx: WriteTx, identity: NewIdentity): Promise<boolean> {
  const { id, organisationId } = identity;
  try {
    await sql`
      insert into linked_identities (id, organisation_id, user_id, provider_id, issuer, subject_sealed, subject_index, created_account, created_at)
      values (${id}, ${organisationId}, ${identity.userId}, ${identity.providerId}, ${identity.issuer}, ${identity.subjectSealed},
        ${identity.subjectIndex}, ${identity.createdAccount}, ${identity.createdAt})`.execute(tx.db);
    await sql`
      insert into linked_identity_indexes (organisation_id, subject_index, identity_id)
      select ${organisationId}::integer, index, ${id}::uuid from unnest(${identity.otherIndexes}::bytea[]) index`.execute(
      tx.db,
    );
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === UNIQUE_VIOLATION) return false;
    throw error;
  }
}

/** Notes the use and holds the link until the session is opened; false when it was removed, or its provider disabled, meanwhile. */
export async function useIdentity(tx: WriteTx, id: string, now: Date): Promise<boolean> {
  const used = await sql`
    update linked_identities i set last_used_at = ${now}
    where id = ${id} and exists (
      select from identity_providers p where p.id = i.provider_id and p.enabled for share) returning id`.execute(tx.db);
  return used.rows.length > 0;
}

export interface OwnIdentity {
  readonly id: string;
  readonly providerId: string;
  readonly slug: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

export async function listIdentities(reader: Reader, userId: string): Promise<OwnIdentity[]> {
  const { rows } = await sql<OwnIdentity>`
    select i.id, i.provider_id as "providerId", p.slug, p.name, p.enabled, i.created_at as "createdAt", i.last_used_at as "lastUsedAt"
    from linked_identities i join identity_providers p on p.id = i.provider_id
    where i.user_id = ${userId} order by i.created_at, i.id limit 100`.execute(reader.db);
  return rows;
}

/** The provider of the person's link, which is held until the transaction ends: nobody signs in by it meanwhile. */
export async function lockIdentity(
  tx: WriteTx,
  which: { id: string; userId: string },
): Promise<{ providerId: string } | undefined> {
  const { rows } = await sql<{ providerId: string }>`
    select provider_id as "providerId" from linked_identities where id = ${which.id} and user_id = ${which.userId}
    for update`.execute(tx.db);
  return rows[0];
}

export async function deleteIdentity(tx: WriteTx, id: string): Promise<void> {
  await sql`delete from linked_identities where id = ${id}`.execute(tx.db);
}
