// The thread that `ingest-thread.ts` starts: one ingest connection, and nothing else to do than to feed it.
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';
import { createIngestConnection, IngestConnectionLostError } from './ingest-connection.ts';

export type Order =
  | { readonly id: number; readonly kind: 'send'; readonly bytes: SharedArrayBuffer; readonly length: number }
  | { readonly id: number; readonly kind: 'query'; readonly text: string; readonly values: unknown[] }
  | { readonly id: number; readonly kind: 'close' };

/** An error loses its class between threads, so what decides about it travels as fields. */
export interface Failure {
  readonly kind: 'database' | 'lost' | 'other';
  readonly message: string;
  readonly code?: string | undefined;
  readonly constraint?: string | undefined;
}

export type Report =
  | { readonly id: number; readonly rows?: pg.QueryResultRow[] | undefined }
  | { readonly id: number; readonly failure: Failure };

const connection = createIngestConnection((workerData as { config: pg.ClientConfig }).config);
const port = parentPort;
if (!port) throw new Error('this file is the start of a thread');

port.on('message', (order: Order) => {
  carryOut(order).then(
    (rows) => port.postMessage({ id: order.id, rows } satisfies Report),
    (error: unknown) => port.postMessage({ id: order.id, failure: failureOf(error) } satisfies Report),
  );
});

async function carryOut(order: Order): Promise<pg.QueryResultRow[] | undefined> {
  if (order.kind === 'query') return connection.query(order.text, order.values);
  if (order.kind === 'send') await connection.send(Buffer.from(order.bytes, 0, order.length));
  else await connection.close();
  return undefined;
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof IngestConnectionLostError) {
    const { cause } = error;
    return { kind: 'lost', message: cause instanceof Error ? `${message}: ${cause.message}` : message };
  }
  if (!(error instanceof pg.DatabaseError)) return { kind: 'other', message };
  return { kind: 'database', message, code: error.code, constraint: error.constraint };
}
