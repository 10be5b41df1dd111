import { sql } from 'kysely';
import type { Reader, UnauditedTx, WriteTx } from '../audit/tokens.ts';

/** What an attempt is counted under; null where it is not. */
export interface GuessKeys {
  readonly address: string | null;
  readonly account: Buffer | null;
  readonly pair: Buffer | null;
  readonly factor: string | null;
  readonly cookie: Buffer | null;
}

export interface AttemptRow {
  readonly at: Date;
  readonly state: 'open' | 'failed';
  readonly of_address: boolean;
  readonly of_account: boolean;
  readonly of_pair: boolean;
  readonly factor: string | null;
  readonly device_cookie: Buffer | null;
}

/** Until the end of the transaction nobody else, on whichever server, decides on one of these. In order, so that two never wait for each other. */
export async function lockKeys(tx: WriteTx, locks: readonly bigint[]): Promise<void> {
  const [first, second] = [...new Set(locks)].sort((a, b) => (a < b ? -1 : 1)).map(String);
  if (first !== undefined) await sql`select pg_advisory_xact_lock(${first}::bigint)`.execute(tx.db);
  if (second !== undefined) await sql`select pg_advisory_xact_lock(${second}::bigint)`.execute(tx.db);
}

/** Attempts of the address or the account with a verdict, or still without; oldest first. */
export async function listAttempts(reader: Reader, keys: GuessKeys, since: Date): Promise<AttemptRow[]> {
  const found = await sql<AttemptRow>`
    select at, state, coalesce(address = ${keys.address}, false) as of_address,
      coalesce(account = ${keys.account}, false) as of_account, coalesce(pair = ${keys.pair}, false) as of_pair,
      factor, device_cookie
    from guess_attempts
    where at > ${since} and state <> 'refused' and (address = ${keys.address} or account = ${keys.account})
    order by at limit 2000`.execute(reader.db);
  return found.rows;
}

export async function countAttempts(reader: Reader, address: string, since: Date): Promise<number> {
  const found = await sql<{ n: number }>`
    select count(*)::int as n from guess_attempts where address = ${address} and at > ${since}`.execute(reader.db);
  return found.rows[0]?.n ?? 0;
}

export async function countFailures(reader: Reader, address: string, since: Date): Promise<number> {
  const found = await sql<{ n: number }>`
    select count(*)::int as n from guess_attempts
    where address = ${address} and state = 'failed' and at > ${since}`.execute(reader.db);
  return found.rows[0]?.n ?? 0;
}

export async function insertAttempt(
  tx: UnauditedTx,
  id: string,
  state: 'open' | 'refused',
  keys: GuessKeys,
  at: Date,
): Promise<void> {
  await sql`
    insert into guess_attempts (id, at, state, address, account, pair, factor, device_cookie)
    values (${id}, ${at}, ${state}, ${keys.address}, ${keys.account}, ${keys.pair}, ${keys.factor}, ${keys.cookie})`.execute(
    tx.db,
  );
}

/** False when the attempt has its verdict already. */
export async function failAttempt(tx: UnauditedTx, id: string, at: Date): Promise<boolean> {
  const failed = await sql`
    update guess_attempts set state = 'failed', at = ${at} where id = ${id} and state = 'open' returning id`.execute(
    tx.db,
  );
  return failed.rows.length > 0;
}

/** Attempts of these keys whose verdict never came become failures. */
export async function failAbandoned(tx: UnauditedTx, keys: GuessKeys, openedBefore: Date): Promise<GuessKeys[]> {
  const failed = await sql<GuessKeys>`
    update guess_attempts set state = 'failed'
    where state = 'open' and at <= ${openedBefore} and (address = ${keys.address} or account = ${keys.account})
    returning address, account, pair, factor, device_cookie as cookie`.execute(tx.db);
  return failed.rows;
}

export async function removeAttempt(tx: UnauditedTx, id: string): Promise<void> {
  await sql`delete from guess_attempts where id = ${id}`.execute(tx.db);
}

/** The attempt itself, and the failures of the same person with the same kind of secret in the same place. */
export async function forgive(tx: UnauditedTx, id: string, keys: GuessKeys): Promise<void> {
  await sql`
    delete from guess_attempts where id = ${id}
      or (state = 'failed' and account = ${keys.account} and factor is not distinct from ${keys.factor}
          and device_cookie is not distinct from ${keys.cookie} and pair is not distinct from ${keys.pair})`.execute(
    tx.db,
  );
}

export async function findAccountFailures(
  reader: Reader,
  account: Buffer,
): Promise<{ failures: number; last_failed_at: Date } | undefined> {
  const found = await sql<{ failures: number; last_failed_at: Date }>`
    select failures, last_failed_at from guess_accounts where account = ${account}`.execute(reader.db);
  return found.rows[0];
}

/** Returns how many it makes in a row. */
export async function addAccountFailure(tx: UnauditedTx, account: Buffer, at: Date): Promise<number> {
  const added = await sql<{ failures: number }>`
    insert into guess_accounts (account, failures, last_failed_at) values (${account}, 1, ${at})
    on conflict (account) do update set failures = guess_accounts.failures + 1, last_failed_at = excluded.last_failed_at
    returning failures`.execute(tx.db);
  return added.rows[0]?.failures ?? 1;
}

/** Returns how many there were. */
export async function forgetAccountFailures(tx: UnauditedTx, account: Buffer): Promise<number> {
  const forgotten = await sql<{ failures: number }>`
    delete from guess_accounts where account = ${account} returning failures`.execute(tx.db);
  return forgotten.rows[0]?.failures ?? 0;
}

/** True when the address was not marked since then. */
export async function markSuspicious(
  tx: UnauditedTx,
  address: string,
  attempts: number,
  now: Date,
  since: Date,
): Promise<boolean> {
  const marked = await sql`
    insert into suspicious_addresses (address, attempts, first_at, last_at) values (${address}, ${attempts}, ${now}, ${now})
    on conflict (address) do update set attempts = suspicious_addresses.attempts + excluded.attempts, last_at = excluded.last_at
      where suspicious_addresses.last_at <= ${since}
    returning address`.execute(tx.db);
  return marked.rows.length > 0;
}

/** Removes what no rule looks at any more, a bounded number of rows of each table; returns the most of one. */
export async function removeOldGuesses(
  tx: UnauditedTx,
  before: { attempts: Date; accounts: Date; suspicions: Date; cookies: Date },
  failuresKept: number,
  limit: number,
): Promise<number> {
  const removals = [
    sql`delete from guess_attempts where id in (select id from guess_attempts where at < ${before.attempts} limit ${limit})`,
    sql`delete from refused_tokens where (address, token_hash) in
      (select address, token_hash from refused_tokens where last_at < ${before.attempts} limit ${limit})`,
    sql`delete from guess_accounts where account in (select account from guess_accounts
      where last_failed_at < ${before.accounts} and failures < ${failuresKept} limit ${limit})`,
    sql`delete from suspicious_addresses where address in
      (select address from suspicious_addresses where last_at < ${before.suspicions} limit ${limit})`,
    sql`delete from device_cookies where token_hash in
      (select token_hash from device_cookies where expires_at < ${before.cookies} limit ${limit})`,
  ];
  let most = 0;
  for (const removal of removals) most = Math.max(most, Number((await removal.execute(tx.db)).numAffectedRows ?? 0));
  return most;
}
