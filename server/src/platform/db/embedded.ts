import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type Ballast, createBallast } from './ballast.ts';
import { makeDataFolder } from './data-folder.ts';
import type { DatabaseLog } from './database-log.ts';
import { checkSpace } from './disk-space.ts';
import { assertDurable, NotDurableError } from './durability.ts';
import { adminConnectionAt } from './embedded-admin.ts';
import { installBinaries } from './embedded-binaries.ts';
import { prepareCluster } from './embedded-cluster.ts';
import {
  type ClusterLayout,
  EMBEDDED_PORT,
  existingHome,
  homesLeftBehind,
  layOut,
  removeSocketFolder,
} from './embedded-layout.ts';
import {
  launchPostmaster,
  PostgresStartError,
  type Postmaster,
  stopPostmaster,
  untilReady,
} from './embedded-process.ts';
import { clearRestores, clearTheWay } from './embedded-recovery.ts';
import type { Settings } from './embedded-settings.ts';
import { databaseUser } from './embedded-user.ts';
import { lockFolder } from './folder-lock.ts';
import { withClient } from './with-client.ts';

export interface EmbeddedPostgresOptions {
  dataDir: string;
  log: DatabaseLog;
  /** On top of our own; those that guard durability are asserted whatever is given here. */
  settings?: Settings;
  /** Where the database goes when its user cannot reach the data folder. */
  systemFolder?: string;
}

export interface EmbeddedPostgres {
  /** Superuser. For provisioning only, never for serving. */
  adminConnection(database?: string): pg.ClientConfig;
  socketDir: string;
  port: number;
  /** PGDATA, whose disk is the one that must not fill up. */
  dataFolder: string;
  /** The postmaster's, or undefined while it is down. */
  pid(): number | undefined;
  isUp(): boolean;
  /** Called when the postmaster dies without being asked to. It is being restarted by then. */
  onDown(listener: () => void): void;
  onUp(listener: () => void): void;
  stop(): Promise<void>;
}

const LEAST_FREE_BYTES = 4 * 1024 * 1024;
const FIRST_START_ATTEMPTS = 4;
const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** Starts PostgreSQL 18 in the data folder and keeps it running until `stop`. Only one server may hold a data folder. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log } = options;
  const user = databaseUser();
  makeDataFolder(dataDir);
  // On a disk that is full to the last block not even a lock could be written.
  const home = existingHome(dataDir);
  if (home !== undefined && existsSync(home) && checkSpace(home).freeBytes < LEAST_FREE_BYTES)
    createBallast(home).release();
  const lock = await lockFolder(dataDir);
  try {
    const layout = layOut(dataDir, user, options.systemFolder);
    for (const folder of homesLeftBehind(layout.home)) {
      log.warn(
        { folder },
        'a database whose data folder was deleted is still there: delete it too if it is not wanted',
      );
    }
    await clearRestores(layout, log);
    const programs = installBinaries(layout.home);
    const password = await prepareCluster(layout, programs, options.settings);
    const ballast = createBallast(layout.home);
    const adminConnection = adminConnectionAt(layout.socketFolder, password);
    const supervisor = createSupervisor({
      layout,
      programs,
      log,
      ballast,
      check: () => checkDurability(adminConnection()),
    });
    await supervisor.start();
    await ballast.ensure();
    return {
      adminConnection,
      socketDir: layout.socketFolder,
      port: EMBEDDED_PORT,
      dataFolder: layout.dataFolder,
      pid: supervisor.pid,
      isUp: () => supervisor.pid() !== undefined,
      onDown: supervisor.onDown,
      onUp: supervisor.onUp,
      async stop() {
        await supervisor.stop();
        removeSocketFolder(layout);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

const checkDurability = (connection: pg.ClientConfig): Promise<void> => withClient(connection, assertDurable);

interface SupervisorParts {
  layout: ClusterLayout;
  programs: string;
  log: DatabaseLog;
  ballast: Ballast;
  check: () => Promise<void>;
}

function createSupervisor({ layout, programs, log, ballast, check }: SupervisorParts) {
  const downListeners: (() => void)[] = [];
  const upListeners: (() => void)[] = [];
  const stopping = new AbortController();
  let serving: Postmaster | undefined;
  let restarting: Promise<void> = Promise.resolve();

  async function startOnce(): Promise<Postmaster> {
    await clearTheWay(layout, log);
    const postmaster = launchPostmaster(layout, programs, log);
    try {
      await untilReady(postmaster, layout, log, stopping.signal);
      await check();
      return postmaster;
    } catch (error) {
      await stopPostmaster(postmaster, log);
      throw error;
    }
  }

  async function startWithin(attempts: number): Promise<void> {
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      try {
        serving = await startOnce();
        break;
      } catch (error) {
        if (error instanceof PostgresStartError && error.diskFull && ballast.release()) {
          log.warn({}, 'the disk is full: gave up the reserve file so that PostgreSQL can recover');
          continue;
        }
        if (attempt >= attempts || (error instanceof NotDurableError && attempts !== Number.POSITIVE_INFINITY))
          throw error;
        log.error({ err: error, attempt }, 'PostgreSQL could not be started: trying again');
        await pause(attempt);
      }
    }
    if (!serving) return;
    const watched = serving;
    void watched.exited.then(() => {
      if (stopping.signal.aborted) return;
      serving = undefined;
      log.error({ pid: watched.pid }, 'PostgreSQL died: restarting it');
      for (const listener of downListeners) listener();
      restarting = restart();
    });
    log.info({ pid: watched.pid, socket: layout.socketFolder }, 'PostgreSQL is ready');
  }

  async function restart(): Promise<void> {
    await startWithin(Number.POSITIVE_INFINITY);
    if (serving) for (const listener of upListeners) listener();
  }

  async function pause(attempt: number): Promise<void> {
    const milliseconds = Math.min(SHORTEST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
    await delay(milliseconds, undefined, { signal: stopping.signal }).catch(() => {});
  }

  return {
    start: () => startWithin(FIRST_START_ATTEMPTS),
    pid: () => (serving && !serving.hasExited() ? serving.pid : undefined),
    onDown: (listener: () => void) => void downListeners.push(listener),
    onUp: (listener: () => void) => void upListeners.push(listener),
    async stop() {
      stopping.abort();
      await restarting;
      if (serving) await stopPostmaster(serving, log);
      serving = undefined;
    },
  };
}
