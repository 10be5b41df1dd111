import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../server/src/platform/db/embedded.ts';
import { clusterNameOf } from '../../server/src/platform/db/embedded-cluster.ts';
import { type DatabaseUser, databaseUser } from '../../server/src/platform/db/embedded-user.ts';
import { postgresProcessesIn, processStart } from '../../server/src/platform/db/process-table.ts';
import { newDatabaseFolder } from './database-folders.ts';

/** An empty folder that is removed when the test ends, together with every PostgreSQL that still works in it. */
export function aFolder(mode = 0o711): string {
  const folder = newDatabaseFolder('valtronics-fault-', mode);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface LogLine {
  level: 'info' | 'warn' | 'error';
  message: string;
  fields: Record<string, unknown>;
}

export function aLog() {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: { ...fields } });
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

/** Starts one in this process; stopped when the test ends. */
export async function anEmbeddedPostgres(
  options: Partial<EmbeddedPostgresOptions> & { dataDir: string },
): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ log: aLog(), ...options });
  onTestFinished(() => postgres.stop());
  return postgres;
}

export interface ServerProcess {
  pid: number;
  postmaster: number;
  connection: pg.ClientConfig;
  child: ChildProcess;
}

/** Starts one in a process of its own, which a test may kill. Its database is ended with the test. */
export async function aServerProcess(dataDir: string, user?: DatabaseUser): Promise<ServerProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'database-server-process.ts'), dataDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user && { uid: user.uid, gid: user.gid, cwd: '/' }),
  });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint += String(chunk);
  });
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [])]);
  if (typeof line !== 'string') throw new Error(complaint.trim());
  const { pid, connection } = JSON.parse(line) as { pid: number; connection: pg.ClientConfig };
  onTestFinished(() => kill(pid));
  return { pid: child.pid ?? 0, postmaster: pid, connection, child };
}

/** kill -9, and waits until it is gone. */
export async function kill(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    return;
  }
  await until(() => processStart(pid) === undefined);
}

export async function until(holds: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it did not come true within ${withinMs} ms: ${holds}`);
    await delay(20);
  }
}

export async function query(connection: pg.ClientConfig, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(connection);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

export const processesOf = (dataFolder: string): number[] => postgresProcessesIn(dataFolder, clusterNameOf(dataFolder));

/** A process of the account the database runs as, which has nothing to do with the database. */
export function aBystander(program: string, args: string[]): ChildProcess {
  const user = databaseUser();
  const child = spawn(program, args, { stdio: 'ignore', ...(user && { uid: user.uid, gid: user.gid }) });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Replaces the pid that a dead postmaster left behind. */
export function recordPid(dataFolder: string, pid: number): void {
  const path = join(dataFolder, 'postmaster.pid');
  const lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, [String(pid), ...lines.slice(1)].join('\n'));
}
