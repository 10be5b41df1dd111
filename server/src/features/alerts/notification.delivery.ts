import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../platform/log/log.ts';
import { MailError, type Mailer } from '../../platform/mail/mailer.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import { OutboundError } from '../../platform/outbound/outbound-error.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { signedHeaders } from '../../security/crypto/webhook-signature.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import { insertEvents } from './alert-event.repository.ts';
import { secretPlace } from './notification-channel.service.ts';
import { type ClaimedNotification, claimDue, markDelivered, markFailed } from './notification-delivery.repository.ts';
import { mailMessage, webhookBody } from './notification-message.ts';
import { openTargets } from './notification-target.ts';

export interface Delivery {
  /** Delivers what is due until nothing is. A call while one is under way makes it look once more. */
  run(signal: AbortSignal): Promise<void>;
}

export interface DeliveryOptions {
  readonly transactions: Pick<Transactions, 'unaudited'>;
  readonly mailer: Mailer;
  readonly outbound: Pick<Outbound, 'post'>;
  readonly dataKeys: Pick<DataKeys, 'open' | 'openAll'>;
  readonly publicUrl: URL;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const MAX_UNDER_WAY = 8;
// One slow target must leave room for the others.
const MAX_PER_CHANNEL = 2;
const LEASE_MS = 120_000;
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 3_600_000;
const GIVE_UP_AFTER_MS = 24 * 3_600_000;

/** The target will not take it, now or later. */
class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure';
}

/** At least once: a notification counts as delivered only after the other side took it and that was written down. */
export function createDelivery(options: DeliveryOptions): Delivery {
  const { transactions, mailer, outbound, dataKeys, publicUrl, clock, random, log } = options;
  const underWay = new Map<string, { readonly channelId: string; readonly done: Promise<void> }>();
  let running: Promise<void> | undefined;
  let isWanted = false;

  async function loop(signal: AbortSignal): Promise<void> {
    do {
      isWanted = false;
      while (!signal.aborted) {
        const wasIdle = underWay.size === 0;
        const claimed = await claim();
        for (const notification of claimed) start(notification, signal);
        // Each that ends may make the next of its alert due, also while we were looking; so only a look at rest is the last.
        if (claimed.length === 0 && wasIdle) break;
        if (underWay.size > 0 && (claimed.length === 0 || underWay.size >= MAX_UNDER_WAY))
          await Promise.race([...underWay.values()].map(({ done }) => done));
      }
    } while (isWanted && !signal.aborted);
    await Promise.all([...underWay.values()].map(({ done }) => done));
  }

  async function claim(): Promise<ClaimedNotification[]> {
    const limit = MAX_UNDER_WAY - underWay.size;
    if (limit <= 0) return [];
    const counts = new Map<string, number>();
    for (const { channelId } of underWay.values()) counts.set(channelId, (counts.get(channelId) ?? 0) + 1);
    const busyChannels = [...counts].filter(([, count]) => count >= MAX_PER_CHANNEL).map(([channelId]) => channelId);
    const now = clock.date();
    const until = new Date(now.getTime() + LEASE_MS);
    return transactions.unaudited(null, 'outbox', (tx) => claimDue(tx, { now, until, limit, busyChannels }));
  }

  function start(notification: ClaimedNotification, signal: AbortSignal): void {
    const done = deliver(notification, signal)
      // Not written down: the lease ends and it is tried again.
      .catch((error: unknown) =>
        log.warn({ err: error, channel: notification.channelId }, 'a delivery was not recorded'),
      )
      .finally(() => underWay.delete(notification.id));
    underWay.set(notification.id, { channelId: notification.channelId, done });
  }

  async function deliver(notification: ClaimedNotification, signal: AbortSignal): Promise<void> {
    try {
      await send(notification, signal);
    } catch (error) {
      if (signal.aborted) return; // stopping, which says nothing about the target
      await recordFailure(notification, error);
      return;
    }
    await transactions.unaudited(null, 'outbox', async (tx) => {
      const at = clock.date();
      await markDelivered(tx, notification.id, notification.channelId, at);
      const { alertId, organisationId } = notification;
      if (alertId !== null)
        await insertEvents(tx, [{ organisationId, alertId, at, kind: 'notified', note: told(notification) }]);
    });
  }

  async function send(notification: ClaimedNotification, signal: AbortSignal): Promise<void> {
    const { kind, payload, secretSealed, organisationId, channelId } = notification;
    if (!notification.enabled) throw new PermanentFailure('the channel was switched off');
    const [target] = await openTargets(dataKeys, [{ ...notification, id: channelId }]);
    if (target === undefined) throw new Error('the address of the channel does not open: give it again');
    if (kind === 'email') return mailer.send({ to: target, ...mailMessage(payload, publicUrl) });
    if (secretSealed === null) throw new PermanentFailure('the channel has no secret');
    const secret = await dataKeys.open(secretSealed, secretPlace(organisationId, channelId));
    const body = webhookBody(payload);
    const seconds = Math.floor(clock.now() / 1000);
    const { status } = await outbound.post({
      url: target,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Valtronics',
        'idempotency-key': notification.idempotencyKey,
        ...signedHeaders(secret.toString('utf8'), notification.id, seconds, body),
      },
      body,
      signal,
    });
    if (status >= 300 && status < 400)
      throw new OutboundError('bad_answer', `the target answered ${status}; redirects are not followed`);
    if (status < 200 || status > 299) throw new OutboundError('bad_answer', `the target answered ${status}`);
  }

  async function recordFailure(notification: ClaimedNotification, error: unknown): Promise<void> {
    const at = clock.date();
    const isPermanent =
      error instanceof PermanentFailure || (error instanceof OutboundError && error.reason === 'refused');
    const waitMs = retryAfterMs(notification.attempts, random());
    const isOver = isPermanent || at.getTime() + waitMs - notification.createdAt.getTime() > GIVE_UP_AFTER_MS;
    const reason = reasonFor(error);
    log.warn(
      { err: error, channel: notification.channelId, attempt: notification.attempts, givenUp: isOver },
      'a notification was not delivered',
    );
    await transactions.unaudited(null, 'outbox', async (tx) => {
      await markFailed(tx, {
        id: notification.id,
        channelId: notification.channelId,
        error: reason,
        at,
        nextAttemptAt: isOver ? undefined : new Date(at.getTime() + waitMs),
      });
      const { alertId, organisationId } = notification;
      if (isOver && alertId !== null) {
        const note = `${told(notification)}: ${reason}`;
        await insertEvents(tx, [{ organisationId, alertId, at, kind: 'notification_failed', note }]);
      }
    });
  }

  return {
    run(signal) {
      isWanted = true;
      running ??= loop(signal).finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}

/** Doubles with each attempt up to an hour; a half of it is chance, so that many do not come back at the same moment. */
export function retryAfterMs(attempts: number, chance: number): number {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 20), LONGEST_RETRY_MS);
  return Math.round(longest * (0.5 + chance / 2));
}

const told = ({ kind, channelName, payload }: ClaimedNotification): string =>
  `${payload.transition} by ${kind} to ${channelName}`;

/** Only our own words reach the person who configured the channel. */
function reasonFor(error: unknown): string {
  if (error instanceof OutboundError || error instanceof MailError || error instanceof PermanentFailure)
    return error.message;
  return 'it could not be sent';
}
