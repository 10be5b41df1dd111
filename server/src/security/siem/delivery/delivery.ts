import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../platform/log/log.ts';
import { OutboundError } from '../../../platform/outbound/outbound-error.ts';
import { unlessAborted } from '../../../platform/outbound/unless-aborted.ts';
import type { Progress, Subscription } from '../siem.repository.ts';
import type { Link } from '../transports/link.ts';
import { createOverlap } from './overlap.ts';
import type { Source } from './source.ts';
import type { Spool } from './spool.ts';

export interface DeliveryTimes {
  /** A receiver that acknowledges nothing is asked this often whether it has read everything. */
  readonly confirmEveryMs: number;
  /** What was handed over less than this before it confirmed is sent again after a break. */
  readonly keepMs: number;
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  /** How often we look for events without being told of any. */
  readonly lookEveryMs: number;
}

export const deliveryTimes: DeliveryTimes = {
  confirmEveryMs: 30_000,
  keepMs: 30_000,
  firstRetryMs: 1_000,
  longestRetryMs: 60_000,
  lookEveryMs: 1_000,
};

const BATCH = 500;
/** How often a position that only passed over others' events is written down. */
const NOTE_EVERY_MS = 10_000;

export interface DeliveryOptions {
  readonly subscription: Pick<Subscription, 'id' | 'settledPosition'>;
  readonly openLink: () => Promise<Link>;
  readonly source: Source;
  readonly spool: Spool;
  /** False: the destination was changed meanwhile. */
  readonly record: (progress: Progress) => Promise<boolean>;
  /** Until the time has passed, events may have come, or the signal fires. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly times?: DeliveryTimes | undefined;
}

/** The receiver, or the way to it, failed: what has not certainly arrived goes again, later. */
class ReceiverFailed extends Error {
  override readonly name = 'ReceiverFailed';
}
/** The destination is another one by now. */
class Superseded extends Error {
  override readonly name = 'Superseded';
}

/** Brings the events of one destination to its receiver: all of them, in their order, each at least once. Runs until the signal fires. */
export async function deliver(options: DeliveryOptions, signal: AbortSignal): Promise<void> {
  const { subscription, openLink, source, spool, record, pause, clock, random, log } = options;
  const times = options.times ?? deliveryTimes;
  const overlap = createOverlap(subscription.settledPosition, times.keepMs);
  let link: Link | undefined;
  let failures = 0;
  let askedAt = 0;
  let noted = { settled: overlap.settled(), sent: overlap.sent(), at: clock.now() };

  async function note(
    more: Pick<Progress, 'deliveredAt' | 'refused' | 'missedUntil'> & { failure?: Progress['failure'] },
  ) {
    const progress = { settledPosition: overlap.settled(), sentPosition: overlap.sent(), failure: null, ...more };
    if (!(await record(progress))) throw new Superseded();
    noted = { settled: progress.settledPosition, sent: progress.sentPosition, at: clock.now() };
    await spool.trim(overlap.settled());
  }

  /** What the receiver does and says; its failures are told apart from those of our own database. */
  async function withReceiver<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await unlessAborted(work(), signal);
    } catch (error) {
      throw new ReceiverFailed('the receiver failed', { cause: error });
    }
  }

  async function confirmWhenDue(): Promise<void> {
    const since = overlap.since();
    const now = clock.now();
    if (link === undefined || since === undefined || now - since < times.keepMs || now - askedAt < times.confirmEveryMs)
      return;
    const { confirm, connect } = link;
    askedAt = now;
    await withReceiver(confirm);
    overlap.confirmed(now);
    // What was too young waits for the next time. If the receiver dies until then, its end must be heard.
    await withReceiver(() => connect(signal));
  }

  async function round(): Promise<void> {
    const fault = link?.fault();
    if (fault !== undefined && overlap.sent() > overlap.settled())
      throw new ReceiverFailed('the receiver broke off', { cause: fault });
    // With nothing under way a connection that ended is no loss; the next event opens another.
    if (fault !== undefined) link = undefined;
    const { events, upTo, missedUntil } = await source.next(overlap.sent(), BATCH);
    if (events.length > 0) {
      const { refused } = await withReceiver(async () => {
        link ??= await openLink();
        return link.send(events, signal);
      });
      failures = 0;
      if (link?.acknowledges) overlap.acknowledged(upTo);
      else overlap.add(upTo, clock.now());
      if (refused > 0) log.error({ destination: subscription.id, refused }, 'a SIEM refuses events for good');
      await confirmWhenDue();
      await note({ deliveredAt: clock.date(), refused, missedUntil });
      return;
    }
    // Others' events only: passed over together with what waits, or at once.
    if (upTo > overlap.sent()) {
      if (overlap.sent() === overlap.settled()) overlap.acknowledged(upTo);
      else overlap.add(upTo, clock.now());
    }
    await confirmWhenDue();
    const hasMoved = overlap.settled() !== noted.settled || overlap.sent() !== noted.sent;
    const hasArrived = overlap.settled() === overlap.sent() && overlap.sent() === noted.sent;
    if (missedUntil !== undefined || (hasMoved && (hasArrived || clock.now() - noted.at >= NOTE_EVERY_MS)))
      await note({ missedUntil });
    await pause(times.lookEveryMs, signal);
  }

  async function afterBreak(error: ReceiverFailed): Promise<void> {
    await link?.close();
    link = undefined;
    overlap.forget();
    failures += 1;
    const waitMs = retryAfterMs(failures, random(), times);
    const at = clock.date();
    const until = at.getTime() + waitMs;
    const { cause } = error;
    const text = cause instanceof OutboundError ? cause.message.slice(0, 300) : 'it could not be sent';
    log.warn({ err: cause, destination: subscription.id, attempt: failures }, 'security events were not delivered');
    await note({ failure: { text, at, nextAttemptAt: new Date(until) } });
    let isCollecting = true;
    while (clock.now() < until && !signal.aborted) {
      // Without the disk the database keeps them as long as it keeps any.
      if (isCollecting)
        await source.collect(overlap.settled()).catch((failure: unknown) => {
          isCollecting = false;
          log.warn({ err: failure, destination: subscription.id }, 'security events could not be kept on disk for now');
        });
      await pause(Math.min(times.lookEveryMs, Math.max(1, until - clock.now())), signal);
    }
  }

  /** With its own failures caught: neither the database nor the disk going away ends a delivery. */
  async function carryOn(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof Superseded || error instanceof ReceiverFailed || signal.aborted) throw error;
      log.warn(
        { err: error, destination: subscription.id },
        'a delivery of security events waits for the database or the disk',
      );
      await pause(times.lookEveryMs, signal);
    }
  }

  try {
    while (!signal.aborted) {
      try {
        await carryOn(round);
      } catch (error) {
        if (!(error instanceof ReceiverFailed) || signal.aborted) throw error;
        await carryOn(() => afterBreak(error));
      }
    }
  } catch (error) {
    if (!(error instanceof Superseded) && !signal.aborted) throw error;
  } finally {
    await link?.close();
  }
}

/** Doubles with each failure; a half of it is chance, so that many do not come back at the same moment. */
export function retryAfterMs(
  failures: number,
  chance: number,
  { firstRetryMs, longestRetryMs }: Pick<DeliveryTimes, 'firstRetryMs' | 'longestRetryMs'>,
): number {
  const longest = Math.min(firstRetryMs * 2 ** Math.min(failures - 1, 20), longestRetryMs);
  return Math.round(longest * (0.5 + chance / 2));
}
