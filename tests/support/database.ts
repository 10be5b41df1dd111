import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { connectDatabase, connectionAs, type Database } from '../../server/src/platform/db/database.ts';
import { closeToOthers } from '../../server/src/platform/db/provision.ts';
import type { DatabaseCredentials, DatabaseRole } from '../../server/src/platform/db/roles.ts';
import { TEMPLATE_DATABASE, type TestCluster } from './database-global-setup.ts';

export interface TestDatabase extends Database {
  /** Name of the clone. */
  name: string;
  /** Superuser, connected to the clone: sees past row-level security, for arranging and inspecting. */
  admin: pg.Client;
  credentials: DatabaseCredentials;
  /** How to connect to the clone, as a role or as the superuser. */
  connection(role: DatabaseRole | 'admin'): pg.ClientConfig;
  /** Closes the pools and removes the clone. Call it in afterAll. */
  drop(): Promise<void>;
}

export interface TestDatabaseOptions {
  /** An empty provisioned database instead of the migrated template. */
  empty?: boolean;
  poolSizes?: Parameters<typeof connectDatabase>[0]['poolSizes'];
  /** Another cluster than the one of the run, with a template in it: for tests that end it. */
  cluster?: TestCluster;
}

const quiet = { info() {}, warn() {}, error() {} };
const CONNECT_TIMEOUT_MS = 10_000;

/** A database of the caller's own with all migrations applied, cloned in a fraction of a second. One per test file is usual. */
export async function aDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { credentials, ...cluster } = options.cluster ?? inject('testCluster');
  const name = `test_${randomBytes(8).toString('hex')}`;
  const on = (database: string): pg.ClientConfig => ({
    host: cluster.socketDir,
    port: cluster.port,
    database,
    ssl: false,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  const asAdmin = { user: cluster.adminUser, password: cluster.adminPassword, application_name: 'test admin' };
  const template = options.empty ? 'template0' : TEMPLATE_DATABASE;
  await once({ ...on('postgres'), ...asAdmin }, `create database ${name} owner valtronics_owner template ${template}`);
  const admin = new pg.Client({ ...on(name), ...asAdmin });
  admin.on('error', () => {}); // reported by the query that was under way
  await admin.connect();
  await closeToOthers(admin, name);
  const database = await connectDatabase({
    connection: on(name),
    credentials,
    log: quiet,
    ...(options.poolSizes && { poolSizes: options.poolSizes }),
  });
  return {
    ...database,
    name,
    admin,
    credentials,
    connection: (role) => ({ ...on(name), ...(role === 'admin' ? asAdmin : connectionAs(role, credentials[role])) }),
    async drop() {
      await Promise.all([database.close(), admin.end()]);
      await once({ ...on('postgres'), ...asAdmin }, `drop database if exists ${name} with (force)`);
    },
  };
}

async function once(config: pg.ClientConfig, statement: string): Promise<void> {
  const client = new pg.Client(config);
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
