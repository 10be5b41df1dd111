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

  async function sendSome(by: SegmentSender, signal: AbortSignal): Promise<number> {
    let done = 0;
    try {
      const { sent, gapBefore, lost } = await by.send(signal);
      done = sent;
      toldAt = undefined;
      stalled = undefined;
      if (lost !== undefined) tellLoss(lost);
      if (gapBefore !== undefined)
        tell(`the log before ${gapBefore} was not sent: moments from here on are reached from the next base`);
    } catch (error) {
      if (signal.aborted) return 0;
      const fault = (error instanceof Error ? error.message : String(error)).slice(0, 1_000);
      stalled = { since: stalled?.since ?? clock.date(), fault };
      // Once a day as long as it lasts.
      if (toldAt === undefined || clock.now() - toldAt >= TOLD_AGAIN_MS) {
        toldAt = clock.now();
        tell(fault);
      }
    }
    const segments = await by.relieve(wal.isDiskFull());
    if (segments > 0)
      tell(
        `${segments} segments of the log were given up, or they would have filled the disk of the database: moments from here on are reached from the next base`,
      );
    return done;
  }

  return {
    waitingBytes,
    stalled: () => stalled,
    job: {
      name: 'log-sending',
      everySeconds: LOOK_EVERY_SECONDS,
      timeoutSeconds: LONGEST_SECONDS,
      async run(signal) {
        sender = await wal.open();
        // How much waits is looked at after each bit of it that was sent.
        while ((await sendSome(sender, signal)) > 0 && !signal.aborted);
      },
    },
  };
}
