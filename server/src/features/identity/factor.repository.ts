import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { FactorRecord } from './factor.ts';

export async function listFactors(reader: Reader, userId: string): Promise<FactorRecord[]> {
  const found = await sql<FactorRecord>`
    select id, kind, label, secret_sealed, last_step, credential_id, public_key_sealed, counter, transports, created_at, last_used_at
    from factors where user_id = ${userId} order by created_at, id`.execute(reader.db);
  return found.rows;
}

export interface NewFactor {
  id: string;
  organisationId: number;
  userId: string;
  kind: FactorRecord['kind'];
  label: string;
  secretSealed?: Buffer;
  /** The time step of the code it was confirmed with, which is used up by that. */
  lastStep?: number;
  credentialId?: Buffer;
  publicKeySealed?: Buffer;
  counter?: number;
  transports?: readonly string[];
  backedUp?: boolean;
  now: Date;
}

/** False when the passkey is registered already, with whomever. */
export async function insertFactor(tx: WriteTx, factor: NewFactor): Promise<boolean> {
  const inserted = await sql`
    insert into factors (id, organisation_id, user_id, kind, label, secret_sealed, last_step, credential_id, public_key_sealed, counter,
      transports, backed_up, created_at, last_used_at)
    values (${factor.id}, ${factor.organisationId}, ${factor.userId}, ${factor.kind}, ${factor.label},
      ${factor.secretSealed ?? null}, ${factor.lastStep ?? null}, ${factor.credentialId ?? null}, ${factor.publicKeySealed ?? null},
      ${factor.counter ?? null}, ${factor.transports ?? []}::text[], ${factor.backedUp ?? null}, ${factor.now}, ${factor.now})
    on conflict do nothing returning id`.execute(tx.db);
  return inserted.rows.length > 0;
}

/** Uses up a time step and all before it; false when it was used up already. One statement, so two requests cannot both have it. */
export async function claimTotpStep(tx: WriteTx, factorId: string, step: number, now: Date): Promise<boolean> {
  const claimed = await sql`update factors set last_step = ${step}, last_used_at = ${now}
    where id = ${factorId} and kind = 'totp' and (last_step is null or last_step < ${step}) returning id`.execute(
    tx.db,
  );
  return claimed.rows.length > 0;
}

/** Whether a passkey that last reported `last` may report this now; what `claimPasskeyCounter` asks again when it keeps it. */
export const isNextCounter = (counter: number, last: number): boolean =>
  counter > last || (counter === 0 && last === 0);

/**
 * Keeps the counter a passkey reported; false when it did not rise, which says that there are two of it (WebAuthn L3, 6.1.1). Passkeys
 * that are synchronised always report 0.
 */
export async function claimPasskeyCounter(tx: WriteTx, factorId: string, counter: number, now: Date): Promise<boolean> {
  const claimed = await sql`update factors set counter = ${counter}, last_used_at = ${now}
    where id = ${factorId} and kind = 'passkey' and (${counter}::bigint > counter or (${counter}::bigint = 0 and counter = 0))
    returning id`.execute(tx.db);
  return claimed.rows.length > 0;
}

export async function deleteFactor(
  tx: WriteTx,
  which: { id: string; userId: string },
): Promise<{ kind: FactorRecord['kind']; label: string | null } | undefined> {
  const deleted = await sql<{ kind: FactorRecord['kind']; label: string | null }>`
    delete from factors where id = ${which.id} and user_id = ${which.userId} returning kind, label`.execute(tx.db);
  return deleted.rows[0];
}

/** All factors and recovery codes of a person; returns how many factors there were. */
export async function deleteFactorsOf(tx: WriteTx, userId: string): Promise<number> {
  await sql`delete from recovery_codes where user_id = ${userId}`.execute(tx.db);
  const deleted = await sql`delete from factors where user_id = ${userId} returning id`.execute(tx.db);
  return deleted.rows.length;
}

export async function countRecoveryCodes(reader: Reader, userId: string): Promise<number> {
  const found = await sql<{ left: number }>`
    select count(*)::int as left from recovery_codes where user_id = ${userId} and used_at is null`.execute(reader.db);
  return found.rows[0]?.left ?? 0;
}

export async function replaceRecoveryCodes(
  tx: WriteTx,
  of: { userId: string; organisationId: number },
  hashes: readonly Buffer[],
  now: Date,
): Promise<void> {
  await sql`delete from recovery_codes where user_id = ${of.userId}`.execute(tx.db);
  await sql`insert into recovery_codes (user_id, organisation_id, code_hash, created_at)
    select ${of.userId}, ${of.organisationId}, code_hash, ${now} from unnest(${[...hashes]}::bytea[]) as code_hash`.execute(
    tx.db,
  );
}

export async function hasRecoveryCode(reader: Reader, userId: string, hash: Buffer): Promise<boolean> {
  const found = await sql`select 1 as one from recovery_codes
    where user_id = ${userId} and code_hash = ${hash} and used_at is null`.execute(reader.db);
  return found.rows.length > 0;
}

/** Uses up a code; false when there is no such code left. */
export async function claimRecoveryCode(tx: WriteTx, userId: string, hash: Buffer, now: Date): Promise<boolean> {
  const claimed = await sql`update recovery_codes set used_at = ${now}
    where user_id = ${userId} and code_hash = ${hash} and used_at is null returning 1 as one`.execute(tx.db);
  return claimed.rows.length > 0;
}

/** Whose passkey it is, in whichever organisation. */
export async function findPasskeyOwner(
  reader: Reader,
  credentialId: Buffer,
): Promise<{ user_id: string; organisation_id: number } | undefined> {
  const found = await sql<{ user_id: string; organisation_id: number }>`
    select user_id, organisation_id from find_passkey(${credentialId})`.execute(reader.db);
  return found.rows[0];
}
