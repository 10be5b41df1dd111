import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kill, processesOf, until } from './database-faults.ts';
import { freePorts } from './free-ports.ts';
import { PASSWORD_AT_THE_COMMAND_LINE as PASSWORD } from './secret-sieve.ts';

const MAIN = join(import.meta.dirname, '../../server/src/main.ts');
const EMAIL = 'ada@example.org';
// A loaded machine takes its time; the guarantees here are about what is there afterwards, not when.
const START_WITHIN_MS = 120_000;

export interface JsonAnswer {
  readonly status: number;
  readonly retryAfter: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers whose shape it is about to assert
  readonly json: any;
}

/** The product as a process of its own with its embedded PostgreSQL, on a data folder that outlives both. */
export interface RealServer {
  readonly httpPort: number;
  readonly mqttPort: number;
  pid(): number;
  postmaster(): number;
  postgresProcesses(): number[];
  start(): Promise<void>;
  isReady(): Promise<boolean>;
  /** kill -9, and waits until it is gone; PostgreSQL lives on. */
  kill(): Promise<void>;
  /** As SIGTERM does; then whatever is left of PostgreSQL. */
  stop(): Promise<void>;
  call(method: string, path: string, options?: { token?: string; body?: unknown }): Promise<JsonAnswer>;
  signIn(): Promise<string>;
}

/**
 * Two things differ from the defaults: no TLS over loopback, and a rate limit for devices that a load test does not run into.
 * Authentication, validation, rules, journal, rollups and durable commits are all on.
 */
export async function aRealServer(dataDir: string, more: Record<string, string> = {}): Promise<RealServer> {
  const [httpPort = 0, mqttPort = 0, unusedPort = 0] = await freePorts(3);
  const dataFolder = join(dataDir, 'postgres', 'data');
  const inherited = Object.entries(process.env).filter(([name]) => !/^(VALTRONICS_|DATABASE_URL|REDIS_URL)/.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    VALTRONICS_DATA_DIR: dataDir,
    VALTRONICS_HTTP_PORT: String(httpPort),
    VALTRONICS_PUBLIC_URL: `http://localhost:${httpPort}`,
    VALTRONICS_MQTT_PORT: String(unusedPort),
    VALTRONICS_MQTT_PLAIN_PORT: String(mqttPort),
    VALTRONICS_TLS: 'off',
    VALTRONICS_LOG_LEVEL: 'error',
    VALTRONICS_MFA_REQUIRED_ROLES: '',
    VALTRONICS_INGEST_PER_SECOND: '1000000',
    VALTRONICS_INGEST_BURST: '1000000',
    VALTRONICS_ADMIN_EMAIL: EMAIL,
    VALTRONICS_ADMIN_PASSWORD: PASSWORD,
    ...more,
  };
  let child: ChildProcess | undefined;
  let said = '';

  const isOver = (): boolean => child === undefined || child.exitCode !== null || child.signalCode !== null;

  const call: RealServer['call'] = async (method, path, { token, body } = {}) => {
    const response = await fetch(`http://127.0.0.1:${httpPort}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      json: text === '' ? undefined : JSON.parse(text),
    };
  };
  const isReady = async (): Promise<boolean> => {
    if (isOver()) throw new Error(`the server ended: ${said}`);
    try {
      return (await call('GET', '/health/ready')).status === 200;
    } catch {
      return false;
    }
  };

  return {
    httpPort,
    mqttPort,
    pid: () => child?.pid ?? 0,
    postmaster: () => Number(readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0]),
    postgresProcesses: () => processesOf(dataFolder),
    async start() {
      said = '';
      const started = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      child = started;
      const hear = (chunk: Buffer): void => {
        said = `${said}${chunk}`.slice(-4000);
      };
      started.stdout.on('data', hear);
      started.stderr.on('data', hear);
      await until(async () => {
        if (isOver()) throw new Error(`the server ended: ${said}`);
        return said.includes('is running on') && (await isReady());
      }, START_WITHIN_MS);
    },
    isReady,
    kill: async () => {
      await kill(child?.pid ?? 0);
    },
    async stop() {
      if (child !== undefined && !isOver()) {
        const gone = once(child, 'exit');
        child.kill('SIGTERM');
        await gone;
      }
      for (const pid of processesOf(dataFolder)) await kill(pid);
    },
    call,
    async signIn() {
      const answer = await call('POST', '/api/v1/auth/login', { body: { email: EMAIL, password: PASSWORD } });
      if (answer.status !== 200) throw new Error(`sign-in failed: ${JSON.stringify(answer.json)}`);
      return answer.json.accessToken as string;
    },
  };
}
