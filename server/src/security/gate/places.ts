import { setTimeout as delay } from 'node:timers/promises';
import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Notices } from '../../platform/db/notices.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Principal } from '../access/principal.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { SecurityEvents, SecurityReport } from '../events/security-event.ts';
import { addressKey } from '../shield/client-address.ts';
import { moveTo, removeOldPlaces, type Sighting } from './place.repository.ts';
import { whoOf } from './reported-principal.ts';

/** Told of whoever comes through a door, and from where. */
export interface Places {
  /** Asked at every request, so it is a look into a map; nothing is waited for. */
  seen(principal: Principal, address: string, transport: SecurityReport['transport']): void;
}

export interface RunningPlaces extends Places {
  readonly job: Job;
  /** Writes down what was seen until now, unless the database keeps it waiting. */
  stop(): Promise<void>;
}

/** What was not used for so long has no place any more. */
const REMEMBERED_MS = 3_600_000;
/** After so long of use it is written again that it still is where it was; and what a server did not hear, it learns. */
const CONFIRMED_MS = 900_000;
const MOST_REMEMBERED = 100_000;
const MOST_WAITING = 20_000;
/** Of one credential within one writing: there and back again. */
const MOST_OF_ONE = 3;
const WRITTEN_AFTER_MS = 100;
const AFTER_A_FAULT_MS = 1_000;
const STOP_WITHIN_MS = 2_000;
const ROWS_AT_ONCE = 1_000;
const TOPIC = 'credentials_moved';
const NAMES_A_NOTICE = 100;

type Waiting = Sighting &
  Pick<SecurityReport, 'transport'> & { readonly principal: Principal; readonly address: string };

/**
 * From where each session and each credential of a device was used last, on whichever server. One that moves is reported; one that moves
 * there and back within minutes is used in two places at once, which is for detection to say.
 *
 * The table says where it was. A server remembers what it wrote, so only what is new to it is written: by and by, together, never on the path
 * of a request. When one moves the other servers are told to forget it, and ask the table at its next use. What the database does not take
 * is forgotten too, with the same effect. So memory only ever saves a look, and a restart, or a second server, changes nothing.
 */
export function createPlaces(deps: {
  transactions: Pick<Transactions, 'unaudited'>;
  notices: Pick<Notices, 'publish' | 'onNotice' | 'onGap'>;
  events: SecurityEvents;
  clock: Clock;
  log: Logger;
}): RunningPlaces {
  const { transactions, notices, events, clock, log } = deps;
  const last = boundedCache<{ address: string; readonly network: string }>(MOST_REMEMBERED, clock);
  let waiting = new Map<string, Waiting[]>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let fails = false;

  notices.onNotice(TOPIC, (body) => {
    for (const credential of (body as { credentials: readonly string[] }).credentials) last.delete(credential);
  });
  notices.onGap(last.clear);

  function plan(ms: number): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      void write();
    }, ms).unref();
  }

  /** One writing at a time, so that of one credential the first sighting is written first. */
  function write(): Promise<void> {
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
    return writing;
  }

  async function writeAll(): Promise<void> {
    while (waiting.size > 0) {
      const batch = takeFirst();
      try {
        await writeDown(batch);
        fails = false;
      } catch (error) {
        if (!fails) log.warn({ err: error }, 'from where credentials are used is not written down');
        fails = true;
        for (const { credential } of [...batch, ...[...waiting.values()].flat()]) last.delete(credential);
        waiting = new Map();
      }
    }
  }

  /** The first sighting of each; where there are more of one, they are written after it. */
  function takeFirst(): Waiting[] {
    const batch: Waiting[] = [];
    for (const [credential, sightings] of waiting) {
      if (batch.length >= ROWS_AT_ONCE) break;
      const first = sightings.shift();
      if (first) batch.push(first);
      if (sightings.length === 0) waiting.delete(credential);
    }
    return batch;
  }

  async function writeDown(batch: readonly Waiting[]): Promise<void> {
    const since = new Date(clock.now() - REMEMBERED_MS);
    const before = await transactions.unaudited(null, 'last_places', (tx) => moveTo(tx, batch, since));
    const moved: string[] = [];
    for (const sighting of batch) {
      const from = before.get(sighting.credential);
      // It is elsewhere by now.
      if (from === undefined) last.delete(sighting.credential);
      else if (from !== null && from !== sighting.network) {
        moved.push(sighting.credential);
        report(sighting, from);
      }
    }
    for (let n = 0; n < moved.length; n += NAMES_A_NOTICE)
      // Whoever does not hear of it learns it when it is confirmed.
      await notices.publish(TOPIC, { credentials: moved.slice(n, n + NAMES_A_NOTICE) }).catch(() => undefined);
  }

  function report({ principal, address, transport, credential, network }: Waiting, from: string): void {
    events.report({
      action: principal.kind === 'device' ? 'device.moved' : 'session.moved',
      outcome: 'success',
      level: 'warning',
      transport,
      address,
      ...whoOf(principal),
      details: { from, to: network, credential },
    });
  }

  return {
    seen(principal, address, transport) {
      const credential = nameOf(principal);
      if (credential === undefined) return;
      const before = last.get(credential);
      if (before?.address === address) return;
      const network = networkAround(address);
      if (before?.network === network) {
        before.address = address;
        return;
      }
      last.set(credential, { address, network }, clock.now() + CONFIRMED_MS);
      const sightings = waiting.get(credential) ?? [];
      if (sightings.length === 0 && waiting.size >= MOST_WAITING) return last.delete(credential);
      const sighting = { credential, network, at: clock.date(), principal, address, transport };
      if (sightings.length >= MOST_OF_ONE) sightings.pop();
      waiting.set(credential, [...sightings, sighting]);
      plan(fails ? AFTER_A_FAULT_MS : WRITTEN_AFTER_MS);
    },

    job: {
      name: 'places.retention',
      everySeconds: 600,
      async run(signal) {
        const run = () =>
          transactions.unaudited(null, 'housekeeping', (tx) =>
            removeOldPlaces(tx, new Date(clock.now() - REMEMBERED_MS), ROWS_AT_ONCE),
          );
        while ((await run()) >= ROWS_AT_ONCE && !signal.aborted);
      },
    },

    async stop() {
      clearTimeout(timer);
      await Promise.race([write(), delay(STOP_WITHIN_MS, undefined, { ref: false })]);
    },
  };
}

/** A /24 of IPv4, a /64 of IPv6: within one, an address changes without anybody having moved. */
function networkAround(address: string): string {
  const key = addressKey(address);
  return key.includes(':') ? key : `${key.split('.').slice(0, 3).join('.')}.0/24`;
}

function nameOf(principal: Principal): string | undefined {
  if (principal.kind === 'user') return `session:${principal.sessionId}`;
  return principal.kind === 'device' ? `credential:${principal.credentialId}` : undefined;
}
