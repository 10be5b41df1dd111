import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type pg from 'pg';
import { makeDataFolder } from './data-folder.ts';
import type { DatabaseLog } from './database-log.ts';
import { adminConnectionAt } from './embedded-admin.ts';
import { installBinaries } from './embedded-binaries.ts';
import { asideOf, syncFolder, takeOver, writeConfiguration } from './embedded-cluster.ts';
import { type ClusterLayout, layOut, removeSocketFolder } from './embedded-layout.ts';
import { launchPostmaster, PostgresStartError, stopPostmaster, untilReady } from './embedded-process.ts';
import { clearRestores, clearTheWay, RESTORE_WORKSHOP } from './embedded-recovery.ts';
import type { Settings } from './embedded-settings.ts';
import { databaseUser, giveTo } from './embedded-user.ts';
import { lockFolder } from './folder-lock.ts';

export interface Recovery {
  readonly dataDir: string;
  readonly log: DatabaseLog;
  /** Whether a database that is there already may be put aside. */
  readonly replaces: boolean;
  readonly at: Date;
  /** Puts the files of a base into one folder and the segments of the log into another, both empty and ours alone. */
  fill(folders: { readonly data: string; readonly log: string }): Promise<void>;
  readonly signal: AbortSignal;
}

export interface Recovered {
  readonly admin: (database?: string) => pg.ClientConfig;
  /** What PostgreSQL says: the last transaction that is in it, and the first that is not, if there was one. */
  readonly lastCommitAt: string | undefined;
  readonly firstNotIn: { readonly transaction: string; readonly at: string } | undefined;
}

export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
}

/** As long as the log is: only a sign of life could say more. */
const LONGEST_RECOVERY_MS = 7 * 86_400_000;
const ENDED_BEFORE = 'recovery ended before configured recovery target was reached';

/**
 * Makes a data folder from a base and the log, as it was at a moment, lets `use` work in it, and only then puts it in the place of what is there,
 * which is kept beside it until the next time. Until then nothing has changed, and an error changes nothing.
 */
export async function recoverCluster<T>(
  recovery: Recovery,
  use: (recovered: Recovered) => Promise<T>,
): Promise<{ result: T; aside: string | undefined }> {
  const { dataDir, log, replaces, fill, signal } = recovery;
  makeDataFolder(dataDir);
  const lock = await lockFolder(dataDir);
  try {
    const layout = layOut(dataDir, databaseUser());
    putBack(layout, log);
    const isThere = existsSync(layout.dataFolder);
    if (isThere && !replaces)
      throw new RecoveryError(
        `there is a database in ${layout.dataFolder} already: with --replace it is put aside and kept beside it`,
      );
    if (isThere) await clearTheWay(layout, log);
    const programs = installBinaries(layout.home);
    await clearRestores(layout, log);
    const workshop = mkdtempSync(join(layout.home, RESTORE_WORKSHOP));
    try {
      const draft = { ...layout, dataFolder: join(workshop, 'data') };
      const wal = join(workshop, 'wal');
      for (const folder of [draft.dataFolder, wal]) mkdirSync(folder, { mode: 0o700 });
      await fill({ data: draft.dataFolder, log: wal });
      signal.throwIfAborted();
      prepare(draft);
      giveAll(workshop, layout);
      const reached = await replay(draft, programs, recovery);
      const admin = adminConnectionAt(layout.socketFolder, await takeOver(draft, programs));
      const result = await serving(draft, programs, log, signal, () => use({ ...reached, admin }));
      signal.throwIfAborted();
      takePlace(draft, layout);
      return { result, aside: isThere ? asideOf(layout) : undefined };
    } finally {
      rmSync(workshop, { recursive: true, force: true });
      removeSocketFolder(layout);
    }
  } finally {
    lock.release();
  }
}

/** Killed between two renamings, a restore left what was there under the other name only: the next one would take it for a copy that may go. */
function putBack(layout: ClusterLayout, log: DatabaseLog): void {
  const aside = asideOf(layout);
  if (existsSync(layout.dataFolder) || !existsSync(aside)) return;
  log.warn({ folder: aside }, 'a restore was killed when it had put the database aside: it is put back');
  renameSync(aside, layout.dataFolder);
  syncFolder(dirname(layout.dataFolder));
}

