import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { connectionAs } from '../../server/src/platform/db/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../server/src/platform/db/embedded.ts';
import { migrate } from '../../server/src/platform/db/migrate.ts';
import { processStart } from '../../server/src/platform/db/process-table.ts';
import { provision } from '../../server/src/platform/db/provision.ts';
import type { DatabaseCredentials } from '../../server/src/platform/db/roles.ts';
import { databaseFolderBase, newDatabaseFolder } from './database-folders.ts';
import { secretsInFolder } from './secret-sieve.ts';

// One embedded PostgreSQL for the whole run and one template with all migrations applied; each test file clones it (database.ts).

export interface TestCluster {
  socketDir: string;
  port: number;
  adminUser: string;
  adminPassword: string;
  credentials: DatabaseCredentials;
}

declare module 'vitest' {
  interface ProvidedContext {
    testCluster: TestCluster;
  }
}

export const TEMPLATE_DATABASE = 'valtronics_template';
const FOLDER_PREFIX = 'valtronics-test-run-';
const MIGRATIONS = join(import.meta.dirname, '../../server/migrations');

const quiet = { info() {}, warn() {}, error: (fields: object, message: string) => console.error(message, fields) };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await clearAfterKilledRuns();
  const dataDir = newDatabaseFolder(FOLDER_PREFIX);
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log: quiet,
    // Many pools on one server, and no more log than memory has room for.
    settings: { max_connections: '200', shared_buffers: '128MB', max_wal_size: '512MB' },
  });
  try {
    const credentials = await makeTemplate(postgres);
    const admin = postgres.adminConnection();
    project.provide('testCluster', {
      socketDir: postgres.socketDir,
      port: postgres.port,
      adminUser: admin.user ?? '',
      adminPassword: String(admin.password),
      credentials,
    });
  } catch (error) {
    await remove(postgres, dataDir);
    throw error;
  }
  return async () => {
    // In order, so that what it held in memory is in its files: those of databases that are gone have left their log behind.
    await postgres.stop();
    const leaks = await secretsInFolder(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
    if (leaks.length > 0) throw new Error(`secrets lay in the files of the database: ${leaks.join(', ')}`);
  };
}

/** All migrations applied, for clones to be made of. */
export async function makeTemplate({
  adminConnection,
}: Pick<EmbeddedPostgres, 'adminConnection'>): Promise<DatabaseCredentials> {
  const { credentials } = await provision({
    adminConnection,
    database: TEMPLATE_DATABASE,
    store: { read: async () => undefined, write: async () => {} },
  });
  await migrate({ ...adminConnection(TEMPLATE_DATABASE), ...connectionAs('owner', credentials.owner) }, MIGRATIONS);
  const client = new pg.Client(adminConnection());
  await client.connect();
  // Nobody connects to it any more: CREATE DATABASE refuses a template that is in use.
  await client.query(`alter database ${TEMPLATE_DATABASE} with is_template true allow_connections false`);
  await client.end();
  return credentials;
}

async function remove(postgres: EmbeddedPostgres, dataDir: string): Promise<void> {
  await postgres.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

// A run that was killed left its database running. Its lock names who held it; if that process is gone, so may be the folder:
// a start and a stop end whatever survived in it.
async function clearAfterKilledRuns(): Promise<void> {
  const bases = [...new Set([databaseFolderBase(), tmpdir()])];
  const folders = bases.flatMap((base) => readdirSync(base).map((name) => join(base, name)));
  for (const dataDir of folders.filter((folder) => basename(folder).startsWith(FOLDER_PREFIX))) {
    const lock = join(dataDir, 'server.lock');
    try {
      if (!existsSync(lock)) continue; // being set up or removed by a run beside us
      const { pid, start } = JSON.parse(readFileSync(lock, 'utf8')) as { pid: number; start: string };
      if (processStart(pid) === start) continue;
      await (await startEmbeddedPostgres({ dataDir, log: quiet })).stop();
      rmSync(dataDir, { recursive: true, force: true });
    } catch (error) {
      console.error(`could not clear ${dataDir} of an earlier test run: ${String(error)}`);
    }
  }
}
