import type { DeviceStatus } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import {
  changeStatus,
  markSilent,
  noteCredentialsUsed,
  noteSeen,
  type StatusChange,
  type StatusIntent,
} from './presence.repository.ts';

export interface Presence {
  /** Something came from the device. On the hottest path: it only notes the time. */
  heard(device: { readonly deviceId: string; readonly credentialId: string }): void;
  /** The device says how it is. */
  said(deviceId: string, status: DeviceStatus): void;
  /** Its last connection ended; it may be back in a moment. */
  left(deviceId: string, how: 'goodbye' | 'connection lost' | 'last will'): void;
  /** One of its connections ended and others are open. */
  stays(deviceId: string): void;
  /** It no longer exists. */
  forget(deviceId: string): void;
  onChange(listener: (changes: readonly StatusChange[]) => void): void;
  /** Writes what is due; called by itself soon after anything happened. */
  flush(): Promise<void>;
  /** Ends the silence of who has said nothing for too long. Wall clock. */
  sweepSilent(): Promise<void>;
  /** Writes what is left. */
  stop(): Promise<void>;
}

interface Entry {
  seenAt: number;
  writtenAt: number;
  /** What is believed to be in the database; undefined before the first write. */
  online: boolean;
  intent: StatusIntent | undefined;
  leavesAt: number;
  leaveReason: string;
  leaveSaid: boolean;
  credentialId: string | undefined;
  credentialWrittenAt: number;
  /** When the debt of status changes is paid (see `mayChange`). */
  debtUntil: number;
}

const FLUSH_EVERY_MS = 500;
const SEEN_EVERY_MS = 1000;
const CREDENTIAL_EVERY_MS = 60_000;
const RETURN_WITHIN_MS = 3000;
const RETRY_MS = 2000;
const MAX_PER_TRANSACTION = 2000;
// A device that flaps, or floods us with its status, costs a few rows at first and then one each half minute; its latest word is never
// lost, only late.
const CHANGE_BURST = 6;
const CHANGE_EVERY_MS = 30_000;

/**
 * Who is there. What is heard is noted in memory and written in batches, so ten thousand messages a second cost two statements. What
 * was not written when the process dies is heard again soon, or its silence is noticed.
 */