function prepare(draft: ClusterLayout): void {
  if (!existsSync(join(draft.dataFolder, 'backup_label')))
    throw new RecoveryError('the base holds no backup_label: it is not the copy of a data folder');
  // Whatever the base brought in their place.
  for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf']) {
    rmSync(join(draft.dataFolder, name), { force: true });
  }
  writeConfiguration({ ...draft, user: undefined });
  writeFileSync(join(draft.dataFolder, 'recovery.signal'), '', { mode: 0o600 });
}

/** Nobody else could reach it until now. */
function giveAll(workshop: string, { user }: ClusterLayout): void {
  if (!user) return;
  for (const entry of readdirSync(workshop, { recursive: true, withFileTypes: true }))
    giveTo(join(entry.parentPath, entry.name), user);
  giveTo(workshop, user);
}

type Reached = Omit<Recovered, 'admin'>;

async function replay(draft: ClusterLayout, programs: string, { at, log, signal }: Recovery): Promise<Reached> {
  // Relative to its data folder, so that no name of a folder needs to be quoted for a shell.
  const always = { restore_command: 'cp ../wal/%f %p', recovery_target_timeline: 'current', archive_mode: 'off' };
  const target = { recovery_target_time: postgresTime(at), recovery_target_action: 'promote' };
  try {
    return await recovered(draft, programs, log, signal, { ...always, ...target });
  } catch (error) {
    // There is no transaction behind the moment, and all that were acknowledged before it are in the log that is here: its end is the moment.
    if (!(error instanceof PostgresStartError && error.message.includes(ENDED_BEFORE))) throw error;
    return recovered(draft, programs, log, signal, always);
  }
}

async function recovered(
  draft: ClusterLayout,
  programs: string,
  log: DatabaseLog,
  signal: AbortSignal,
  settings: Settings,
): Promise<Reached> {
  const said: string[] = [];
  const hear = (details: object): void => {
    const { postgres } = details as { postgres?: string };
    if (postgres !== undefined && /recovery stopping|last completed transaction/.test(postgres)) said.push(postgres);
  };
  const heard: DatabaseLog = {
    info(details, message) {
      hear(details);
      log.info(details, message);
    },
    warn: (details, message) => log.warn(details, message),
    error: (details, message) => log.error(details, message),
  };
  // Nobody may read it before it is what it is to be.
  const postmaster = launchPostmaster(draft, programs, heard, { ...settings, hot_standby: 'off' });
  try {
    await untilReady(postmaster, draft, heard, signal, LONGEST_RECOVERY_MS);
  } finally {
    await stopPostmaster(postmaster, log);
  }
  const text = said.join('\n');
  const [, lastCommitAt] = /last completed transaction was at log time (\S+ \S+)/.exec(text) ?? [];
  const [, transaction, stoppedAt] = /before commit of transaction (\d+), time (\S+ \S+)/.exec(text) ?? [];
  return {
    lastCommitAt: isoOf(lastCommitAt),
    firstNotIn:
      transaction === undefined || stoppedAt === undefined ? undefined : { transaction, at: isoOf(stoppedAt) ?? '' },
  };
}

/** Of names of zones it knows none yet when it reads this. */
const postgresTime = (at: Date): string => at.toISOString().replace('T', ' ').replace('Z', '+00');

/** `2026-03-01 12:00:00.123456+00`, in the server's own time, which is UTC. */
const isoOf = (time: string | undefined): string | undefined => time?.replace(' ', 'T').replace(/\+00$/, 'Z');

async function serving<T>(
  draft: ClusterLayout,
  programs: string,
  log: DatabaseLog,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const postmaster = launchPostmaster(draft, programs, log, { archive_mode: 'off' });
  try {
    await untilReady(postmaster, draft, log, signal);
    return await work();
  } finally {
    await stopPostmaster(postmaster, log);
  }
}

function takePlace(draft: ClusterLayout, layout: ClusterLayout): void {
  const aside = asideOf(layout);
  rmSync(aside, { recursive: true, force: true });
  if (existsSync(layout.dataFolder)) renameSync(layout.dataFolder, aside);
  renameSync(draft.dataFolder, layout.dataFolder);
  syncFolder(dirname(layout.dataFolder));
}
