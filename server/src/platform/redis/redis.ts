import { createClient, ErrorReply } from '@redis/client';
import type { Secret } from '../config/secret.ts';
import type { Logger } from '../log/log.ts';
import { redisOptions } from './redis-options.ts';

/**
 * A store that may be away, slow, full or emptied at any moment: whoever uses it can do without. No call fails and none takes longer than
 * `WITHIN_MS`; undefined and false mean that it is not known what became of it.
 */
export interface Redis {
  /** Which connection this is, undefined while there is none. Across two of them what was stored may be gone, or be older again. */
  connection(): number | undefined;
  /** All asked at once, each answered by its first 8 KiB. */
  get(keys: readonly string[]): Promise<RedisAnswer | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<boolean>;
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean>;
  /** True once it is gone, whether or not it was there. */
  delete(key: string): Promise<boolean>;
  close(): void;
}

export interface RedisAnswer {
  readonly connection: number;
  /** In the order of the keys. */
  readonly values: readonly (string | null)[];
}

const WITHIN_MS = 100;
const CONNECT_WITHIN_MS = 1_000;
/** So many answers in a row that did not come in time, and it counts as away. */
const LATE_IN_A_ROW = 3;
const MAX_UNDER_WAY = 2_000;
const MAX_VALUE_LENGTH = 8_192;
const RETRY_MS = 250;
const MAX_RETRY_MS = 5_000;
/** A connection that held so long was a good one: the next attempt after it comes soon again. */
const STEADY_MS = 30_000;
const LATE = Symbol('late');

type Client = ReturnType<typeof newClient>;
interface Connection {
  readonly client: Client;
  readonly number: number;
  readonly since: number;
  late: number;
  hasRefused: boolean;
}

/** Returns at once and keeps trying to connect until it is closed; a line in the log tells when that changes anything. */
export function createRedis({ redisUrl, log }: { redisUrl: Secret; log: Logger }): Redis {
  // Once here, so that what is wrong with it ends the start; again for each connection, since the password may have been replaced.
  redisOptions(redisUrl, CONNECT_WITHIN_MS);
  let current: Connection | undefined;
  let connections = 0;
  let attempts = 0;
  let underWay = 0;
  let isClosed = false;
  let retry: NodeJS.Timeout | undefined;
  let told: 'there' | 'away' | undefined;

  function tell(state: 'there' | 'away', reason?: unknown): void {
    if (told === state || isClosed) return;
    told = state;
    if (state === 'there') log.info('Redis is connected');
    else log.warn({ err: reason }, 'Redis is away: the database answers in its place');
  }

  async function connect(): Promise<void> {
    attempts += 1;
    let client: Client;
    try {
      client = newClient(redisOptions(redisUrl, CONNECT_WITHIN_MS));
    } catch (error) {
      // A file of authorities is being replaced.
      tell('away', error);
      return connectLater();
    }
    // Before it is connected, `connect` rejects as well; there must be a listener all the same.
    client.on('error', (error: unknown) => leave(client, error));
    client.unref();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('Redis did not greet in time')), CONNECT_WITHIN_MS).unref();
    });
    try {
      await Promise.race([client.connect(), late]);
      if (isClosed) return client.destroy();
      connections += 1;
      current = { client, number: connections, since: performance.now(), late: 0, hasRefused: false };
      tell('there');
    } catch (error) {
      client.destroy();
      tell('away', error);
      connectLater();
    } finally {
      clearTimeout(timer);
    }
  }

  function connectLater(): void {
    if (isClosed) return;
    const delay = Math.min(RETRY_MS * 2 ** Math.min(attempts, 10), MAX_RETRY_MS);
    retry = setTimeout(() => void connect(), delay).unref();
  }

  /** Whatever it may still answer is not waited for, and a new connection has a new number. */
  function leave(client: Client, reason: unknown): void {
    if (current?.client !== client) return;
    if (performance.now() - current.since > STEADY_MS) attempts = 0;
    current = undefined;
    client.destroy();
    tell('away', reason);
    connectLater();
  }

  async function ask<T>(
    command: (client: Client) => Promise<T>,
  ): Promise<{ value: T; connection: number } | undefined> {
    const asked = current;
    if (asked === undefined || underWay >= MAX_UNDER_WAY) return undefined;
    underWay += 1;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<typeof LATE>((resolve) => {
      // One turn more: after a pause of this process its timers come first, before answers that arrived long ago are read.
      timer = setTimeout(() => setImmediate(resolve, LATE), WITHIN_MS);
    });
    try {
      const value = await Promise.race([command(asked.client), late]);
      if (value === LATE) {
        asked.late += 1;
        if (asked.late >= LATE_IN_A_ROW) leave(asked.client, new Error('Redis answers too slowly'));
        return undefined;
      }
      asked.late = 0;
      return asked === current ? { value, connection: asked.number } : undefined;
    } catch (error) {
      if (error instanceof ErrorReply) refused(asked, error);
      return undefined;
    } finally {
      clearTimeout(timer);
      underWay -= 1;
    }
  }

  /** It answers, only not as we asked: full, loading, read-only, or not permitted. */
  function refused(asked: Connection, error: ErrorReply): void {
    asked.late = 0;
    // A replica takes no writes; what stands at this address now may be another server.
    if (error.message.startsWith('READONLY')) leave(asked.client, error);
    else if (!asked.hasRefused)
      log.warn({ err: error }, 'Redis refuses what it was asked; of this connection only the first is told');
    asked.hasRefused = true;
  }

  void connect();
  return {
    connection: () => current?.number,
    async get(keys) {
      // Of each only so much: whoever can write to Redis does not decide how much memory we need. What is absent reads as empty.
      const answer = await ask((client) =>
        Promise.all(keys.map((key) => client.getRange(key, 0, MAX_VALUE_LENGTH - 1))),
      );
      return answer && { connection: answer.connection, values: answer.value.map((value) => value || null) };
    },
    set: async (key, value, ttlMs) => (await ask((client) => client.set(key, value, { PX: ttlMs }))) !== undefined,
    setIfAbsent: async (key, value, ttlMs) =>
      (await ask((client) => client.set(key, value, { PX: ttlMs, NX: true }))) !== undefined,
    delete: async (key) => (await ask((client) => client.del(key))) !== undefined,
    close() {
      isClosed = true;
      clearTimeout(retry);
      current?.client.destroy();
      current = undefined;
    },
  };
}

function newClient(options: ReturnType<typeof redisOptions>) {
  return createClient({
    ...options,
    RESP: 2,
    // A command is for this connection or for none: none waits for the next one.
    disableOfflineQueue: true,
    commandsQueueMaxLength: 4 * MAX_UNDER_WAY,
    disableClientInfo: true,
    // What we talk to is what the setting says; no server sends us elsewhere.
    maintNotifications: 'disabled',
  });
}
