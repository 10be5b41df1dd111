import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { SegmentSender } from '../../security/backups/point-in-time/send-segments.ts';
import type { SecurityEvents } from '../../security/events/security-event.ts';

/** The log of the embedded database. */
export interface LogToSend {
  open(): Promise<SegmentSender>;
  /** The newest moment that is reached: all before it is sent. */
  sentUntil(): Date | undefined;
  /** The chain that is sent to; undefined before the first. */
  chain(): string | undefined;
  isDiskFull(): boolean;
}

const LOOK_EVERY_SECONDS = 5;
/** What waits may be gigabytes, on a slow line. One that hangs is ended and goes on where it was. */
const LONGEST_SECONDS = 3_600;
const TOLD_AGAIN_MS = 24 * 3_600_000;

export interface LogSending {
  readonly job: Job;
  readonly waitingBytes: () => number;
  /** Since when it cannot be sent, and why. */
  readonly stalled: () => { readonly since: Date; readonly fault: string } | undefined;
}

/** Sends what PostgreSQL has finished of its log, and gives it up where it would fill the disk. Only one server can have an embedded database. */
export function createLogSending(deps: {
  log: Logger;
  wal: LogToSend;
  place: string | undefined;
  events: SecurityEvents;
  metrics: Pick<Metrics, 'watch'>;
  clock: Clock;
}): LogSending {
  const { wal, place, events, metrics, clock, log } = deps;
  let toldAt: number | undefined;
  let sender: SegmentSender | undefined;
  let stalled: { readonly since: Date; readonly fault: string } | undefined;
  const waitingBytes = (): number => sender?.waitingBytes() ?? 0;
  metrics.watch('logWaitingBytes', waitingBytes);

  function tell(complaint: string): void {
    log.error({ complaint }, 'the log of the database is not sent beside the backups');
    events.report({
      action: 'backup.failed',
      outcome: 'failure',
      transport: 'system',
      reason: 'log',
      details: { what: 'log', place, complaint: complaint.slice(0, 1_000) },
    });
  }

  function tellGap(segment: string): void {
    tell(`the log before ${segment} was not sent: moments from here on are reached from the next base`);
  }

  function tellLoss(segment: string): void {
    const fault = `${segment} was sent, and is not there as it was sent: moments from here on are reached from the next base`;
    log.error({ fault }, 'the log of the database beside the backups was tampered with');
    events.report({
      action: 'backup.tampered',
      outcome: 'failure',
      transport: 'system',
      reason: 'damaged',
      details: { backup: segment, place, fault },
    });
  }

  async function sendNext(signal: AbortSignal): Promise<boolean> {
    let isSent = false;
    try {
      sender = await wal.open();
      isSent = await sender.send(signal, { lost: tellLoss, gap: tellGap });
      toldAt = undefined;
      stalled = undefined;
    } catch (error) {
      if (!signal.aborted) tellStalled(error);
    }
    // Also of a run that is ended, which may have taken as long as it may: the disk comes first.
    const segments = (await sender?.relieve(wal.isDiskFull())) ?? 0;
    if (segments > 0)
      tell(
        `${segments} segments of the log were given up, or they would have filled the disk of the database: moments from here on are reached from the next base`,
      );
    return isSent;
  }

  function tellStalled(error: unknown): void {
    const fault = (error instanceof Error ? error.message : String(error)).slice(0, 1_000);
    stalled = { since: stalled?.since ?? clock.date(), fault };
    // Once a day as long as it lasts.
    if (toldAt !== undefined && clock.now() - toldAt < TOLD_AGAIN_MS) return;
    toldAt = clock.now();
    tell(fault);
  }

  return {
    waitingBytes,
    stalled: () => stalled,
    job: {
      name: 'log-sending',
      everySeconds: LOOK_EVERY_SECONDS,
      timeoutSeconds: LONGEST_SECONDS,
      async run(signal) {
        while ((await sendNext(signal)) && !signal.aborted);
      },
    },
  };
}
