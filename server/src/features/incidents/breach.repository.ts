import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';

export interface Flag {
  readonly at: Date;
  readonly by: string;
  readonly awareAt: Date;
  readonly dueAt: Date;
}

export async function flagBreach(tx: WriteTx, id: string, flag: Flag): Promise<void> {
  await sql`
    update incidents set breach_flagged_at = ${flag.at}, breach_flagged_by = ${flag.by}, breach_aware_at = ${flag.awareAt},
      breach_due_at = ${flag.dueAt}, breach_reminders = 0, breach_reminded_at = null
    where id = ${id}`.execute(tx.db);
}

export async function markNotified(tx: WriteTx, id: string, at: Date, by: string): Promise<void> {
  await sql`
    update incidents set breach_notified_at = ${at}, breach_notified_by = ${by} where id = ${id}`.execute(tx.db);
}

export async function withdrawFlag(tx: WriteTx, id: string): Promise<void> {
  await sql`
    update incidents set breach_flagged_at = null, breach_flagged_by = null, breach_aware_at = null, breach_due_at = null,
      breach_reminders = 0, breach_reminded_at = null, breach_notified_at = null, breach_notified_by = null
    where id = ${id}`.execute(tx.db);
}

export interface RunningClock {
  readonly id: string;
  readonly organisationId: number | null;
  readonly dueAt: Date;
  readonly reminders: number;
}

/** Clocks that run and end before the given time, the soonest first. */
export async function listRunningClocks(reader: Reader, before: Date, limit: number): Promise<RunningClock[]> {
  const { rows } = await sql<RunningClock>`
    select id, organisation_id as "organisationId", breach_due_at as "dueAt", breach_reminders as reminders from incidents
    where breach_due_at is not null and breach_notified_at is null and breach_due_at <= ${before} and breach_reminders < 3
    order by breach_due_at limit ${limit}`.execute(reader.db);
  return rows;
}

/** False: the clock was stopped, or another server reminds already. */
export async function claimReminder(tx: WriteTx, clock: RunningClock, reminders: number, at: Date): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update incidents set breach_reminders = ${reminders}, breach_reminded_at = ${at}
    where id = ${clock.id} and breach_reminders = ${clock.reminders} and breach_due_at = ${clock.dueAt}
      and breach_notified_at is null`.execute(tx.db);
  return numAffectedRows === 1n;
}
