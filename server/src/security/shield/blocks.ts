import type { Clock } from '../../lib/clock.ts';
import { isId } from '../../lib/ids.ts';
import { Problem } from '../../lib/problem.ts';
import type { AddressList } from '../../platform/config/addresses.ts';
import type { Notices } from '../../platform/db/notices.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { type BlockRow, findBlockInForce, liftBlocks, listBlocksInForce } from './block.repository.ts';
import { addressKey } from './client-address.ts';

export interface Blocks {
  /** The block that holds for this address, at once from memory; undefined for whoever is exempt. */
  of(address: string): BlockRow | undefined;
  /** Trusted proxies (everybody comes from there) and the allow-list: never blocked, whatever the rows say. */
  isExempt(address: string): boolean;
  /** After the row is committed: here at once, on the other servers within a second. */
  announce(block: BlockRow): Promise<void>;
  /** Those in force, by the database; at most 1,000. */
  list(): Promise<BlockRow[]>;
  /** Ends the blocks of this id or address, on every server; a Problem when there is none. What led to them is forgiven. */
  lift(which: string, by: AuditActor): Promise<BlockRow[]>;
}

const TOPIC = 'blocked';
const MOST_LISTED = 1_000;
/** What is not held is still refused before a secret is looked at: the database is asked there. */
const MOST_HELD = 100_000;
const RETRY_MS = 1_000;

/**
 * Blocks are rows first; each server holds those in force in memory, since the gate asks at every call of a stranger. Notices keep
 * servers together within a second; when some may have been missed, everything is read again.
 */
export async function openBlocks(deps: {
  transactions: Transactions;
  notices: Notices;
  clock: Clock;
  exempt: readonly AddressList[];
  log: Logger;
}): Promise<Blocks> {
  const { transactions, notices, clock, exempt, log } = deps;
  let held = new Map<string, BlockRow>();

  function hold(block: BlockRow): void {
    if (block.scope !== 'ip') return;
    if (held.size >= MOST_HELD && !held.has(block.value)) forgetEnded();
    if (held.size < MOST_HELD || held.has(block.value)) held.set(block.value, block);
  }
  function forgetEnded(): void {
    const now = clock.now();
    for (const [value, { expires_at }] of held) if (expires_at.getTime() <= now) held.delete(value);
  }
  function drop(id: string): void {
    for (const [value, block] of held) if (block.id === id) held.delete(value);
  }

  async function load(): Promise<void> {
    const rows = await transactions.read(null, (reader) => listBlocksInForce(reader, clock.date(), MOST_HELD));
    held = new Map();
    for (const row of rows) hold(row);
  }
  async function loadAgain(): Promise<void> {
    try {
      await load();
    } catch (error) {
      log.warn({ err: error }, 'the blocks in force could not be read');
      setTimeout(loadAgain, RETRY_MS).unref();
    }
  }
  /** The row is the truth, the notice only says which. */
  async function look(id: string): Promise<void> {
    try {
      const block = await transactions.read(null, (reader) => findBlockInForce(reader, id, clock.date()));
      if (block) hold(block);
      else drop(id);
    } catch (error) {
      log.warn({ err: error }, 'a block could not be read');
      setTimeout(loadAgain, RETRY_MS).unref();
    }
  }
  async function tell(id: string): Promise<void> {
    try {
      await notices.publish(TOPIC, { id });
    } catch (error) {
      // It holds here, and on the others at the latest when they look at a secret for that address.
      log.warn({ err: error }, 'a block could not be told to the other servers');
    }
  }

  // Listening first, so that nothing falls between the two.
  notices.onNotice(TOPIC, (body) => {
    const { id } = body as { id?: unknown };
    if (isId(id)) void look(id);
  });
  notices.onGap(() => void loadAgain());
  await load();

  const isExempt = (address: string): boolean => exempt.some((list) => list.contains(address));

  return {
    isExempt,
    of(address) {
      if (held.size === 0) return undefined;
      const block = held.get(addressKey(address));
      if (!block || isExempt(address)) return undefined;
      if (block.expires_at.getTime() > clock.now()) return block;
      held.delete(block.value);
      return undefined;
    },
    async announce(block) {
      hold(block);
      await tell(block.id);
    },
    list: () => transactions.read(null, (reader) => listBlocksInForce(reader, clock.date(), MOST_LISTED)),
    async lift(which, by) {
      const key = isId(which) ? { id: which, value: null } : { id: null, value: blockedValue(which) };
      const lifted = await transactions.system(
        { organisationId: null, actor: by, event: 'block.lifted' },
        async (tx) => {
          const rows = await liftBlocks(tx, key, by.id ?? by.kind, clock.date());
          const [first] = rows;
          if (!first) throw new Problem('not_found', { detail: `Nothing in force blocks ${which}.` });
          tx.describe({
            resource: { kind: 'block', id: first.id },
            details: { scope: first.scope, lifted: rows.length },
          });
          return rows;
        },
      );
      for (const { id } of lifted) {
        drop(id);
        await tell(id);
      }
      return lifted;
    },
  };
}

/** An address by its key; a key, as lists show it, is one already. */
const blockedValue = (text: string): string => (text.includes('/') ? text : addressKey(text));

/** Says until when and why, so that whoever shares the address can wait or ask. */
export function blockedProblem(block: Pick<BlockRow, 'expires_at' | 'reason'>, now: number): Problem {
  return new Problem('address_blocked', {
    detail: `Nobody can sign in from this address until ${block.expires_at.toISOString()}: ${block.reason}. Sessions and devices that were let in before go on.`,
    retryAfterSeconds: (block.expires_at.getTime() - now) / 1000,
  });
}
