import { graceSeconds } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { isId } from '../../lib/ids.ts';
import { Problem } from '../../lib/problem.ts';
import type { Notices } from '../../platform/db/notices.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Principal } from '../access/principal.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { AllowList } from './allow-list.ts';
import { type BlockRow, findBlockInForce, liftBlocks, listBlocksInForce } from './block.repository.ts';
import { createHeldBlocks } from './held-blocks.ts';
import { networkOf, subjectOf } from './networks.ts';

export interface Blocks {
  /** The strictest block that holds for this address, at once from memory; undefined for whoever is exempt. */
  of(address: string): BlockRow | undefined;
  /** What holds for the person or the device itself, wherever they come from; of a key, for whoever answers for it. */
  ofPrincipal(principal: Principal): BlockRow | undefined;
  /** The same of a person who is about to be somebody here. */
  ofUser(userId: string): BlockRow | undefined;
  /** Trusted proxies (everybody comes from there) and the allow-list: never blocked, whatever the rows say. */
  isExempt(address: string): boolean;
  /** Bans of addresses and networks in which nobody is exempt: what a firewall may drop unseen. */
  bans(): BlockRow[];
  /** After a row is committed: here at once, on the other servers within a second. */
  announce(block: BlockRow): Promise<void>;
  /** After rows are lifted: the same. */
  announceLifted(blocks: readonly BlockRow[]): Promise<void>;
  /** Told of each block when it begins to hold on this server, so that open connections end. Must return at once. */
  onImposed(listener: (block: BlockRow) => void): void;
  /** Told when what is held may have changed. Must return at once. */
  onChanged(listener: () => void): void;
  /** Those in force, by the database; at most 1,000. */
  list(): Promise<BlockRow[]>;
  /** Ends the blocks of this id or value, on every server; a Problem when there is none. What led to them is forgiven. */
  lift(which: string, by: AuditActor): Promise<BlockRow[]>;
  close(): void;
}

const TOPIC = 'blocked';
const MOST_LISTED = 1_000;
/** What is not held is still refused before a secret is looked at: the database is asked there. */
const MOST_HELD = 100_000;
const RETRY_MS = 1_000;
/** The net under the notices: a server that ended between a commit and its notice delays the others by so long. */
const RELOAD_EVERY_MS = 30_000;

/**
 * Blocks are rows first; each server holds those in force in memory, since the gate asks at every call. Notices keep servers together
 * within a second; when some may have been missed, everything is read again. While the database is away, what is held stays in force.
 */
