import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../audit/tokens.ts';
import { endRun, insertRun } from '../backup-run.repository.ts';
import type { LastSent } from './wal-cursor.ts';

const MOST = 10_000;

export interface RecordedBase {
  readonly name: string;
  readonly at: Date;
  /** Digest of what is signed about it. */
  readonly manifest: string;
  readonly chain: string;
  /** The first segment it needs. */
  readonly segment: string;
}

/** Bases that were made in this place and not thrown away since, newest first. */
export async function listBases(reader: Reader, place: string): Promise<RecordedBase[]> {
  const found = await sql<RecordedBase>`
    select backup as name, started_at as at, details ->> 'manifest' as manifest, details ->> 'chain' as chain, details ->> 'segment' as segment
    from backup_runs where kind = 'base' and outcome = 'done' and deleted_at is null and place = ${place.slice(0, 500)}
    order by number desc limit ${MOST}`.execute(reader.db);
  return found.rows;
}

/** Chains that this installation began in this place and of which something may be left. */
export async function listChains(reader: Reader, place: string): Promise<string[]> {
  const found = await sql<{ backup: string }>`
    select backup from backup_runs where kind = 'chain' and deleted_at is null and place = ${place.slice(0, 500)}
    order by number desc limit ${MOST}`.execute(reader.db);
  return found.rows.map(({ backup }) => backup);
}

export async function recordChain(tx: WriteTx, chain: string, place: string, now: Date): Promise<void> {
  const number = await insertRun(tx, { kind: 'chain', place, backup: chain, scheduled: true, now });
  await endRun(tx, number, { outcome: 'done', now });
}

/** The last that is known here to have been sent to each chain in this place. */
export async function listSent(reader: Reader, place: string): Promise<Map<string, LastSent>> {
  const found = await sql<{ chain: string; sent: LastSent }>`
    select backup as chain, details -> 'sent' as sent from backup_runs
    where kind = 'chain' and deleted_at is null and details ? 'sent' and place = ${place.slice(0, 500)}
    order by number desc limit ${MOST}`.execute(reader.db);
  return new Map(found.rows.map(({ chain, sent }) => [chain, sent]));
}

/** Never back: of two that say so the one that knows less may come last. */
export async function recordSent(tx: WriteTx, chain: string, sent: LastSent): Promise<void> {
  await sql`
    update backup_runs set details = jsonb_set(details, '{sent}', ${JSON.stringify(sent)}::jsonb)
    where kind = 'chain' and backup = ${chain} and coalesce(details -> 'sent' ->> 'segment', '') < ${sent.segment}`.execute(
    tx.db,
  );
}

export async function markGone(tx: WriteTx, kind: 'base' | 'chain', name: string, now: Date): Promise<void> {
  await sql`update backup_runs set deleted_at = ${now} where kind = ${kind} and backup = ${name}`.execute(tx.db);
}

/** The chain that the newest base is the beginning of. */
export async function chainOfNewestBase(reader: Reader): Promise<string | undefined> {
  const found = await sql<{ chain: string }>`
    select details ->> 'chain' as chain from backup_runs where kind = 'base' and outcome = 'done' and deleted_at is null
    order by number desc limit 1`.execute(reader.db);
  return found.rows[0]?.chain;
}
