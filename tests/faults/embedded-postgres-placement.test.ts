import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { accountsIn, canReach, databaseUser } from '../../server/src/platform/db/embedded-user.ts';
import {
  aFolder,
  aLog,
  anEmbeddedPostgres,
  aServerProcess,
  kill,
  processesOf,
  query,
} from '../support/database-faults.ts';

// Each creates a database or two, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

// Wherever the clone lies and whoever starts it.

const asRoot = databaseUser() ? test : test.skip;

asRoot(
  'as root with the data folder in a 0700 home: the database lies elsewhere, and a pointer says where',
  async () => {
    const systemFolder = join(aFolder(), 'valtronics');
    const home = aFolder(0o700);
    const dataDir = join(home, 'clone', 'data');
    const first = await anEmbeddedPostgres({ dataDir, systemFolder });
    await query(first.adminConnection(), 'create table kept as select 42 as n');
    const pointer = readFileSync(join(dataDir, 'postgres-location'), 'utf8').trim();
    expect(dirname(pointer)).toBe(systemFolder);
    expect(first.dataFolder).toBe(join(pointer, 'data'));
    expect(statSync(first.dataFolder)).toMatchObject({ uid: databaseUser()?.uid, mode: 0o40700 });
    // The account that runs it owns neither the program nor the folder the program lies in.
    expect(statSync(pointer).uid).toBe(0);
    expect(statSync(join(dataDir, 'postgres-admin.password'))).toMatchObject({ uid: 0, mode: 0o100600 });
    await first.stop();

    // A data folder that moves takes its database along; a copy of it is refused the original's.
    const moved = join(home, 'moved');
    cpSync(dataDir, moved, { recursive: true });
    await expect(anEmbeddedPostgres({ dataDir: moved, systemFolder })).rejects.toThrow(`${moved} is a copy`);
    rmSync(moved, { recursive: true });
    renameSync(dataDir, moved);
    const second = await anEmbeddedPostgres({ dataDir: moved, systemFolder });
    expect(await query(second.adminConnection(), 'select n from kept')).toEqual([{ n: 42 }]);
    await second.stop();

    // Deleting the data folder does not delete the database; the next start says so.
    rmSync(moved, { recursive: true });
    const log = aLog();
    await anEmbeddedPostgres({ dataDir, systemFolder, log });
    expect(log.lines).toContainEqual({
      level: 'warn',
      fields: { folder: pointer },
      message: expect.stringContaining('deleted'),
    });
  },
);

asRoot('as root: the database stays with the account that owns it, whatever we would choose today', async () => {
  const dataDir = aFolder();
  const first = await anEmbeddedPostgres({ dataDir });
  await first.stop();
  const nobody = accountsIn(readFileSync('/etc/passwd', 'utf8')).get('nobody');
  if (!nobody) throw new Error('this system has no account "nobody"');
  execFileSync('chown', ['-R', `${nobody.uid}:${nobody.gid}`, first.dataFolder, first.socketDir]);
  const second = await anEmbeddedPostgres({ dataDir });
  expect(await query(second.adminConnection(), 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(statSync(join(second.dataFolder, 'postmaster.pid')).uid).toBe(nobody.uid);
});

asRoot('not as root: everything lies inside the data folder and is closed to others', async () => {
  const nobody = accountsIn(readFileSync('/etc/passwd', 'utf8')).get('nobody');
  if (!nobody || !canReach(dirname(process.execPath), nobody) || !canReach(import.meta.dirname, nobody)) {
    console.warn('skipped: the account "nobody" cannot reach this clone, so the server cannot be started as it');
    return;
  }
  const dataDir = join(aFolder(), 'data');
  mkdirSync(dataDir);
  chownSync(dataDir, nobody.uid, nobody.gid);
  chmodSync(dataDir, 0o700);
  const server = await aServerProcess(dataDir, nobody);
  expect(await query(server.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(statSync(`/proc/${server.postmaster}`).uid).toBe(nobody.uid);
  for (const name of ['postgres', 'postgres/data', 'postgres/socket']) {
    expect(statSync(join(dataDir, name)), name).toMatchObject({ uid: nobody.uid, mode: 0o40700 });
  }
  expect(statSync(join(dataDir, 'postgres-admin.password')).mode).toBe(0o100600);
});

test('a data folder too deep for a socket: a short private one is used, and removed by the stop', async () => {
  const dataDir = join(aFolder(), 'a-rather-long-name-for-a-folder'.repeat(3), 'and-another-one', 'data');
  mkdirSync(dataDir, { recursive: true });
  const first = await anEmbeddedPostgres({ dataDir });
  expect(first.socketDir.startsWith(dataDir)).toBe(false);
  expect(statSync(first.socketDir).mode & 0o777).toBe(0o700);
  expect(await query(first.adminConnection(), 'select 1 as one')).toEqual([{ one: 1 }]);
  await first.stop();
  expect(existsSync(first.socketDir)).toBe(false);
  const second = await anEmbeddedPostgres({ dataDir });
  expect(await query(second.adminConnection(), 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a remembered socket folder that others could write to, or a link in its place, is not used again', async () => {
  const dataDir = join(aFolder(), 'a-rather-long-name-for-a-folder'.repeat(3), 'and-another-one', 'data');
  mkdirSync(dataDir, { recursive: true });
  const first = await aServerProcess(dataDir);
  const socketDir = String(first.connection.host);
  onTestFinished(() => rmSync(socketDir, { recursive: true, force: true }));
  await kill(first.pid);
  chmodSync(socketDir, 0o777);
  const second = await anEmbeddedPostgres({ dataDir });
  expect(second.socketDir).not.toBe(socketDir);
});

test('the only way in is the socket with the password', async () => {
  const postgres = await anEmbeddedPostgres({ dataDir: aFolder() });
  const connection = postgres.adminConnection();
  expect(await query(connection, 'show listen_addresses')).toEqual([{ listen_addresses: '' }]);
  await expect(query({ ...connection, password: 'guess' }, 'select 1')).rejects.toThrow(
    /password authentication failed/,
  );
  const rules = await query(connection, 'select type, auth_method from pg_hba_file_rules');
  expect(rules).toEqual([{ type: 'local', auth_method: 'scram-sha-256' }]);
  expect(
    await query(
      connection,
      `select rolpassword like 'SCRAM-SHA-256$%' as scram from pg_authid where rolpassword is not null`,
    ),
  ).toEqual([{ scram: true }]);
  const settings = await query(
    connection,
    `select name, setting from pg_settings where name in
     ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums', 'server_encoding') order by name`,
  );
  expect(Object.fromEntries(settings.map((row) => [row.name, row.setting]))).toEqual({
    data_checksums: 'on',
    fsync: 'on',
    full_page_writes: 'on',
    server_encoding: 'UTF8',
    synchronous_commit: 'on',
  });
  expect(
    await query(
      connection,
      `select datlocprovider as provider, datlocale as locale from pg_database where datname = 'postgres'`,
    ),
  ).toEqual([{ provider: 'b', locale: 'C.UTF-8' }]);
  expect(processesOf(postgres.dataFolder)).toContain(postgres.pid());
});
