import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseLog } from './database-log.ts';
import type { ClusterLayout } from './embedded-layout.ts';
import { recordedPid, recordedStatus } from './embedded-recovery.ts';
import { asArguments, pinned, type Settings } from './embedded-settings.ts';

export interface Postmaster {
  pid: number;
  hasExited(): boolean;
  /** Resolves once, when the process is gone. */
  exited: Promise<void>;
  /** The last lines it wrote. */
  lastWords(): string[];
  signal(name: NodeJS.Signals): void;
}

export class PostgresStartError extends Error {
  override readonly name = 'PostgresStartError';
  readonly diskFull: boolean;

  constructor(message: string, diskFull: boolean) {
    super(message);
    this.diskFull = diskFull;
  }
}

const READY_POLL_MS = 25;
// Crash recovery reads up to max_wal_size; on a slow disk that takes minutes. It is alive all that time.
const READY_TIMEOUT_MS = 15 * 60_000;
const STILL_STARTING_MS = 10_000;
// Its last lines may still be in the pipe when its end is known.
const LAST_WORDS_MS = 100;
const STOP_POLL_MS = 10;
const STOP_FAST_MS = 60_000;
const STOP_IMMEDIATE_MS = 10_000;
const KEPT_LINES = 20;
const LONGEST_LINE = 2_000;

/** `also`: on top of what is pinned, and like it not to be overridden by any file. */
export function launchPostmaster(
  layout: ClusterLayout,
  programs: string,
  log: DatabaseLog,
  also: Settings = {},
): Postmaster {
  const given = asArguments({ ...also, ...pinned(layout) });
  const child = spawn(join(programs, 'postgres'), ['-D', layout.dataFolder, ...given], {
    // A session of its own: Ctrl-C in the terminal reaches the whole group, and the database must outlive the drain.
    detached: true,
    // By its working directory a later start knows it as ours from the first instant.
    cwd: layout.dataFolder,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(layout.user && { uid: layout.user.uid, gid: layout.user.gid }),
  });
  const words: string[] = [];
  readLines(child.stderr as Socket, (line) => {
    words.push(line);
    if (words.length > KEPT_LINES) words.shift();
    report(line, log);
  });
  let gone = false;
  const exited = new Promise<void>((resolve) => {
    // "exit", not "close": a backend that survives its postmaster holds the pipe open.
    child.once('exit', () => {
      gone = true;
      resolve();
    });
    child.once('error', (error) => {
      words.push(String(error));
      gone = true;
      resolve();
    });
  });
  // Whoever forgets to stop it is not kept alive by it.
  child.unref();
  (child.stderr as Socket).unref();
  return {
    pid: child.pid ?? 0,
    exited,
    hasExited: () => gone,
    lastWords: () => words,
    signal: (name) => void child.kill(name),
  };
}

/** Waits until it accepts connections; gives up when told to. */
export async function untilReady(
  postmaster: Postmaster,
  layout: ClusterLayout,
  log: DatabaseLog,
  giveUp: AbortSignal,
  withinMs = READY_TIMEOUT_MS,
): Promise<void> {
  const started = Date.now();
  let lastReport = started;
  while (!(recordedPid(layout) === postmaster.pid && recordedStatus(layout) === 'ready')) {
    if (postmaster.hasExited()) {
      await delay(LAST_WORDS_MS);
      const words = postmaster.lastWords();
      const reason = words.findLast((line) => /FATAL|PANIC|rror/.test(line)) ?? words.at(-1) ?? 'it said nothing';
      throw new PostgresStartError(
        `PostgreSQL did not start: ${reason}`,
        words.some((line) => line.includes('No space left on device')),
      );
    }
    if (giveUp.aborted) throw new PostgresStartError('PostgreSQL was stopped while it started', false);
    const now = Date.now();
    if (now - started > withinMs) throw new PostgresStartError('PostgreSQL did not become ready in time', false);
    if (now - lastReport > STILL_STARTING_MS) {
      lastReport = now;
      log.info(
        { seconds: Math.round((now - started) / 1_000) },
        'PostgreSQL is still starting (recovering after a crash)',
      );
    }
    await delay(READY_POLL_MS);
  }
}

/** Fast shutdown: sessions are ended and a checkpoint is written. If that hangs, an immediate one, which crash recovery repairs. */
export async function stopPostmaster(postmaster: Postmaster, log: DatabaseLog): Promise<void> {
  for (const [name, patience] of [
    ['SIGINT', STOP_FAST_MS],
    ['SIGQUIT', STOP_IMMEDIATE_MS],
    ['SIGKILL', STOP_IMMEDIATE_MS],
  ] as const) {
    if (postmaster.hasExited()) return;
    postmaster.signal(name);
    const deadline = Date.now() + patience;
    while (!postmaster.hasExited() && Date.now() < deadline) await delay(STOP_POLL_MS);
    if (postmaster.hasExited()) return;
    log.warn({ signal: name }, 'PostgreSQL does not stop');
  }
}

function readLines(stream: Socket, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) if (line !== '') take(line.slice(0, LONGEST_LINE));
  });
  stream.on('error', () => {});
}

function report(line: string, log: DatabaseLog): void {
  const level = /(?:^|\s)(FATAL|PANIC|ERROR|WARNING):/.exec(line)?.[1];
  // FATAL ends one session (a wrong password, an administrator's command), PANIC all of them.
  if (level === 'PANIC') log.error({ postgres: line }, 'PostgreSQL reports');
  else if (level) log.warn({ postgres: line }, 'PostgreSQL reports');
  else log.info({ postgres: line }, 'PostgreSQL reports');
}
