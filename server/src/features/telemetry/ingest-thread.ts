import { Worker } from 'node:worker_threads';
import pg from 'pg';
import { type IngestConnection, IngestConnectionLostError } from './ingest-connection.ts';
import type { Failure, Order, Report } from './ingest-worker.ts';

/** What a flush needs of a connection. */
export type FlushConnection = Pick<IngestConnection, 'send' | 'query' | 'close'>;

interface Waiting {
  resolve(rows: pg.QueryResultRow[] | undefined): void;
  reject(error: Error): void;
}

const worker = new URL('./ingest-worker.ts', import.meta.url);

/**
 * An ingest connection with a thread of its own. A UNIX socket holds some 200 KB and says that it has room again when it is three
 * quarters empty: PostgreSQL has worked that off in three milliseconds, and then stands still until the event loop comes round, which
 * under load is busy for longer with reading the next messages. A thread that does nothing else comes at once.
 *
 * `config` must be plain data, so verified TLS, which has functions, is not for here; TCP holds more anyway. Messages lie in shared
 * memory: they are written here and sent there, and are left alone until they are answered.
 */
export function createIngestThread(config: pg.ClientConfig): FlushConnection {
  const waiting = new Map<number, Waiting>();
  let thread: Worker | undefined;
  let lastId = 0;

  function running(): Worker {
    if (thread) return thread;
    const started = new Worker(worker, { name: 'ingest', workerData: { config } });
    started.on('message', settle);
    started.on('error', (error) => lose(started, error));
    started.on('exit', () => lose(started, undefined));
    thread = started;
    return started;
  }

  function settle(report: Report): void {
    const entry = waiting.get(report.id);
    waiting.delete(report.id);
    if ('failure' in report) entry?.reject(errorOf(report.failure));
    else entry?.resolve(report.rows);
  }

  /** Whether what was under way is committed is not known: as if PostgreSQL itself were gone. */
  function lose(lost: Worker, cause: unknown): void {
    if (thread !== lost) return;
    thread = undefined;
    for (const { reject } of waiting.values())
      reject(new IngestConnectionLostError('the thread of the connection ended', { cause }));
    waiting.clear();
  }

  function ask(order: DistributiveOmit<Order, 'id'>): Promise<pg.QueryResultRow[] | undefined> {
    lastId += 1;
    const id = lastId;
    const { promise, resolve, reject } = Promise.withResolvers<pg.QueryResultRow[] | undefined>();
    waiting.set(id, { resolve, reject });
    running().postMessage({ ...order, id });
    return promise;
  }

  return {
    async send(message) {
      const { buffer, byteOffset, length } = message;
      if (!(buffer instanceof SharedArrayBuffer) || byteOffset !== 0) throw new Error('not in shared memory');
      await ask({ kind: 'send', bytes: buffer, length });
    },
    async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      return ((await ask({ kind: 'query', text, values })) ?? []) as Row[];
    },
    async close() {
      const ending = thread;
      if (!ending) return;
      await ask({ kind: 'close' });
      thread = undefined;
      await ending.terminate();
    },
  };
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function errorOf({ kind, message, code, constraint }: Failure): Error {
  if (kind === 'lost') return new IngestConnectionLostError(message);
  if (kind === 'other') return new Error(message);
  const error = new pg.DatabaseError(message, message.length, 'error');
  return Object.assign(error, { code, constraint });
}
