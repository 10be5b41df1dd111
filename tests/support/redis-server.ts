import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@redis/client';
import type { CertificateAuthority } from './database-certificates.ts';
import { freePorts } from './free-ports.ts';

export const hasRedis = (() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

export interface TestRedis {
  /** For REDIS_URL. */
  readonly url: string;
  readonly port: number;
  start(): Promise<void>;
  /** kill -9; what was not saved is lost. */
  kill(): Promise<void>;
  /** Writes everything to disk, from where the next start reads it. */
  save(): Promise<void>;
  /** SIGSTOP: connections stay open and nobody answers. */
  pause(): void;
  resume(): void;
  /** What an operator, or an intruder, types. */
  command(...words: string[]): Promise<unknown>;
  stop(): Promise<void>;
}

const START_WITHIN_MS = 20_000;

/** A Redis of the test's own on a free port of loopback, with nothing on disk but what `save` writes. */
export async function aRedisServer(
  options: { password?: string; tls?: { authority: CertificateAuthority; names: string[] } } = {},
): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-redis-'));
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  if (options.password !== undefined) args.push('--requirepass', options.password);
  if (options.tls) {
    const { certificate, key } = options.tls.authority.issue(options.tls.names);
    writeFileSync(join(folder, 'server.pem'), certificate);
    writeFileSync(join(folder, 'server.key'), key, { mode: 0o600 });
    args.push('--tls-port', String(tlsPort), '--tls-auth-clients', 'no');
    args.push('--tls-cert-file', join(folder, 'server.pem'), '--tls-key-file', join(folder, 'server.key'));
    args.push('--tls-ca-cert-file', join(folder, 'server.pem'));
  }
  let child: ChildProcess | undefined;
  const isOver = () => child === undefined || child.exitCode !== null || child.signalCode !== null;

  async function command(...words: string[]): Promise<unknown> {
    const client = createClient({
      RESP: 2,
      socket: { host: '127.0.0.1', port, reconnectStrategy: false },
      ...(options.password === undefined ? {} : { password: options.password }),
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return await client.sendCommand(words);
    } finally {
      client.destroy();
    }
  }

  async function start(): Promise<void> {
    const started = spawn('redis-server', args, { stdio: 'ignore' });
    child = started;
    const deadline = Date.now() + START_WITHIN_MS;
    for (;;) {
      if (isOver()) throw new Error('redis-server ended');
      if ((await command('PING').catch(() => '')) === 'PONG') return;
      if (Date.now() > deadline) throw new Error('redis-server did not start');
      await delay(20);
    }
  }

  async function kill(): Promise<void> {
    if (child === undefined || isOver()) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  await start();
  return {
    url: options.tls ? `rediss://localhost:${tlsPort}` : `redis://127.0.0.1:${port}`,
    port,
    start,
    kill,
    save: async () => void (await command('SAVE')),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    command,
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
