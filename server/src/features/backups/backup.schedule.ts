import type { Clock } from '../../lib/clock.ts';
import type { Leadership } from '../../platform/db/leadership.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { type LastRuns, lastRuns, pruneRuns } from '../../security/backups/backup-run.repository.ts';
import { type Due, dueOf, type Plan } from '../../security/backups/due.ts';
import { chainOfNewestBase } from '../../security/backups/point-in-time/point-in-time.repository.ts';
import { SILENT_MS } from '../../security/backups/recorded-run.ts';
import type { SecurityEvents } from '../../security/events/security-event.ts';

/** What the child may be asked for. It is the one that uses the password of the database's owner. */
export type BackupCommand = 'create' | 'base' | 'prune' | 'drill';
export type RunBackupCommand = (
  command: BackupCommand,
  signal: AbortSignal,
) => Promise<{ readonly isDone: boolean; readonly complaint: string }>;

export interface BackupSettings {
  /** Undefined: there is nowhere to put one, or nobody who could open it. */
  readonly place: string | undefined;
  /** 0: only when told. */
  readonly everyHours: number;
  /** 0: never by itself. */
  readonly drillEveryDays: number;
  /** Of copies of an embedded database's files, from which its log leads on; 0: never. */
  readonly baseEveryDays: number;
}

const HOUR_MS = 3_600_000;
const LOOK_EVERY_SECONDS = 20;
/** Longer than the longest backup; one that hangs is ended. */
const LONGEST_SECONDS = 86_400;
const AGAIN_MS = HOUR_MS;
const TOLD_AGAIN_MS = 24 * HOUR_MS;
const RUNS_KEPT_MS = 400 * 24 * HOUR_MS;

export interface BackupSchedule {
  readonly job: Job;
  /** When what is due; null: never by itself. */
  due(reader: Reader): Promise<{ readonly create: Due | null; readonly base: Due | null; readonly drill: Due | null }>;
  /** Makes one now, beside the schedule. False: this server is at one already. */
  makeNow(): boolean;
  stop(): Promise<void>;
}

