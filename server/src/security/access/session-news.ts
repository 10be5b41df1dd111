import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis, RedisAnswer } from '../../platform/redis/redis.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { SessionRow } from './session.repository.ts';
import { createSessionLog, type SessionLog } from './session-log.ts';
import { readSessionChanges, usedSessionCaches, useSessionCache } from './session-news.repository.ts';

/** Whether what Redis holds may be believed at this moment. The argument is in docs/decisions/0005. */
export interface SessionNews {
  /** Under what names things stand in Redis, while it may be asked. */
  belief(): Belief | undefined;
  /** Whether an answer of Redis, head included, still holds for this row; if not, news are fetched at once. */
  confirms(belief: Belief, answer: RedisAnswer, head: string | null): boolean;
  isCurrent(row: SessionRow): boolean;
  stop(): Promise<void>;
}

export interface Belief {
  readonly namespace: string;
  readonly headKey: string;
}

export interface SessionSpread {
  /** After the commit of a change: when it resolves, no server believes Redis about what was true before. */
  changed(): Promise<void>;
}

interface Moment {
  readonly ticks: number;
  readonly wall: number;
}
interface Usage {
  readonly place: string;
  readonly namespace: string;
  readonly at: Moment;
}
interface Known extends Belief {
  readonly head: string;
  readonly connection: number;
  readonly asOf: Moment;
}

/** How often each server asks for news of changes. */
const EVERY_MS = 150;
/** How long news are good for. A change that cannot be spread through Redis waits a little longer than that. */
const BELIEVED_MS = 500;
const WAIT_MS = 550;
/** A place in use is renewed every minute, believed for two, and taken to be in use for three (`session-news.repository.ts`). */
const RENEW_MS = 60_000;
const USED_MS = 120_000;
/** Longer than an entry lives, so that no entry is refused only because nobody remembers. */
const REMEMBERED_MS = 90_000;
/** Changes are kept in the database for an hour. */
const MAX_GAP_MS = 600_000;
const MAX_CHANGES = 5_000;
const AGAIN_MS = 20;
const HEAD_TTL_MS = 3_600_000;
const MARKER_KEY = 'valtronics:marker';
const MARKER_TTL_MS = 365 * 86_400_000;
const MAX_MARKER_LENGTH = 40;

const moment = (): Moment => ({ ticks: performance.now(), wall: Date.now() });
/** By whichever clock says more: one stands still while the machine sleeps, the other may be set back. */
const since = ({ ticks, wall }: Moment): number => Math.max(performance.now() - ticks, Date.now() - wall);
const headKeyOf = (namespace: string): string => `valtronics:${namespace}:head`;

/** For a server without Redis: others may have one. */
export function createDistantSpread(transactions: Pick<Transactions, 'lookUp'>): SessionSpread {
  return { changed: () => spread(transactions, async () => undefined) };
}

/** `through`: takes away the head of the place it returns; undefined when that is not certain to have happened. */
async function spread(
  transactions: Pick<Transactions, 'lookUp'>,
  through: () => Promise<string | undefined>,
): Promise<void> {
  const reached = await through();
  // The change is committed, so whatever goes wrong here must not look like a failure of it.
  const used = await transactions.lookUp(usedSessionCaches).catch(() => undefined);
  if (used?.every((place) => place === reached) !== true) await delay(WAIT_MS);
}

/**
 * `transactions` should be on a connection of its own for what is read: news that queue behind requests would come too late just when
 * Redis is needed most.
 */
