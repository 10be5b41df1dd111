import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { Clock } from '../../lib/clock.ts';
import type { Notices } from '../../platform/db/notices.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { type DeliveryTimes, deliver } from './delivery/delivery.ts';
import { createDeliveryLocks } from './delivery/delivery-locks.repository.ts';
import { createSource } from './delivery/source.ts';
import { openSpool, type Spool } from './delivery/spool.ts';
import { createWaiting } from './delivery/waiting.ts';
import { countBehind, listSubscriptions, recordProgress, type Subscription } from './siem.repository.ts';
import type { LinkOpener } from './transports/open-link.ts';

export interface Forwarder {
  start(): void;
  /** Somebody changed a destination: every server looks at once. */
  changed(): Promise<void>;
  stop(): Promise<void>;
}

export interface ForwarderOptions {
  readonly transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  readonly notices: Pick<Notices, 'onNotice' | 'publish'>;
  /** For a session of its own. */
  readonly lockConnection: pg.ClientConfig;
  readonly openLink: LinkOpener;
  readonly spoolFolder: string;
  readonly metrics: Pick<Metrics, 'siemLag'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly times?: DeliveryTimes | undefined;
  readonly mostDestinations?: number | undefined;
}

/** Of all organisations; those made first are served. */
const MOST_DESTINATIONS = 1_000;
/** Of those beyond, so many are told at a time that they are not. */
const MOST_TOLD = 100;
/** Of all spools on this server's disk. */
const SPOOLS_BYTES = 8 * 1024 ** 3;
const LOOK_EVERY_MS = 2_000;
const COUNT_EVERY_MS = 15_000;
/** Counting further would cost more than anybody wants to know. */
export const MOST_COUNTED = 100_000;
const NOTICE = 'siem_destinations';

interface Running {
  readonly revision: number;
  readonly stopping: AbortController;
  readonly done: Promise<void>;
}

/** Runs a delivery for every destination that this server holds. A destination whose server dies is taken over by another. */
export function createForwarder(options: ForwarderOptions): Forwarder {
  const { transactions, notices, openLink, spoolFolder, metrics, clock, log } = options;
  const mostDestinations = options.mostDestinations ?? MOST_DESTINATIONS;
  const stopping = new AbortController();
  const events = createWaiting();
  const changes = createWaiting();
  const running = new Map<string, Running>();
  const spools = new Map<string, Spool>();
  const locks = createDeliveryLocks(options.lockConnection, () => {
    for (const delivery of running.values()) delivery.stopping.abort();
  });
  let lag: { destination: string; events: number; seconds: number }[] = [];
  let countedAt = 0;
  let watching: Promise<void> | undefined;

  notices.onNotice('security_events', () => events.wake());
  notices.onNotice(NOTICE, () => changes.wake());
  metrics.siemLag(() => lag);

  function begin(subscription: Subscription): void {
    const { id, revision } = subscription;
    const own = new AbortController();
    const signal = AbortSignal.any([own.signal, stopping.signal]);
    const work = async (): Promise<void> => {
      const spool = await openSpool(join(spoolFolder, id), { roomLeft });
      spools.set(id, spool);
      await deliver(
        {
          ...options,
          subscription,
          openLink: () => openLink(subscription),
          spool,
          source: createSource({ transactions, spool, audience: subscription }),
          record: (progress) =>
            transactions.unaudited(null, 'siem_progress', (tx) => recordProgress(tx, subscription, progress)),
          pause: events.pause,
        },
        signal,
      );
    };
    const done = work()
      .catch((error: unknown) => log.error({ err: error, destination: id }, 'a delivery of security events ended'))
      .finally(() => running.delete(id));
    running.set(id, { revision, stopping: own, done });
  }

  function roomLeft(): number {
    let room = SPOOLS_BYTES;
    for (const spool of spools.values()) room -= spool.bytes();
    return room;
  }

  async function end(id: string): Promise<void> {
    const delivery = running.get(id);
    delivery?.stopping.abort();
    await delivery?.done;
  }

  async function look(): Promise<void> {
    const all = await transactions.readAcross((reader) => listSubscriptions(reader, mostDestinations + MOST_TOLD));
    const subscriptions = all.slice(0, mostDestinations);
    const wanted = new Map(subscriptions.filter(({ enabled }) => enabled).map((one) => [one.id, one]));
    for (const [id, { revision }] of [...running]) {
      if (wanted.get(id)?.revision === revision) continue;
      await end(id);
      if (wanted.has(id)) continue;
      await locks.release(id);
      // Switched off it may go on some day; removed it will not.
      if (all.some((one) => one.id === id)) continue;
      await rm(join(spoolFolder, id), { recursive: true, force: true });
      spools.delete(id);
    }
    for (const subscription of wanted.values()) {
      if (stopping.signal.aborted) return;
      const isOurs = await locks.hold(subscription.id);
      if (isOurs && !running.has(subscription.id)) begin(subscription);
    }
    const now = clock.now();
    if (now - countedAt < COUNT_EVERY_MS) return;
    countedAt = now;
    await count(
      subscriptions.filter(({ id }) => running.has(id)),
      now,
    );
    await refuse(all.slice(mostDestinations).filter(({ enabled }) => enabled));
  }

  /** Nobody waits in silence for events that will not come. */
  async function refuse(unserved: readonly Subscription[]): Promise<void> {
    if (unserved.length === 0) return;
    log.error({ mostDestinations }, 'there are more destinations of security events than are served');
    const at = clock.date();
    const text = `not served: an instance delivers to its first ${mostDestinations} destinations`;
    const failure = { text, at, nextAttemptAt: new Date(at.getTime() + COUNT_EVERY_MS) };
    for (const one of unserved) {
      const { settledPosition, sentPosition } = one;
      await transactions.unaudited(null, 'siem_progress', (tx) =>
        recordProgress(tx, one, { settledPosition, sentPosition, failure }),
      );
    }
  }

  async function count(ours: readonly Subscription[], now: number): Promise<void> {
    lag = await transactions.readAcross(async (reader) => {
      const counted: typeof lag = [];
      for (const one of ours) {
        const behind = await countBehind(reader, one, one.sentPosition, MOST_COUNTED);
        const seconds = behind.since === null ? 0 : Math.max(0, now - behind.since.getTime()) / 1000;
        counted.push({ destination: one.id, events: behind.events, seconds });
      }
      return counted;
    });
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await look();
      } catch (error) {
        if (!stopping.signal.aborted)
          log.warn({ err: error }, 'deliveries of security events could not be looked after');
      }
      await changes.pause(LOOK_EVERY_MS, stopping.signal);
    }
  }

  return {
    start() {
      watching ??= watch();
    },
    changed: () => notices.publish(NOTICE, {}),
    async stop() {
      stopping.abort();
      await watching;
      await Promise.all([...running.values()].map(({ done }) => done));
      await locks.close();
    },
  };
}