/** Makes backups and tries them out when it is time, one server at a time. What was missed while none ran is made up for. */
export function createBackupSchedule(deps: {
  settings: BackupSettings;
  transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  leadership: Leadership;
  events: SecurityEvents;
  run: RunBackupCommand;
  /** The chain that the log of the database is sent to. */
  chain: () => string | undefined;
  metrics: Pick<Metrics, 'watch'>;
  clock: Clock;
  log: Logger;
}): BackupSchedule {
  const { settings, transactions, leadership, events, run, chain, metrics, clock, log } = deps;
  const since = clock.date();
  const plans = plansOf(settings);
  const told = new Map<string, number>();
  /** When a child was begun that failed: it may have got to no database that it could be put on record in. */
  const failed = new Map<BackupCommand, Date>();
  const stopping = new AbortController();
  let [newestAt, isOverdue]: [number | undefined, boolean] = [undefined, false];
  let current: Promise<void> | undefined;
  metrics.watch('backupAgeSeconds', () => (newestAt === undefined ? -1 : Math.max(0, clock.now() - newestAt) / 1_000));
  metrics.watch('backupsOverdue', () => (isOverdue ? 1 : 0));

  async function due(reader: Reader) {
    const now = clock.date();
    const alive = new Date(now.getTime() - SILENT_MS);
    const made = withFailure(await lastRuns(reader, 'create', alive), failed.get('create'));
    const drilled = withFailure(await lastRuns(reader, 'drill', alive), failed.get('drill'));
    newestAt = made.doneAt?.getTime();
    // There is something to try out once something was made, and from then on it is waited for: every newer backup would put it off.
    const drill = plans.drill && made.firstDoneAt ? dueOf(plans.drill, drilled, made.firstDoneAt, now) : null;
    const create = plans.create ? dueOf(plans.create, made, since, now) : null;
    const base = plans.base ? await dueBase(reader, plans.base, alive, now) : null;
    isOverdue = [create, base, drill].some((one) => one?.isOverdue);
    return { create, base, drill };
  }

  /** Where the log was interrupted nothing leads on from the bases before, so another one is due at once. */
  async function dueBase(reader: Reader, plan: Plan, alive: Date, now: Date): Promise<Due | null> {
    const current = chain();
    if (current === undefined) return null;
    const made = withFailure(await lastRuns(reader, 'base', alive), failed.get('base'));
    const leadsOn = (await chainOfNewestBase(reader)) === current;
    return dueOf(plan, leadsOn ? made : { ...made, doneAt: null }, since, now);
  }

  /** Once a day as long as it lasts. */
  function tell(what: 'create' | 'base' | 'drill', { isOverdue: isLate, nextAt }: Due): void {
    if (!isLate) return void told.delete(what);
    if (clock.now() - (told.get(what) ?? Number.NEGATIVE_INFINITY) < TOLD_AGAIN_MS) return;
    told.set(what, clock.now());
    events.report({
      action: 'backup.overdue',
      outcome: 'failure',
      transport: 'system',
      reason: what,
      details: { what, place: settings.place, dueAt: nextAt.toISOString() },
    });
  }

  async function command(what: BackupCommand, signal: AbortSignal): Promise<boolean> {
    const begunAt = clock.date();
    const { isDone, complaint } = await run(what, signal);
    if (isDone) failed.delete(what);
    if (isDone || signal.aborted) return isDone;
    failed.set(what, begunAt);
    log.error({ command: what, complaint }, 'a backup command failed');
    events.report({
      action: 'backup.failed',
      outcome: 'failure',
      transport: 'system',
      reason: what,
      details: { what, place: settings.place, complaint },
    });
    return false;
  }

  async function make(what: 'create' | 'base', signal: AbortSignal): Promise<void> {
    if (await command(what, signal)) await command('prune', signal);
  }

  /** One thing at a time in this process. */
  function alone(work: () => Promise<void>): Promise<void> {
    current = work().finally(() => {
      current = undefined;
    });
    return current;
  }

  return {
    due,

    job: {
      name: 'backups',
      everySeconds: LOOK_EVERY_SECONDS,
      timeoutSeconds: LONGEST_SECONDS,
      async run(signal) {
        if (!plans.create && !plans.base && !plans.drill) return;
        const now = await transactions.readAcross(due);
        if (!(await leadership.hold())) return;
        if (now.create) tell('create', now.create);
        if (now.base) tell('base', now.base);
        if (now.drill) tell('drill', now.drill);
        if (current) return;
        if (now.create?.isDue) await alone(() => make('create', signal));
        else if (now.base?.isDue) await alone(() => make('base', signal));
        else if (now.drill?.isDue) await alone(async () => void (await command('drill', signal)));
        else
          await transactions.unaudited(null, 'backup_runs', (tx) =>
            pruneRuns(tx, new Date(clock.now() - RUNS_KEPT_MS)),
          );
      },
    },

    makeNow() {
      if (current || stopping.signal.aborted) return false;
      alone(() => make('create', stopping.signal)).catch((error: unknown) =>
        log.error({ err: error }, 'no backup was made'),
      );
      return true;
    },

    async stop() {
      stopping.abort();
      await current?.catch(() => undefined);
      await leadership.release();
    },
  };
}

/** What this server knows wins: it is by the clock as it is now, which may have been put back since. */
const withFailure = (runs: LastRuns, failedAt: Date | undefined): LastRuns => ({
  ...runs,
  failedAt: failedAt ?? runs.failedAt,
});

function plansOf({ place, everyHours, drillEveryDays, baseEveryDays }: BackupSettings): {
  create: Plan | undefined;
  base: Plan | undefined;
  drill: Plan | undefined;
} {
  const every = everyHours * HOUR_MS;
  const drillEvery = drillEveryDays * 24 * HOUR_MS;
  const baseEvery = baseEveryDays * 24 * HOUR_MS;
  return {
    create: place !== undefined && every > 0 ? { everyMs: every, againMs: Math.min(every, AGAIN_MS) } : undefined,
    base: place !== undefined && baseEvery > 0 ? { everyMs: baseEvery, againMs: AGAIN_MS } : undefined,
    // A backup that did not come back is known by then; a day later there is usually a newer one to try.
    drill: place !== undefined && drillEvery > 0 ? { everyMs: drillEvery, againMs: 24 * HOUR_MS } : undefined,
  };
}
