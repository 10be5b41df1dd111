import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { expect, test, vi } from 'vitest';
import { processStart } from '../../server/src/platform/db/process-table.ts';
import {
  aBystander,
  aFolder,
  aLog,
  anEmbeddedPostgres,
  aServerProcess,
  kill,
  processesOf,
  query,
  recordPid,
  until,
} from '../support/database-faults.ts';

// Each creates a database or two, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

// Who can be killed at any moment: the server, the postmaster, both. Whatever is left of them, the next start must serve, and
// every row that was committed must be there.

const COMMIT_A_ROW = 'create table kept (n int); insert into kept values (42)';
const kept = async (connection: pg.ClientConfig) => (await query(connection, 'select n from kept')).map((row) => row.n);
const dataFolderOf = (dataDir: string) => join(dataDir, 'postgres', 'data');

test('kill -9 of the postmaster: it is restarted beside the running server, and the pid changes', async () => {
  const postgres = await anEmbeddedPostgres({ dataDir: aFolder() });
  await query(postgres.adminConnection(), COMMIT_A_ROW);
  let [downs, ups] = [0, 0];
  postgres.onDown(() => downs++);
  postgres.onUp(() => ups++);
  for (let round = 1; round <= 3; round++) {
    const before = postgres.pid();
    await kill(before ?? 0);
    await until(() => ups === round);
    expect(postgres.pid()).not.toBe(before);
    expect(await kept(postgres.adminConnection())).toEqual([42]);
  }
  expect(downs).toBe(3);
});

test('kill -9 of the postmaster while a backend is busy: the backend is ended and the restart succeeds', async () => {
  const log = aLog();
  const postgres = await anEmbeddedPostgres({ dataDir: aFolder(), log });
  const client = new pg.Client(postgres.adminConnection());
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client
    .query<{ pid: number }>(`create table kept (n int); insert into kept values (42)`)
    .then(() => client.query<{ pid: number }>('select pg_backend_pid() as pid'));
  const backend = rows[0]?.pid ?? 0;
  const lost = client.query('do $$ begin loop perform 1; end loop; end $$').catch((error: unknown) => error);
  await until(
    async () =>
      (
        await query(
          postgres.adminConnection(),
          `select 1 from pg_stat_activity where pid = ${backend} and state = 'active'`,
        )
      ).length === 1,
  );
  let up = false;
  postgres.onUp(() => {
    up = true;
  });
  await kill(postgres.pid() ?? 0);
  await until(() => up);
  expect(await lost).toBeInstanceOf(Error);
  expect(processStart(backend)).toBeUndefined();
  // Without the sweep PostgreSQL says "pre-existing shared memory block is still in use" for as long as the backend lives.
  const swept = log.lines.find((line) => line.message.startsWith('processes of an earlier PostgreSQL'));
  expect(swept?.fields.pids).toContain(backend);
  expect(await kept(postgres.adminConnection())).toEqual([42]);
});

test('kill -9 of the server alone: the next start stops the surviving postmaster and serves', async () => {
  const dataDir = aFolder();
  const first = await aServerProcess(dataDir);
  await query(first.connection, COMMIT_A_ROW);
  await kill(first.pid);
  expect(processStart(first.postmaster)).toBeDefined();
  const second = await anEmbeddedPostgres({ dataDir });
  expect(processStart(first.postmaster)).toBeUndefined();
  expect(second.pid()).not.toBe(first.postmaster);
  expect(await kept(second.adminConnection())).toEqual([42]);
});

test('kill -9 of the server while it has a transaction open: what it had not committed is gone, what it had is there', async () => {
  const dataDir = aFolder();
  const first = await aServerProcess(dataDir);
  await query(first.connection, COMMIT_A_ROW);
  const session = new pg.Client(first.connection);
  session.on('error', () => {});
  await session.connect();
  await session.query('begin; lock table kept; insert into kept values (43)');
  await kill(first.pid);
  const second = await anEmbeddedPostgres({ dataDir });
  expect(await kept(second.adminConnection())).toEqual([42]);
});

test('kill -9 of both: the next start recovers', async () => {
  const dataDir = aFolder();
  const first = await aServerProcess(dataDir);
  await query(first.connection, COMMIT_A_ROW);
  await kill(first.pid);
  await kill(first.postmaster);
  expect(existsSync(join(dataFolderOf(dataDir), 'postmaster.pid'))).toBe(true);
  const second = await anEmbeddedPostgres({ dataDir });
  expect(await kept(second.adminConnection())).toEqual([42]);
});

