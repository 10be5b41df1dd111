import type { LastRuns } from './backup-run.repository.ts';

export interface Plan {
  readonly everyMs: number;
  /** After a failure it is tried again so much later. */
  readonly againMs: number;
}

export interface Due {
  /** When the next one is to be begun; in the past, if it was missed. */
  readonly nextAt: Date;
  readonly isDue: boolean;
  /** Half as long again as it should have been, and an hour: nobody is called for a server that was restarted. */
  readonly isOverdue: boolean;
}

const GRACE_MS = 3_600_000;

/**
 * What is due, by when the last one was begun. `since`: when this server began to look, for where there is none yet. A time ahead of now is
 * of a clock that was put back; it cannot be reckoned from, so the next one is due at once, and is the last one then.
 */
export function dueOf(
  { everyMs, againMs }: Plan,
  { doneAt, failedAt, isUnderWay }: Omit<LastRuns, 'firstDoneAt'>,
  since: Date,
  now: Date,
): Due {
  const known = (at: Date | null): number | undefined => (at && at <= now ? at.getTime() : undefined);
  const [done, failed] = [known(doneAt), known(failedAt)];
  const next = Math.max(
    done === undefined ? Math.min(since.getTime(), now.getTime()) : done + everyMs,
    failed === undefined ? 0 : failed + againMs,
  );
  const overdueAt = (done ?? Math.min(since.getTime(), now.getTime())) + everyMs * 1.5 + GRACE_MS;
  return {
    nextAt: new Date(next),
    isDue: !isUnderWay && next <= now.getTime(),
    isOverdue: now.getTime() > overdueAt,
  };
}
