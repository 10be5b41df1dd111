import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { databaseUser, giveTo } from '../../server/src/platform/db/embedded-user.ts';
import { postgresProcessesIn } from '../../server/src/platform/db/process-table.ts';
import { aCertificateAuthority } from './database-certificates.ts';

const PROGRAMS = '/usr/lib/postgresql/15/bin';
const ADMIN = 'debian_admin';
const PASSWORD = 'only-for-this-test-cluster';

/** Whether the oldest server we support is here. In CI its absence is a failure, elsewhere a warning. */
export function debianPostgresInstalled(): boolean {
  if (existsSync(join(PROGRAMS, 'postgres'))) return true;
  const message = `Debian's PostgreSQL 15 is not installed (apt-get install postgresql-15): the tests against it are skipped`;
  if (process.env.CI) throw new Error(message);
  console.warn(message);
  return false;
}

export interface DebianPostgres {
  port: number;
  socketFolder: string;
  /** File of the CA whose certificate the server shows for the names it was started with. */
  caFile: string;
  /** Superuser, over the private socket. */
  adminConnection(database?: string): pg.ClientConfig;
  /** For DATABASE_URL, over TCP. */
  url(host: string, parameters?: string): string;
  /** kill -9 of all of its processes: whoever is connected loses the connection, and nobody gets a new one. */
  kill(): Promise<void>;
  /** SIGSTOP of all of them: connections stay open and nobody answers. */
  pause(): void;
  /** Again, after either: on what it held. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** PostgreSQL 15 as Debian ships it, as a user's own server: a socket, and TCP on the loopback interface with TLS. */
export async function aDebianPostgres(certificateNames = ['localhost', '127.0.0.1']): Promise<DebianPostgres> {
  const user = databaseUser();
  const as = user ? { uid: user.uid, gid: user.gid } : {};
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-debian-'));
  giveTo(folder, user);
  chmodSync(folder, 0o755);
  const put = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    giveTo(path, user);
    return path;
  };
  const data = join(folder, 'data');
  const pidFile = join(data, 'postmaster.pid');
  const passwordFile = put('password', `${PASSWORD}\n`);
  execFileSync(
    join(PROGRAMS, 'initdb'),
    ['-D', data, '-U', ADMIN, '--pwfile', passwordFile, '-A', 'scram-sha-256', '-E', 'UTF8', '--locale', 'C', '-N'],
    { ...as, cwd: folder, stdio: 'ignore', timeout: 60_000 },
  );
  const authority = aCertificateAuthority('Test database CA');
  const { certificate, key } = authority.issue(certificateNames);
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, authority.certificate, { mode: 0o644 });
  const port = await aFreePort();
  // In a file, so that a test can change them with ALTER SYSTEM.
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: folder,
    ssl: 'on',
    ssl_cert_file: put('server.pem', certificate),
    ssl_key_file: put('server.key', key),
    max_connections: 60,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  appendFileSync(join(data, 'postgresql.conf'), `${lines.join('\n')}\n`);
  let child: ChildProcess | undefined;
  const isOver = () => child === undefined || child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: NodeJS.Signals) => {
    if (child === undefined || isOver()) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  const stop = async () => {
    await end('SIGINT');
    rmSync(folder, { recursive: true, force: true });
  };
  const isReady = () => {
    const lines = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').split('\n') : [];
    return Number(lines[0]) === child?.pid && lines[7]?.trim() === 'ready';
  };
  const signalAll = (signal: NodeJS.Signals) => {
    for (const pid of postgresProcessesIn(data, '')) process.kill(pid, signal);
  };
  const start = async () => {
    signalAll('SIGCONT');
    if (!isOver()) return;
    child = spawn(join(PROGRAMS, 'postgres'), ['-D', data], { ...as, cwd: data, stdio: 'ignore' });
    for (let waited = 0; !isReady(); waited += 50) {
      if (waited > 20_000 || isOver()) {
        await stop();
        throw new Error('PostgreSQL 15 did not start');
      }
      await delay(50);
    }
  };
  await start();
  return {
    port,
    socketFolder: folder,
    caFile,
    adminConnection: (database = 'postgres') => ({
      host: folder,
      port,
      user: ADMIN,
      password: PASSWORD,
      database,
      ssl: false,
    }),
    url: (host, parameters = '') => `postgres://${ADMIN}:${PASSWORD}@${host}:${port}/valtronics${parameters}`,
    async kill() {
      signalAll('SIGKILL');
      await end('SIGKILL');
      // Whoever begins with what a killed one held in shared memory must be its only user.
      while (postgresProcessesIn(data, '').length > 0) await delay(20);
    },
    pause: () => signalAll('SIGSTOP'),
    start,
    stop,
  };
}

async function aFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
