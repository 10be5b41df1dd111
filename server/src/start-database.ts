import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import type { Config } from './platform/config/config.ts';
import { parseDatabaseUrl } from './platform/db/connection-policy.ts';
import { connectDatabase, connectionAs, type Database } from './platform/db/database.ts';
import { createSpaceGuard, type SpaceGuard } from './platform/db/disk-space.ts';
import { dropAbandonedDrill } from './platform/db/drill-place.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './platform/db/embedded.ts';
import { adminConnectionAt } from './platform/db/embedded-admin.ts';
import { provision } from './platform/db/provision.ts';
import { type CredentialStore, type DatabaseCredentials, readCredentials } from './platform/db/roles.ts';
import { runMigrations } from './platform/db/run-migrations.ts';
import { archiving } from './platform/db/wal-outbox.ts';
import type { Logger } from './platform/log/log.ts';
import { MOST_COPIES } from './security/audit/row-looks.ts';
import type { KeyRing } from './security/crypto/key-ring.ts';
import { sealedFile } from './security/crypto/sealed-file.ts';

export type AdminConnection = (database?: string) => pg.ClientConfig;

export interface RunningDatabase {
  readonly database: Database;
  /** For the ingest's own connection, the one that listens, and those that hold what one server at a time may. */
  connectionOf(role: 'server' | 'ingest' | 'maintenance'): pg.ClientConfig;
  readonly space: SpaceGuard;
  readonly isEmbedded: boolean;
  /** PGDATA of an embedded database that keeps its log until it is sent beside the backups. */
  readonly archivedFolder?: string | undefined;
  stop(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Below this the server refuses writes, long before PostgreSQL would panic for want of room for its log. */
const MINIMUM_FREE_BYTES = 512 * 1024 * 1024;

interface Located {
  readonly connection: pg.ClientConfig;
  readonly credentials: DatabaseCredentials;
  readonly embedded: EmbeddedPostgres | undefined;
}

/** Finds or starts the database, brings its schema up to date and opens the pools. */
export async function startDatabase(config: Config, keyRing: KeyRing, log: Logger): Promise<RunningDatabase> {
  const { connection, credentials, embedded } = await locate(config, keyRing, log);
  try {
    const result = await runMigrations({ ...connection, ...connectionAs('owner', credentials.owner) });
    if (result.applied.length > 0) log.info({ migrations: result.applied }, 'database schema brought up to date');
    const database = await connectDatabase({ connection, credentials, log });
    const space = createSpaceGuard({
      path: embedded?.dataFolder ?? config.dataDir,
      minimumFreeBytes: MINIMUM_FREE_BYTES,
      intervalMs: 2_000,
    });
    return {
      database,
      connectionOf: (role) => ({ ...connection, ...connectionAs(role, credentials[role]) }),
      space,
      isEmbedded: embedded !== undefined,
      archivedFolder: archivesLog(config) ? embedded?.dataFolder : undefined,
      async stop() {
        space.stop();
        await database.close();
        await embedded?.stop();
      },
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

/** `valtronics db migrate`: what every start does to the schema, and nothing else. */
export async function migrateDatabase(config: Config, keyRing: KeyRing, log: Logger): Promise<{ applied: string[] }> {
  const { connection, credentials, embedded } = await locate(config, keyRing, log);
  try {
    return { applied: (await runMigrations({ ...connection, ...connectionAs('owner', credentials.owner) })).applied };
  } finally {
    await embedded?.stop();
  }
}

/** Whether there is a place for the log of the embedded database, and somebody who can open it: nothing leaves the data folder in clear. */
export function archivesLog({ databaseUrl, backups }: Config): boolean {
  const hasPlace = backups.folder !== undefined || backups.bucket !== undefined;
  return databaseUrl === undefined && hasPlace && backups.recipients.length > 0 && backups.pointInTimeDays > 0;
}

export interface DatabasePlace {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** A second process at the database of this data folder: `place` is where a running server says its own is. */
export async function connectBeside(
  config: Config,
  keyRing: KeyRing,
  place: DatabasePlace,
  log: Logger,
): Promise<Pick<RunningDatabase, 'database' | 'connectionOf'>> {
  const credentials = await readCredentials(credentialStore(config, keyRing));
  if (!credentials) throw new DatabaseNotPreparedError('the credentials of the database are not in this data folder');
  const connection =
    config.databaseUrl === undefined
      ? { ...place, ssl: false, connectionTimeoutMillis: CONNECT_TIMEOUT_MS }
      : parseDatabaseUrl(config.databaseUrl.reveal()).connectionTo(place.database);
  const poolSizes = { server: 1, ingest: 1, maintenance: MOST_COPIES + 2 };
  return {
    database: await connectDatabase({ connection, credentials, log, poolSizes }),
    connectionOf: (role) => ({ ...connection, ...connectionAs(role, credentials[role]) }),
  };
}

/** The same connection as the owner of the schema. For short-lived commands at the machine, never for what serves. */
export async function asOwner(config: Config, keyRing: KeyRing, connection: pg.ClientConfig): Promise<pg.ClientConfig> {
  const credentials = await readCredentials(credentialStore(config, keyRing));
  if (!credentials) throw new DatabaseNotPreparedError('the credentials of the database are not in this data folder');
  return { ...connection, ...connectionAs('owner', credentials.owner) };
}

/** Who may make and drop databases beside that one. For short-lived commands at the machine, as above. */
export function adminBeside({ databaseUrl, dataDir }: Config, { host = '' }: pg.ClientConfig): AdminConnection {
  if (databaseUrl !== undefined) return parseDatabaseUrl(databaseUrl.reveal()).connectionTo;
  const file = join(dataDir, 'postgres-admin.password');
  try {
    return adminConnectionAt(host, readFileSync(file, 'utf8').trim());
  } catch (error) {
    throw new DatabaseNotPreparedError(`${file} cannot be read: run this as the user of the server`, { cause: error });
  }
}

async function locate(config: Config, keyRing: KeyRing, log: Logger): Promise<Located> {
  const store = credentialStore(config, keyRing);
  if (config.databaseUrl === undefined) {
    const settings = archivesLog(config) ? archiving : {};
    const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log, settings });
    try {
      const { credentials, database } = await provision({ adminConnection: embedded.adminConnection, store });
      await dropAbandonedDrill(embedded.adminConnection, database);
      const { user: _user, password: _password, ...connection } = embedded.adminConnection(database);
      return { connection, credentials, embedded };
    } catch (error) {
      await embedded.stop();
      throw error;
    }
  }
  const target = parseDatabaseUrl(config.databaseUrl.reveal());
  const credentials = await readCredentials(store);
  if (!credentials) {
    throw new DatabaseNotPreparedError(
      'the database of DATABASE_URL was not prepared from this data folder: run "valtronics db init" once, with an account that may create roles',
    );
  }
  // Not every account may; then the next drill does it.
  await dropAbandonedDrill(target.connectionTo, target.database).catch((error: unknown) =>
    log.warn({ err: error }, 'what a drill may have left behind was not thrown away'),
  );
  return { connection: target.connectionTo(target.database), credentials, embedded: undefined };
}

export class DatabaseNotPreparedError extends Error {
  override readonly name = 'DatabaseNotPreparedError';
}

/** `valtronics db init`: creates the database and its roles on the server of DATABASE_URL, and the schema. */
export async function prepareDatabase(
  config: Config,
  keyRing: KeyRing,
): Promise<{ database: string; applied: string[] }> {
  if (config.databaseUrl === undefined)
    throw new DatabaseNotPreparedError('DATABASE_URL is not set; the embedded database prepares itself at the start');
  const target = parseDatabaseUrl(config.databaseUrl.reveal());
  const { credentials, database } = await provision({
    adminConnection: target.connectionTo,
    store: credentialStore(config, keyRing),
    database: target.database,
  });
  const owner = { ...target.connectionTo(database), ...connectionAs('owner', credentials.owner) };
  return { database, applied: (await runMigrations(owner)).applied };
}

export function credentialStore(config: Config, keyRing: KeyRing): CredentialStore {
  return sealedFile(join(config.dataDir, 'database.sealed'), keyRing);
}
