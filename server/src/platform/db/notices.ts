import pg from 'pg';
import type { DatabaseLog } from './database-log.ts';

/**
 * Short messages between servers on one database (LISTEN/NOTIFY). They are hints to drop a cached answer, never the truth: whoever
 * listens must also expire by time, and `onGap` tells when messages may have been missed.
 */
export interface Notices {
  publish(topic: string, body: unknown): Promise<void>;
  onNotice(topic: string, listener: (body: unknown) => void): void;
  /** The listening connection was lost and is back: anything may have been said meanwhile. */
  onGap(listener: () => void): void;
  close(): Promise<void>;
}

const CHANNEL = 'valtronics';
const MAX_BYTES = 7_000;
const RETRY_MS = 1_000;

export async function openNotices(connection: pg.ClientConfig, pool: pg.Pool, log: DatabaseLog): Promise<Notices> {
  const listeners = new Map<string, ((body: unknown) => void)[]>();
  const gapListeners: (() => void)[] = [];
  let client: pg.Client | undefined;
  let closed = false;
  let retry: NodeJS.Timeout | undefined;

  function deliver(payload: string | undefined): void {
    try {
      const { topic, body } = JSON.parse(payload ?? '') as { topic: string; body: unknown };
      for (const listener of listeners.get(topic) ?? []) listener(body);
    } catch (error) {
      log.warn({ err: error }, 'a notice could not be read');
    }
  }

  async function listen(): Promise<void> {
    const next = new pg.Client({ ...connection, connectionTimeoutMillis: 5_000, keepAlive: true });
    next.on('notification', (notice) => deliver(notice.payload));
    next.on('error', () => undefined);
    next.on('end', () => {
      if (closed || client !== next) return;
      client = undefined;
      retry = setTimeout(relisten, RETRY_MS);
    });
    await next.connect();
    await next.query(`listen ${CHANNEL}`);
    client = next;
  }

  async function relisten(): Promise<void> {
    try {
      await listen();
      for (const listener of gapListeners) listener();
    } catch {
      if (!closed) retry = setTimeout(relisten, RETRY_MS);
    }
  }

  await listen();
  return {
    async publish(topic, body) {
      const payload = JSON.stringify({ topic, body });
      if (Buffer.byteLength(payload) > MAX_BYTES) throw new RangeError('a notice is a short message');
      await pool.query('select pg_notify($1, $2)', [CHANNEL, payload]);
    },
    onNotice(topic, listener) {
      listeners.set(topic, [...(listeners.get(topic) ?? []), listener]);
    },
    onGap(listener) {
      gapListeners.push(listener);
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      await client?.end();
    },
  };
}