test('kill -9 of both while a backend is busy: the backend is ended and the next start recovers', async () => {
  const dataDir = aFolder();
  const first = await aServerProcess(dataDir);
  await query(first.connection, COMMIT_A_ROW);
  const busy = new pg.Client(first.connection);
  busy.on('error', () => {});
  await busy.connect();
  const backend = (await busy.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0;
  const lost = busy.query('do $$ begin loop perform 1; end loop; end $$').catch((error: unknown) => error);
  await kill(first.pid);
  await kill(first.postmaster);
  expect(processStart(backend)).toBeDefined();
  const second = await anEmbeddedPostgres({ dataDir });
  expect(await lost).toBeInstanceOf(Error);
  expect(processStart(backend)).toBeUndefined();
  expect(await kept(second.adminConnection())).toEqual([42]);
});

test('a postmaster.pid whose pid belongs to a stranger by now: the stranger lives on and the database starts', async () => {
  const dataDir = aFolder();
  const first = await aServerProcess(dataDir);
  await query(first.connection, COMMIT_A_ROW);
  await kill(first.pid);
  await kill(first.postmaster);
  const stranger = aBystander('sleep', ['60']);
  recordPid(dataFolderOf(dataDir), stranger.pid ?? 0);
  const second = await anEmbeddedPostgres({ dataDir });
  expect(await kept(second.adminConnection())).toEqual([42]);
  expect(processStart(stranger.pid ?? 0)).toBeDefined();
});

test('a postmaster.pid that names a zombie: nobody reaps it and the database starts all the same', async () => {
  const dataDir = aFolder();
  const first = await aServerProcess(dataDir);
  await kill(first.pid);
  await kill(first.postmaster);
  // The shell's child ends and the program that took the shell's place never asks for it.
  const pidFile = join(aFolder(0o777), 'zombie');
  aBystander('sh', ['-c', `sleep 0.05 & echo $! > ${pidFile}; exec sleep 60`]);
  await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'));
  const zombie = Number(readFileSync(pidFile, 'utf8'));
  await until(() => processStart(zombie) === undefined);
  expect(() => process.kill(zombie, 0)).not.toThrow();
  recordPid(dataFolderOf(dataDir), zombie);
  await anEmbeddedPostgres({ dataDir });
});

test('a second start on the same data folder is refused with one line that names the holder, which serves on', async () => {
  const dataDir = aFolder();
  const first = await aServerProcess(dataDir);
  await expect(aServerProcess(dataDir)).rejects.toThrow(
    `DataFolderInUseError: the data folder ${dataDir} is in use by process ${first.pid}`,
  );
  expect(await query(first.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(processStart(first.postmaster)).toBeDefined();
});

test('of eight starts at once on a fresh data folder exactly one serves', async () => {
  const dataDir = aFolder();
  const starts = await Promise.allSettled(Array.from({ length: 8 }, () => aServerProcess(dataDir)));
  expect(starts.filter((start) => start.status === 'fulfilled')).toHaveLength(1);
  for (const start of starts) {
    if (start.status === 'rejected') expect(String(start.reason)).toContain('DataFolderInUseError');
  }
});

test('a stop in an orderly way leaves no process, no lock and nothing to recover', async () => {
  const dataDir = aFolder();
  const first = await aServerProcess(dataDir);
  await query(first.connection, COMMIT_A_ROW);
  const session = new pg.Client(first.connection);
  session.on('error', () => {});
  await session.connect();
  first.child.kill('SIGTERM');
  const [code] = await once(first.child, 'exit');
  expect(code).toBe(0);
  expect(processesOf(dataFolderOf(dataDir))).toEqual([]);
  expect(existsSync(join(dataDir, 'server.lock'))).toBe(false);
  const log = aLog();
  const second = await anEmbeddedPostgres({ dataDir, log });
  expect(await kept(second.adminConnection())).toEqual([42]);
  const said = log.lines.map((line) => String(line.fields.postgres ?? ''));
  expect(said.some((line) => line.includes('database system was shut down at'))).toBe(true);
  expect(said.some((line) => line.includes('automatic recovery'))).toBe(false);
});

test('a stop at any moment of a restart ends it, and leaves no process', async () => {
  for (const afterMs of [0, 150]) {
    const postgres = await anEmbeddedPostgres({ dataDir: aFolder() });
    await kill(postgres.pid() ?? 0);
    await delay(afterMs);
    await postgres.stop();
    expect(processesOf(postgres.dataFolder)).toEqual([]);
    await delay(300);
    expect(processesOf(postgres.dataFolder)).toEqual([]);
    expect(postgres.isUp()).toBe(false);
  }
});

test('the signal that a terminal sends to the whole group does not reach the database', async () => {
  const first = await aServerProcess(aFolder());
  const groupOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2];
  if (process.platform === 'linux') expect(groupOf(first.postmaster)).not.toBe(groupOf(first.pid));
  expect(await query(first.connection, 'show listen_addresses')).toEqual([{ listen_addresses: '' }]);
});

test('a kill in the middle of the very first start leaves nothing that stops the second', async () => {
  for (const afterMs of [150, 700]) {
    const dataDir = aFolder();
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, '../support/database-server-process.ts'), dataDir],
      { stdio: 'ignore' },
    );
    await delay(afterMs);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const second = await anEmbeddedPostgres({ dataDir });
    expect(await query(second.adminConnection(), 'select 1 as one')).toEqual([{ one: 1 }]);
  }
});

test.each(['postgresql.auto.conf', 'postgresql.conf'])(
  'fsync switched off in %s: the start is refused',
  async (file) => {
    const dataDir = aFolder();
    const first = await aServerProcess(dataDir);
    first.child.kill('SIGTERM');
    await once(first.child, 'exit');
    const path = join(dataFolderOf(dataDir), file);
    const { uid } = statSync(path);
    writeFileSync(path, `${readFileSync(path, 'utf8')}\nfsync = off\n`);
    expect(statSync(path).uid).toBe(uid);
    const start = anEmbeddedPostgres({ dataDir });
    if (file === 'postgresql.conf') {
      // Ours, and written anew at every start.
      expect(await query((await start).adminConnection(), 'show fsync')).toEqual([{ fsync: 'on' }]);
      return;
    }
    await expect(start).rejects.toThrow(/PostgreSQL runs with fsync = off/);
    expect(processesOf(dataFolderOf(dataDir))).toEqual([]);
    expect(existsSync(join(dataDir, 'server.lock'))).toBe(false);
  },
);