export function openSessionNews(deps: {
  redis: Redis;
  /** A pseudonym of where that Redis is, as far as its address tells. */
  address: string;
  transactions: Pick<Transactions, 'lookUp' | 'unaudited'>;
}): SessionNews & SessionSpread {
  const { redis, address, transactions } = deps;
  let log: SessionLog = createSessionLog();
  let logConnection: number | undefined;
  let lastNews = moment();
  let lastTurn = moment();
  let usage: Usage | undefined;
  let renewal: Promise<void> | undefined;
  let known: Known | undefined;
  let isStopped = false;
  let isWanted = false;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const valid = (use: Usage | undefined): use is Usage => use !== undefined && since(use.at) < USED_MS;

  /** Read by everybody who changes something, also where there is no Redis, so that they know whom to wait for. */
  function renew(place: string): Promise<void> {
    const at = moment();
    renewal ??= transactions
      .unaudited(null, 'session_cache', (tx) => useSessionCache(tx, place, randomUUID()))
      .then((namespace) => {
        usage = { place, namespace, at };
      })
      .finally(() => {
        renewal = undefined;
      });
    return renewal;
  }

  async function namespaceAt(place: string): Promise<string> {
    if (!valid(usage) || usage.place !== place) await renew(place);
    else if (since(usage.at) > RENEW_MS) void renew(place).catch(() => {});
    if (!valid(usage) || usage.place !== place) throw new Error('the place of the sessions could not be claimed');
    return usage.namespace;
  }

  /** The random value that stands in Redis under that key; one is put there if there is none. */
  async function valueAt(key: string, ttlMs: number): Promise<string | undefined> {
    const found = await redis.get([key]);
    if (found?.values[0] !== null) return found?.values[0];
    await redis.setIfAbsent(key, randomBytes(16).toString('base64url'), ttlMs);
    return (await redis.get([key]))?.values[0] ?? undefined;
  }

  /** The order is the argument: what is committed before its head is taken away is among the news read after the head was. */
  async function look(): Promise<void> {
    const asOf = moment();
    const connection = redis.connection();
    if (connection === undefined) return;
    // The same address may be another Redis on every machine, so a Redis also says which one it is.
    const marker = await valueAt(MARKER_KEY, MARKER_TTL_MS);
    if (marker === undefined) return;
    const namespace = await namespaceAt(`${address}:${marker.slice(0, MAX_MARKER_LENGTH)}`);
    const headKey = headKeyOf(namespace);
    const head = await valueAt(headKey, HEAD_TTL_MS);
    if (connection !== logConnection || since(lastNews) > MAX_GAP_MS) startLog(connection);
    const news = await transactions.lookUp((reader) => readSessionChanges(reader, log.since, MAX_CHANGES));
    if (log.era !== undefined && log.era !== news.era) return startLog(undefined);
    log.add(news, news.changes.length < MAX_CHANGES);
    lastNews = asOf;
    if (since(lastTurn) > REMEMBERED_MS) {
      log.turn();
      lastTurn = moment();
    }
    known = head === undefined ? undefined : { namespace, headKey, head, connection, asOf };
  }

  function startLog(connection: number | undefined): void {
    known = undefined;
    log = createSessionLog();
    logConnection = connection;
  }

  async function run(): Promise<void> {
    clearTimeout(timer);
    do {
      isWanted = false;
      // Without news there is no belief, and whoever asks the database hears what is wrong with it.
      await look().catch(() => {});
      if (isWanted) await delay(AGAIN_MS);
    } while (isWanted && !isStopped);
    running = undefined;
    if (!isStopped) timer = setTimeout(lookSoon, EVERY_MS).unref();
  }

  function lookSoon(): void {
    isWanted = true;
    running ??= run();
  }

  const believed = (): Known | undefined =>
    known !== undefined && known.connection === redis.connection() && since(known.asOf) <= BELIEVED_MS && valid(usage)
      ? known
      : undefined;

  lookSoon();
  return {
    belief: believed,
    confirms(belief, answer, head) {
      const now = believed();
      if (now?.headKey === belief.headKey && now.connection === answer.connection && now.head === head) return true;
      lookSoon();
      return false;
    },
    isCurrent: (row) => log.isCurrent(row),
    changed: () =>
      spread(transactions, async () => {
        const use = usage;
        return valid(use) && (await redis.delete(headKeyOf(use.namespace))) && valid(use) ? use.place : undefined;
      }),
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
