import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseLog } from './database-log.ts';
import { clusterNameOf } from './embedded-cluster.ts';
import { type ClusterLayout, EMBEDDED_PORT } from './embedded-layout.ts';
import { postgresProcessesIn } from './process-table.ts';

class SurvivingPostgresError extends Error {
  override readonly name = 'SurvivingPostgresError';
}

const FAST_STOP_MS = 60_000;
const QUIT_MS = 5_000;
const KILL_MS = 5_000;
const POLL_MS = 20;

/**
 * Makes sure that nothing of an earlier run works in PGDATA and that no file of it stands in the way. Called before every start,
 * because either side can have been killed at any moment:
 * - our server was: its postmaster lives on (it is detached). It is stopped rather than adopted, so that the one that serves is
 *   always our child, with today's settings and its log in ours.
 * - the postmaster was: its idle backends leave by themselves, a busy one stays and keeps the shared memory in use.
 * - both were, and the pid in postmaster.pid is somebody else's by now, or a zombie nobody reaps: PostgreSQL would refuse to start.
 * The caller holds the lock of the data folder, so no other server of ours is at work here.
 */
export async function clearTheWay(layout: ClusterLayout, log: DatabaseLog): Promise<void> {
  const living = () => postgresProcessesIn(layout.dataFolder, clusterNameOf(layout.dataFolder));
  const recorded = recordedPid(layout);
  if (recorded !== undefined && living().includes(recorded)) {
    log.warn({ pid: recorded }, 'PostgreSQL of an earlier run is still up: stopping it');
    signal(recorded, 'SIGINT');
    await gone(() => !living().includes(recorded), FAST_STOP_MS);
  }
  const leftOver = living();
  if (leftOver.length > 0) {
    log.warn({ pids: leftOver }, 'processes of an earlier PostgreSQL are left: ending them');
    // An immediate shutdown: whatever was not committed is rolled back by crash recovery.
    for (const pid of leftOver) signal(pid, 'SIGQUIT');
    if (!(await gone(() => living().length === 0, QUIT_MS))) {
      // Safe, since everything that shares their memory ends with them.
      for (const pid of living()) signal(pid, 'SIGKILL');
      if (!(await gone(() => living().length === 0, KILL_MS))) {
        throw new SurvivingPostgresError(
          `PostgreSQL processes ${living().join(', ')} in ${layout.dataFolder} cannot be ended`,
        );
      }
    }
  }
  // Nobody works here any more, so whatever pid these files name, it is not one of ours.
  const socket = join(layout.socketFolder, `.s.PGSQL.${EMBEDDED_PORT}`);
  for (const path of [postmasterFile(layout), `${socket}.lock`, socket]) rmSync(path, { force: true });
}

/** Where restores make a data folder before it takes the place of the one that is there. */
export const RESTORE_WORKSHOP = 'being-restored-';

/** What restores that were killed have left: a postmaster that nobody waits for, and its files. The caller holds the lock of the data folder. */
export async function clearRestores(layout: ClusterLayout, log: DatabaseLog): Promise<void> {
  for (const name of readdirSync(layout.home).filter((file) => file.startsWith(RESTORE_WORKSHOP))) {
    const workshop = join(layout.home, name);
    const dataFolder = join(workshop, 'data');
    if (existsSync(dataFolder)) await clearTheWay({ ...layout, dataFolder }, log);
    rmSync(workshop, { recursive: true, force: true });
  }
}

/** The pid PostgreSQL wrote into postmaster.pid, whoever that is by now. */
export function recordedPid(layout: ClusterLayout): number | undefined {
  const pid = Number(postmasterLines(layout)[0]);
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
}

/** What the postmaster says of itself in the last line of its file: starting, ready, stopping, standby. */
export function recordedStatus(layout: ClusterLayout): string | undefined {
  return postmasterLines(layout)[7]?.trim();
}

function postmasterLines(layout: ClusterLayout): string[] {
  try {
    return readFileSync(postmasterFile(layout), 'utf8').split('\n');
  } catch {
    return [];
  }
}

function postmasterFile(layout: ClusterLayout): string {
  return join(layout.dataFolder, 'postmaster.pid');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone meanwhile, which is what we want.
  }
}

async function gone(isGone: () => boolean, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (!isGone()) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}
