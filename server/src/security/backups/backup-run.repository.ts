import { sql } from 'kysely';
import type { Reader, WriteTx } from '../audit/tokens.ts';

export type RunKind = 'create' | 'verify' | 'drill' | 'base' | 'chain';

export interface NewRun {
  readonly kind: RunKind;
  readonly place: string;
  readonly backup: string;
  readonly scheduled: boolean;
  readonly now: Date;
}

export async function insertRun(tx: WriteTx, { kind, place, backup, scheduled, now }: NewRun): Promise<string> {
  const made = await sql<{ number: string }>`
    insert into backup_runs (kind, place, backup, scheduled, started_at, seen_at)
    values (${kind}, ${place.slice(0, 500)}, ${backup}, ${scheduled}, ${now}, ${now}) returning number`.execute(tx.db);
  return made.rows[0]?.number ?? '';
}

export async function touchRun(tx: WriteTx, number: string, bytes: number, now: Date): Promise<void> {
  await sql`update backup_runs set seen_at = ${now}, bytes = ${bytes} where number = ${number} and ended_at is null`.execute(
    tx.db,
  );
}

export interface RunEnd {
  readonly outcome: 'done' | 'failed';
  readonly fault?: string | undefined;
  readonly details?: object | undefined;
  readonly now: Date;
}

export async function endRun(
  tx: WriteTx,
  number: string,
  { outcome, fault, details = {}, now }: RunEnd,
): Promise<void> {
  await sql`
    update backup_runs set ended_at = ${now}, seen_at = ${now}, outcome = ${outcome}, fault = ${fault?.slice(0, 1_000) ?? null}, details = ${JSON.stringify(details)}
    where number = ${number} and ended_at is null`.execute(tx.db);
}

export interface MadeBackup {
  readonly backup: string;
  readonly at: Date;
  /** Digest of the manifest. */
  readonly manifest: string;
  /** The last that was said about it where it lies: by a verification, and by a drill. */
  readonly verified: 'done' | 'failed' | null;
  readonly drilled: 'done' | 'failed' | null;
}

const MOST_MADE = 10_000;

/** Of runs that looked at a backup: whether anything was found out. A drill without a report was stopped by something else than the backup. */
export const saysSomething = (run: string) =>
  sql`${sql.ref(`${run}.outcome`)} is not null and (${sql.ref(`${run}.kind`)} <> 'drill' or ${sql.ref(`${run}.details`)} ? 'checks')`;

const lastOf = (kind: RunKind) =>
  sql`(select v.outcome from backup_runs v where v.backup = r.backup and v.place = r.place and v.kind = ${kind} and ${saysSomething('v')}
       order by v.number desc limit 1)`;

/** Those that were made in this place and not thrown away since, newest first. */
export async function listMade(reader: Reader, place: string): Promise<MadeBackup[]> {
  const found = await sql<MadeBackup>`
    select r.backup, r.started_at as at, r.details ->> 'manifest' as manifest, ${lastOf('verify')} as verified, ${lastOf('drill')} as drilled
    from backup_runs r where r.kind = 'create' and r.outcome = 'done' and r.deleted_at is null and r.place = ${place.slice(0, 500)}
    order by r.number desc limit ${MOST_MADE}`.execute(reader.db);
  return found.rows;
}

export interface LeftBackup {
  readonly backup: string;
  /** It failed, or was thrown away: there is none whatever lies there. Otherwise somebody was at it and has not said a word since. */
  readonly isNone: boolean;
}

/** Those of this place that are not to be there, whether or not they are. */
export async function listLeft(
  reader: Reader,
  kind: 'create' | 'base',
  place: string,
  silentSince: Date,
): Promise<LeftBackup[]> {
  const found = await sql<LeftBackup>`
    select backup, outcome is not null as "isNone" from backup_runs
    where kind = ${kind} and backup is not null and place = ${place.slice(0, 500)}
      and (outcome = 'failed' or deleted_at is not null or (outcome is null and seen_at < ${silentSince}))
    order by number desc limit ${MOST_MADE}`.execute(reader.db);
  return found.rows;
}

export async function markDeleted(tx: WriteTx, backup: string, now: Date): Promise<void> {
  await sql`update backup_runs set deleted_at = ${now} where kind = 'create' and backup = ${backup}`.execute(tx.db);
}

export interface LastRuns {
  /** When the first one that came to a good end was begun, of those on record. */
  readonly firstDoneAt: Date | null;
  /** When the last one that came to a good end was begun; by number, not by what the clock said. */
  readonly doneAt: Date | null;
  /** When the last one was begun that failed, or was left by who was at it, if none was done since. */
  readonly failedAt: Date | null;
  readonly isUnderWay: boolean;
}

/** Of one kind, in whatever place. `aliveSince`: who has not said a word since then is not at it any more. */
export async function lastRuns(reader: Reader, kind: RunKind, aliveSince: Date): Promise<LastRuns> {
  const found = await sql<LastRuns>`
    with done as (
      select number, started_at from backup_runs where kind = ${kind} and outcome = 'done' order by number desc limit 1)
    select (select started_at from backup_runs where kind = ${kind} and outcome = 'done' order by number limit 1) as "firstDoneAt",
      (select started_at from done) as "doneAt",
      (select started_at from backup_runs where kind = ${kind} and number > coalesce((select number from done), 0)
         and (outcome = 'failed' or (outcome is null and seen_at < ${aliveSince})) order by number desc limit 1) as "failedAt",
      exists (select from backup_runs where kind = ${kind} and outcome is null and seen_at >= ${aliveSince}) as "isUnderWay"`.execute(
    reader.db,
  );
  return found.rows[0] ?? { firstDoneAt: null, doneAt: null, failedAt: null, isUnderWay: false };
}

/** What is long past; never the record of a backup that is still kept. */
export async function pruneRuns(tx: WriteTx, before: Date): Promise<void> {
  await sql`
    delete from backup_runs where started_at < ${before} and (kind not in ('create', 'base', 'chain') or outcome = 'failed' or deleted_at is not null)`.execute(
    tx.db,
  );
}