export async function openBlocks(deps: {
  transactions: Transactions;
  notices: Notices;
  allowList: AllowList;
  clock: Clock;
  log: Logger;
}): Promise<Blocks> {
  const { transactions, notices, allowList, clock, log } = deps;
  const imposed: ((block: BlockRow) => void)[] = [];
  const changed: (() => void)[] = [];
  let held = createHeldBlocks({ clock, most: MOST_HELD });
  let closed = false;
  /** What was said while everything was being read: the reading may be older. */
  let saidMeanwhile: Set<string> | undefined;
  /** The blocks whose row is being read, and whether more was said of it since. */
  const stale = new Map<string, boolean>();
  let reading: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;

  function tellChanged(): void {
    for (const listener of changed) listener();
  }
  function tellImposed(block: BlockRow): void {
    for (const listener of imposed) listener(block);
  }
  function said(id: string): void {
    saidMeanwhile?.add(id);
    if (stale.has(id)) stale.set(id, true);
  }
  function hold(block: BlockRow): void {
    said(block.id);
    const isNew = !held.has(block.id);
    if (!held.add(block)) return;
    if (isNew) tellImposed(block);
    tellChanged();
  }
  function drop(id: string): void {
    said(id);
    held.remove(id);
    tellChanged();
  }

  async function readAll(): Promise<void> {
    saidMeanwhile = new Set();
    const rows = await transactions.readAcross((reader) => listBlocksInForce(reader, clock.date(), MOST_HELD));
    const before = held;
    held = createHeldBlocks({ clock, most: MOST_HELD });
    for (const row of rows) held.add(row);
    const doubtful = saidMeanwhile;
    saidMeanwhile = undefined;
    // What was said is newer than what was read; and so that nobody slips through, it holds until the row has said so too.
    for (const id of doubtful) held.remove(id);
    if (doubtful.size > 0) for (const block of before.all()) if (doubtful.has(block.id)) held.add(block);
    for (const row of rows) if (held.has(row.id) && !before.has(row.id)) tellImposed(row);
    tellChanged();
    for (const id of doubtful) await look(id);
  }
  /** One reading at a time, or the older one would stand at the end. Who asks meanwhile shares the next, which begins late enough for all. */
  function load(): Promise<void> {
    next ??= reading.then(() => {
      next = undefined;
      const read = readAll();
      reading = read.catch(() => undefined);
      return read;
    });
    return next;
  }
  async function loadAgain(): Promise<void> {
    if (closed) return;
    try {
      await load();
    } catch (error) {
      log.warn({ err: error }, 'the blocks in force could not be read');
      setTimeout(loadAgain, RETRY_MS).unref();
    }
  }
  /** The row is the truth, the notice only says which. What was read before something newer was said is read again. */
  async function look(id: string): Promise<void> {
    saidMeanwhile?.add(id);
    if (stale.has(id)) {
      stale.set(id, true);
      return;
    }
    try {
      let block: BlockRow | undefined;
      do {
        stale.set(id, false);
        block = await transactions.readAcross((reader) => findBlockInForce(reader, id, clock.date()));
      } while (stale.get(id));
      if (block) hold(block);
      else drop(id);
    } catch (error) {
      log.warn({ err: error }, 'a block could not be read');
      setTimeout(loadAgain, RETRY_MS).unref();
    } finally {
      stale.delete(id);
    }
  }
  async function tell(id: string): Promise<void> {
    try {
      await notices.publish(TOPIC, { id });
    } catch (error) {
      // It holds here, and on the others at the latest when they read everything again.
      log.warn({ err: error }, 'a block could not be told to the other servers');
    }
  }

  // Listening first, so that nothing falls between the two.
  notices.onNotice(TOPIC, (body) => {
    const { id } = body as { id?: unknown };
    if (isId(id)) void look(id);
  });
  notices.onGap(() => void loadAgain());
  allowList.onChanged(tellChanged);
  await load();
  const net = setInterval(() => void allowList.reload().then(loadAgain), RELOAD_EVERY_MS).unref();

  async function announceLifted(lifted: readonly BlockRow[]): Promise<void> {
    for (const { id } of lifted) drop(id);
    for (const { id } of lifted) await tell(id);
  }

  return {
    isExempt: allowList.contains,
    of(address) {
      if (held.size === 0) return undefined;
      const block = held.ofAddress(address);
      return block && !allowList.contains(address) ? block : undefined;
    },
    ofUser: (userId) => (held.size === 0 ? undefined : held.of('user', userId)),
    ofPrincipal(principal) {
      if (held.size === 0) return undefined;
      if (principal.kind === 'device') return held.of('device', principal.deviceId);
      if (principal.kind === 'user') return held.of('user', principal.userId);
      if (principal.kind !== 'apiKey') return undefined;
      // A key is known to detections under its own name.
      const { keyId, userId, creator } = principal;
      return held.of('user', keyId) ?? held.of('user', userId) ?? held.of('user', creator.userId);
    },
    bans() {
      held.removeEnded();
      return held.all().filter((block) => {
        const network = block.kind === 'ban' ? networkOf(block.value) : undefined;
        return network !== undefined && allowList.exemptIn(network) === undefined;
      });
    },
    async announce(block) {
      hold(block);
      await tell(block.id);
    },
    announceLifted,
    onImposed: (listener) => {
      imposed.push(listener);
    },
    onChanged: (listener) => {
      changed.push(listener);
    },
    list: () => transactions.readAcross((reader) => listBlocksInForce(reader, clock.date(), MOST_LISTED)),
    async lift(which, by) {
      const key = isId(which) ? { id: which, value: which } : { id: null, value: blockedValue(which) };
      const lifting = {
        at: clock.date(),
        by: { id: by.id ?? by.kind, label: by.label },
        graceUntil: new Date(clock.now() + graceSeconds * 1_000),
      };
      const lifted = await transactions.system(
        { organisationId: null, actor: by, event: 'block.lifted' },
        async (tx) => {
          const rows = await liftBlocks(tx, key, lifting);
          const [first] = rows;
          if (!first) throw new Problem('not_found', { detail: `Nothing in force blocks ${which}.` });
          tx.describe({
            resource: { kind: 'block', id: first.id },
            details: { scope: first.scope, lifted: rows.length },
          });
          return rows;
        },
      );
      await announceLifted(lifted);
      return lifted;
    },
    close() {
      closed = true;
      clearInterval(net);
    },
  };
}

/** An address by its key, a network by its first address; what lists show is one already. */
const blockedValue = (text: string): string => subjectOf('ip', text) ?? subjectOf('range', text) ?? text;

/** Says until when and why, so that whoever is kept out can wait or ask. */
export function blockedProblem(
  block: Pick<BlockRow, 'scope' | 'kind' | 'expires_at' | 'reason'>,
  now: number,
): Problem {
  const why = `until ${block.expires_at.toISOString()}: ${block.reason}`;
  if (block.scope === 'user') return new Problem('blocked', { detail: `This account is blocked ${why}.` });
  if (block.scope === 'device') return new Problem('blocked', { detail: `This device is blocked ${why}.` });
  if (block.kind === 'ban') return new Problem('banned', { detail: `Nothing is taken from this address ${why}.` });
  return new Problem('address_blocked', {
    detail: `Nobody can sign in from this address ${why}. Sessions and devices that were let in before go on.`,
    retryAfterSeconds: (block.expires_at.getTime() - now) / 1000,
  });
}