export function createPresence(deps: {
  transactions: Pick<Transactions, 'unaudited'>;
  clock: Clock;
  log: Logger;
}): Presence {
  const { transactions, clock, log } = deps;
  const entries = new Map<string, Entry>();
  const active = new Set<string>();
  const listeners: ((changes: readonly StatusChange[]) => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();
  let stopped = false;

  function entryOf(deviceId: string): Entry {
    const known = entries.get(deviceId);
    if (known) return known;
    const made: Entry = {
      seenAt: 0,
      writtenAt: 0,
      online: false,
      intent: undefined,
      leavesAt: 0,
      leaveReason: '',
      leaveSaid: false,
      credentialId: undefined,
      credentialWrittenAt: 0,
      debtUntil: 0,
    };
    entries.set(deviceId, made);
    return made;
  }

  function touch(deviceId: string): void {
    active.add(deviceId);
    if (timer === undefined && !stopped) schedule(FLUSH_EVERY_MS);
  }

  function schedule(delayMs: number): void {
    timer = setTimeout(() => {
      timer = undefined;
      void flush();
    }, delayMs);
    timer.unref();
  }

  function heard({ deviceId, credentialId }: { deviceId: string; credentialId: string }): void {
    const entry = entryOf(deviceId);
    const now = clock.now();
    entry.seenAt = now;
    entry.credentialId = credentialId;
    entry.leavesAt = 0;
    // Whatever said it had gone is out of date; what it said of itself otherwise is not.
    if (entry.intent ? entry.intent.status === 'offline' : !entry.online)
      entry.intent = { deviceId, status: 'online', reason: 'heard', at: new Date(now), saidByDevice: false };
    touch(deviceId);
  }

  function takeLeaving(deviceId: string, entry: Entry, now: number): void {
    if (entry.leavesAt === 0 || entry.leavesAt > now) return;
    const at = new Date(now);
    entry.intent = { deviceId, status: 'offline', reason: entry.leaveReason, at, saidByDevice: entry.leaveSaid };
    entry.leavesAt = 0;
  }

  function mayChange(entry: Entry, now: number): boolean {
    return entry.debtUntil - now <= (CHANGE_BURST - 1) * CHANGE_EVERY_MS;
  }

  function collect(now: number) {
    const seen: { deviceId: string; at: Date }[] = [];
    const credentials: { deviceId: string; id: string; at: Date }[] = [];
    const intents: StatusIntent[] = [];
    const batch: string[] = [];
    for (const deviceId of active) {
      if (batch.length >= MAX_PER_TRANSACTION) break;
      const entry = entries.get(deviceId);
      if (!entry) continue;
      batch.push(deviceId);
      takeLeaving(deviceId, entry, now);
      const isDue = entry.seenAt > entry.writtenAt && (now - entry.writtenAt >= SEEN_EVERY_MS || stopped);
      if (isDue) seen.push({ deviceId, at: new Date(entry.seenAt) });
      if (entry.credentialId && entry.seenAt - entry.credentialWrittenAt >= CREDENTIAL_EVERY_MS)
        credentials.push({ deviceId, id: entry.credentialId, at: new Date(entry.seenAt) });
      if (entry.intent && (mayChange(entry, now) || stopped)) intents.push(entry.intent);
    }
    return { seen, credentials, intents, batch };
  }

  async function write(): Promise<void> {
    const now = clock.now();
    const { seen, credentials, intents, batch } = collect(now);
    const changes =
      seen.length + credentials.length + intents.length === 0
        ? []
        : await transactions.unaudited(null, 'device_presence', async (tx) => {
            await noteSeen(tx, seen);
            await noteCredentialsUsed(tx, credentials);
            return changeStatus(tx, intents);
          });
    for (const { deviceId, at } of seen) entryOf(deviceId).writtenAt = at.getTime();
    for (const { deviceId, at } of credentials) entryOf(deviceId).credentialWrittenAt = at.getTime();
    for (const intent of intents) {
      const entry = entries.get(intent.deviceId);
      if (!entry) continue;
      // Heard from, or told by the device to be something else: either way it needs no "online" from us.
      entry.online = intent.status !== 'offline';
      if (entry.intent === intent) entry.intent = undefined;
    }
    for (const { device } of changes) {
      const entry = entries.get(device.id);
      if (entry) entry.debtUntil = Math.max(entry.debtUntil, now) + CHANGE_EVERY_MS;
    }
    for (const deviceId of batch) settle(deviceId);
    tell(changes);
  }

  /** A device with nothing left to write is looked at again when it is heard again. */
  function settle(deviceId: string): void {
    active.delete(deviceId);
    const entry = entries.get(deviceId);
    const hasMore = entry && (entry.intent || entry.leavesAt > 0 || entry.seenAt > entry.writtenAt);
    // At the end of the row, so that a full batch does not keep the others waiting.
    if (hasMore) active.add(deviceId);
  }

  function tell(changes: readonly StatusChange[]): void {
    if (changes.length > 0) for (const listener of listeners) listener(changes);
  }

  function flush(): Promise<void> {
    flushing = flushing.then(write).then(
      () => {
        if (active.size > 0 && timer === undefined && !stopped) schedule(FLUSH_EVERY_MS);
      },
      (error: unknown) => {
        log.warn({ err: error }, 'what devices let us hear could not be noted; it is tried again');
        if (timer === undefined && !stopped) schedule(RETRY_MS);
      },
    );
    return flushing;
  }

  return {
    heard,
    said(deviceId, status) {
      const entry = entryOf(deviceId);
      entry.leavesAt = 0;
      const at = clock.date();
      entry.intent = { deviceId, status, reason: 'said by the device', at, saidByDevice: true };
      touch(deviceId);
    },
    left(deviceId, how) {
      const entry = entryOf(deviceId);
      entry.leaveReason = entry.leavesAt > 0 && entry.leaveSaid ? entry.leaveReason : how;
      entry.leaveSaid = how === 'last will' || (entry.leavesAt > 0 && entry.leaveSaid);
      entry.leavesAt = clock.now() + RETURN_WITHIN_MS;
      touch(deviceId);
    },
    stays(deviceId) {
      const entry = entries.get(deviceId);
      if (entry) entry.leavesAt = 0;
    },
    forget(deviceId) {
      entries.delete(deviceId);
      active.delete(deviceId);
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
    flush,
    async sweepSilent() {
      await flush();
      const changes = await transactions.unaudited(null, 'device_presence', (tx) =>
        markSilent(tx, clock.date(), MAX_PER_TRANSACTION),
      );
      for (const { device } of changes) {
        const entry = entries.get(device.id);
        if (entry) entry.online = false;
      }
      tell(changes);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      timer = undefined;
      await flush();
    },
  };
}
