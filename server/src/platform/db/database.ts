import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { DatabaseLog } from './database-log.ts';
import { assertDurable } from './durability.ts';
import { type DatabaseCredentials, type DatabaseRole, roleName } from './roles.ts';
import { assertServerVersion } from './server-version.ts';
import { typeParsers } from './type-parsers.ts';

export interface DatabaseConfig {
  /** Host, port, TLS and database name. User and password come from the credentials. */
  connection: pg.ClientConfig;
  credentials: Pick<DatabaseCredentials, 'server' | 'ingest' | 'maintenance'>;
  log: DatabaseLog;
  poolSizes?: Partial<Record<ServingRole, number>>;
}

type ServingRole = Exclude<DatabaseRole, 'owner'>;

export interface Database {
  /** Every request, under row-level security. */
  server: pg.Pool;
  /** COPY into day partitions and journal rows. */
  ingest: pg.Pool;
  /** Jobs across organisations; never on the path of a request. */
  maintenance: pg.Pool;
  /**
   * As `server`, for what somebody needs who has a transaction open already: were it of the same pool, all could hold one connection and wait for
   * another. Nothing that is done with it may wait for a connection or a row of somebody else.
   */
  inner: pg.Pool;
  /** Whether it answers right now. */
  isReachable(): Promise<boolean>;
  close(): Promise<void>;
}

// Together with migrations and an administrator well below the embedded server's max_connections of 60. A request holds a
// connection for a few statements only, so more would queue inside PostgreSQL instead of here.
const POOL_SIZES: Record<ServingRole, number> = { server: 20, ingest: 4, maintenance: 6 };
const INNER_CONNECTIONS = 2;
const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 60_000;
// A session's cached plans and catalogue entries grow; an hour bounds that.
const MAX_LIFETIME_SECONDS = 3_600;
const REACHABLE_TIMEOUT_MS = 2_000;
const CLOSE_TIMEOUT_MS = 10_000;
/** Statements a connection keeps prepared; what comes after is sent as text. */
const MOST_PREPARED = 50;

/** Opens the pools after checking the server's version and durability once. */
export async function connectDatabase(config: DatabaseConfig): Promise<Database> {
  const pools = {
    server: openPool('server', config),
    ingest: openPool('ingest', config),
    maintenance: openPool('maintenance', config),
    inner: openPool('server', { ...config, poolSizes: { server: INNER_CONNECTIONS } }),
  };
  // One of its own: whether the database answers must not depend on whether a pool is busy.
  const health = openPool('server', { ...config, poolSizes: { server: 1 } });
  const close = async () => {
    const ended = Promise.all([...Object.values(pools), health].map((pool) => pool.end()));
    // end() waits for whoever still holds a connection; a stop must not wait for ever.
    await withinTime(ended, CLOSE_TIMEOUT_MS);
  };
  try {
    const client = await pools.server.connect();
    try {
      await assertServerVersion(client);
      await assertDurable(client);
    } finally {
      client.release();
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { ...pools, close, isReachable: () => isReachable(health) };
}

function openPool(role: ServingRole, { connection, credentials, log, poolSizes }: DatabaseConfig): pg.Pool {
  const pool = new pg.Pool({
    ...connection,
    ...connectionAs(role, credentials[role]),
    max: poolSizes?.[role] ?? POOL_SIZES[role],
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    maxLifetimeSeconds: MAX_LIFETIME_SECONDS,
    keepAlive: true,
    types: typeParsers,
    // Statement and idle timeouts are set on the role, where a client cannot forget them. No query_timeout: it crashes the
    // process in the middle of a COPY; whoever copies destroys the socket by a timer of its own.
  });
  // Without listeners the process would die with PostgreSQL: idle connections report to the pool, busy ones to themselves.
  pool.on('error', (error) => log.warn({ err: error, role }, 'an idle database connection was lost'));
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** User, password and name of a connection of this role. */
export function connectionAs(role: DatabaseRole, password: string): pg.ClientConfig {
  return { user: roleName(role), password, application_name: `valtronics ${role}` };
}

/**
 * A query builder over a pool for a few statements that are asked all the time: each is parsed and planned once a connection. `DB`
 * describes the tables. The name is made of the text, so one name never stands for two statements.
 */
export function preparedQueriesOn<DB>(pool: pg.Pool): Kysely<DB> {
  const nameOf = statementNames();
  async function connect() {
    const client = await pool.connect();
    const query = (text: string, values: unknown[]) => client.query({ name: nameOf(text), text, values });
    return { query, release: () => client.release() };
  }
  const prepared = { connect, end: async () => {} };
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool: prepared as unknown as pg.Pool }) });
}

/** Names made of the texts, for so many of them: whatever comes after is not prepared. */
function statementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    if (!names.has(text) && names.size < MOST_PREPARED) names.set(text, hash('sha256', text, 'base64url'));
    return names.get(text);
  };
}

/** A query builder inside one transaction: every query goes to this client. Cheap; make one per transaction. */
export function queriesIn<DB>(client: pg.PoolClient): Kysely<DB> {
  const query = (text: unknown, values: unknown[]) => client.query(text as string, values);
  const borrowed = { query, release: () => {} };
  const pool = { connect: async () => borrowed, end: async () => {} };
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool: pool as unknown as pg.Pool }) });
}

async function isReachable(pool: pg.Pool): Promise<boolean> {
  const answer = pool.query('select 1').then(
    () => true,
    () => false,
  );
  return (await withinTime(answer, REACHABLE_TIMEOUT_MS)) ?? false;
}

async function withinTime<T>(work: Promise<T>, milliseconds: number): Promise<T | undefined> {
  const late = new AbortController();
  try {
    return await Promise.race([work, delay(milliseconds, undefined, { signal: late.signal, ref: false })]);
  } finally {
    late.abort();
  }
}
