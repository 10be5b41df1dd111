import pg from 'pg';
import { typeParsers } from './type-parsers.ts';

const WITHIN_MS = 1_000;

/** One connection for what must not wait behind requests. Nothing copies on it, so a query may have a timeout of the driver's. */
export function openLonePool(connection: pg.ClientConfig): pg.Pool {
  const pool = new pg.Pool({
    ...connection,
    max: 1,
    connectionTimeoutMillis: WITHIN_MS,
    query_timeout: WITHIN_MS,
    keepAlive: true,
    allowExitOnIdle: true,
    types: typeParsers,
  });
  // Without listeners the process would die with PostgreSQL. Whoever asks next is told.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}
