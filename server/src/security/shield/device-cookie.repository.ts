import { sql } from 'kysely';
import type { Reader, UnauditedTx } from '../audit/tokens.ts';

/** Wrong passwords in a row from this browser; undefined when it is not one of the account's. */
export async function findDeviceCookie(
  reader: Reader,
  tokenHash: Buffer,
  account: Buffer,
  now: Date,
): Promise<{ failures: number } | undefined> {
  const found = await sql<{ failures: number }>`
    select failures from device_cookies
    where token_hash = ${tokenHash} and account = ${account} and expires_at > ${now}`.execute(reader.db);
  return found.rows[0];
}

/** Keeps the `keep` youngest of the account. */
export async function insertDeviceCookie(
  tx: UnauditedTx,
  cookie: { tokenHash: Buffer; account: Buffer; now: Date; expiresAt: Date },
  keep: number,
): Promise<void> {
  await sql`
    insert into device_cookies (token_hash, account, created_at, expires_at)
    values (${cookie.tokenHash}, ${cookie.account}, ${cookie.now}, ${cookie.expiresAt})`.execute(tx.db);
  await sql`
    delete from device_cookies where token_hash in (select token_hash from device_cookies
      where account = ${cookie.account} order by created_at desc, token_hash offset ${keep})`.execute(tx.db);
}

/** False when the browser is no longer known. */
export async function renewDeviceCookie(
  tx: UnauditedTx,
  cookie: { tokenHash: Buffer; account: Buffer; now: Date; expiresAt: Date },
): Promise<boolean> {
  const renewed = await sql`
    update device_cookies set expires_at = ${cookie.expiresAt}
    where token_hash = ${cookie.tokenHash} and account = ${cookie.account} and expires_at > ${cookie.now}
    returning token_hash`.execute(tx.db);
  return renewed.rows.length > 0;
}

/** After so many in a row the browser is a stranger again. */
export async function addCookieFailure(tx: UnauditedTx, tokenHash: Buffer, most: number): Promise<void> {
  await sql`update device_cookies set failures = failures + 1 where token_hash = ${tokenHash}`.execute(tx.db);
  await sql`delete from device_cookies where token_hash = ${tokenHash} and failures >= ${most}`.execute(tx.db);
}

/** Returns how many there were. */
export async function forgetCookieFailures(tx: UnauditedTx, tokenHash: Buffer): Promise<number> {
  const had = await sql<{ failures: number }>`
    select failures from device_cookies where token_hash = ${tokenHash} for update`.execute(tx.db);
  await sql`update device_cookies set failures = 0 where token_hash = ${tokenHash} and failures > 0`.execute(tx.db);
  return had.rows[0]?.failures ?? 0;
}

export async function removeDeviceCookies(tx: UnauditedTx, account: Buffer): Promise<void> {
  await sql`delete from device_cookies where account = ${account}`.execute(tx.db);
}
