import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';
import { saysSomething } from '../../security/backups/backup-run.repository.ts';

interface Looked {
  readonly at: Date;
  readonly outcome: 'done' | 'failed';
  readonly fault: string | null;
}

export interface BackupRow {
  readonly number: string;
  readonly backup: string;
  readonly place: string;
  readonly scheduled: boolean;
  readonly at: Date;
  readonly details: { readonly file: { readonly bytes: number }; readonly rows: number; readonly recipients: number };
  readonly verifiedAt: Date | null;
  readonly verified: Looked['outcome'] | null;
  readonly verifyFault: string | null;
  readonly drilledAt: Date | null;
  readonly drilled: Looked['outcome'] | null;
  readonly drillFault: string | null;
}

/** In one place; wherever they are where there is none. What is kept elsewhere leads to nothing here, and is thrown away by nobody. */
const isIn = (place: string | undefined, of: 'r' | 'b') =>
  place === undefined ? sql`true` : sql`${sql.ref(`${of}.place`)} = ${place.slice(0, 500)}`;

/** Of what lies in the same place: another copy of it may be damaged, or good. */
const lastOf = (kind: 'verify' | 'drill', of: 'r' | 'b' = 'r') => sql`
  lateral (select started_at, outcome, fault from backup_runs x
    where x.backup = ${sql.ref(`${of}.backup`)} and x.place = ${sql.ref(`${of}.place`)} and x.kind = ${kind} and ${saysSomething('x')} order by x.number desc limit 1)`;

/** Of a place, or of all; whoever does not run the instance sees none: row-level security. */
export async function listBackups(
  reader: Reader,
  { place, before, limit }: { place: string | undefined; before: string | undefined; limit: number },
): Promise<BackupRow[]> {
  const found = await sql<BackupRow>`
    select r.number::text as number, r.backup, r.place, r.scheduled, r.started_at as at, r.details,
      v.started_at as "verifiedAt", v.outcome as verified, v.fault as "verifyFault",
      d.started_at as "drilledAt", d.outcome as drilled, d.fault as "drillFault"
    from backup_runs r left join ${lastOf('verify')} v on true left join ${lastOf('drill')} d on true
    where r.kind = 'create' and r.outcome = 'done' and r.deleted_at is null and ${isIn(place, 'r')} and ${before === undefined ? sql`true` : sql`r.number < ${before}`}
    order by r.number desc limit ${limit}`.execute(reader.db);
  return found.rows;
}

export interface DrillRow {
  readonly number: string;
  readonly backup: string;
  readonly place: string;
  readonly at: Date;
  readonly outcome: Looked['outcome'];
  readonly details: {
    readonly seconds: number;
    readonly checks: readonly { readonly check: string; readonly outcome: string; readonly detail: string }[];
  };
}

/** Those that came to a report. */
export async function listDrills(reader: Reader, before: string | undefined, limit: number): Promise<DrillRow[]> {
  const found = await sql<DrillRow>`
    select number::text as number, backup, place, started_at as at, outcome, details from backup_runs
    where kind = 'drill' and details ? 'checks' and ${before === undefined ? sql`true` : sql`number < ${before}`}
    order by number desc limit ${limit}`.execute(reader.db);
  return found.rows;
}

export interface UnderWayRow {
  readonly kind: 'create' | 'drill';
  readonly startedAt: Date;
  readonly bytes: number;
  readonly expectedBytes: number | null;
}

export async function findUnderWay(reader: Reader, aliveSince: Date): Promise<UnderWayRow | undefined> {
  const found = await sql<UnderWayRow>`
    select kind, started_at as "startedAt", bytes::float8 as bytes,
      case kind when 'create'
        then (select (details ->> 'bytes')::float8 from backup_runs where kind = 'create' and outcome = 'done' order by number desc limit 1)
        else (select (details -> 'file' ->> 'bytes')::float8 from backup_runs m where m.kind = 'create' and m.backup = r.backup and m.outcome = 'done') end
        as "expectedBytes"
    from backup_runs r where outcome is null and kind in ('create', 'drill') and seen_at >= ${aliveSince}
    order by number desc limit 1`.execute(reader.db);
  return found.rows[0];
}

/** Of the newest that was to be made, if it was not. */
export async function findLastFailure(
  reader: Reader,
  aliveSince: Date,
): Promise<{ at: Date; fault: string | null } | undefined> {
  const found = await sql<{ at: Date; fault: string | null; outcome: string | null; isAlive: boolean }>`
    select started_at as at, fault, outcome, seen_at >= ${aliveSince} as "isAlive" from backup_runs where kind = 'create'
    order by number desc limit 1`.execute(reader.db);
  const [last] = found.rows;
  return last && (last.outcome === 'failed' || (last.outcome === null && !last.isAlive)) ? last : undefined;
}

export interface BaseRow {
  readonly chain: string;
  /** When it was complete: the first moment that is reached from it. */
  readonly at: Date;
  readonly bytes: number;
  /** How far its chain was sent, as the database was told. */
  readonly until: string | null;
  readonly verifiedAt: Date | null;
  readonly verified: Looked['outcome'] | null;
  readonly verifyFault: string | null;
}

/** Bases that are kept in a place, or in all, newest first. */
export async function listBases(reader: Reader, place: string | undefined, limit: number): Promise<BaseRow[]> {
  const found = await sql<BaseRow>`
    select b.details ->> 'chain' as chain, b.ended_at as at, (b.details -> 'file' ->> 'bytes')::float8 as bytes,
      v.started_at as "verifiedAt", v.outcome as verified, v.fault as "verifyFault",
      (select c.details -> 'sent' ->> 'finishedAt' from backup_runs c
        where c.kind = 'chain' and c.backup = b.details ->> 'chain' order by c.number desc limit 1) as until
    from backup_runs b left join ${lastOf('verify', 'b')} v on true where b.kind = 'base' and b.outcome = 'done' and b.deleted_at is null and ${isIn(place, 'b')}
    order by b.number desc limit ${limit}`.execute(reader.db);
  return found.rows;
}
