import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { newDataFolder } from './data-folder.ts';

const main = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
const manifest = new URL('../../package.json', import.meta.url);
export const BENCH_ACCOUNT = { email: 'bench@example.org', password: 'forty steady wheels upon the track' };
const START_WITHIN_MS = 60_000;

export interface BenchDevice {
  readonly id: string;
  readonly token: string;
}

export interface BenchAccount {
  readonly email: string;
  readonly password: string;
}

export interface BenchServer {
  readonly httpPort: number;
  readonly mqttPort: number;
  readonly mqttTlsPort: number;
  readonly accessToken: string;
  readonly dataDir: string;
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** The first so many; they are registered when they are first asked for. */
  devices(count: number): Promise<BenchDevice[]>;
  /** The first so many accounts; they are invited and opened when they are first asked for. */
  people(count: number): Promise<BenchAccount[]>;
  /** Resident memory of the server process, in MB; PostgreSQL apart. */
  residentMegabytes(): number;
  stop(): Promise<void>;
}

/**
 * The product itself as a process of its own, with everything on: authentication, limits, validation, rules, journal, rollups, durable
 * commits. Two things differ from its defaults, and both sides of every comparison have them: no TLS over loopback, and a rate limit for
 * devices that a load test does not run into.
 */
export async function aServer(ports: {
  http: number;
  mqtt: number;
  mqttTls?: number;
  /** A module that is loaded before the product, where a benchmark takes something of it away. */
  preload?: URL;
  env?: Readonly<Record<string, string>>;
}): Promise<BenchServer> {
  const dataDir = newDataFolder('valtronics-bench-');
  const withTls = ports.mqttTls !== undefined;
  const preload = ports.preload ? ['--import', ports.preload.href] : [];
  const child = spawn(process.execPath, [...startFlags(), ...preload, main], {
    env: {
      ...process.env,
      VALTRONICS_DATA_DIR: dataDir,
      VALTRONICS_HTTP_PORT: String(ports.http),
      VALTRONICS_MQTT_PORT: String(ports.mqttTls ?? 0),
      VALTRONICS_MQTT_PLAIN_PORT: String(ports.mqtt),
      VALTRONICS_TLS: withTls ? 'auto' : 'off',
      VALTRONICS_LOG_LEVEL: 'error',
      VALTRONICS_MFA_REQUIRED_ROLES: '',
      VALTRONICS_INGEST_PER_SECOND: '1000000',
      VALTRONICS_INGEST_BURST: '1000000',
      VALTRONICS_ADMIN_EMAIL: BENCH_ACCOUNT.email,
      VALTRONICS_ADMIN_PASSWORD: BENCH_ACCOUNT.password,
      ...ports.env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await untilRunning(child);
  const token = await signIn(ports.http, withTls);
  const call = <T>(method: string, path: string, body?: unknown): Promise<T> =>
    send<T>(ports.http, withTls, { method, path, token, body });

  const made: BenchDevice[] = [];
  const opened: BenchAccount[] = [];
  return {
    httpPort: ports.http,
    mqttPort: ports.mqtt,
    mqttTlsPort: ports.mqttTls ?? 0,
    accessToken: token,
    dataDir,
    call,
    async devices(count) {
      while (made.length < count) {
        // Within the rate of a person: 100 a second.
        const some = Array.from({ length: Math.min(50, count - made.length) }, (_, index) => ({
          name: `bench ${made.length + index}`,
          type: 'bench',
        }));
        const created = await Promise.all(
          some.map((device) =>
            call<{ device: { id: string }; credential: { token: string } }>('POST', '/api/v1/devices', device),
          ),
        );
        made.push(...created.map(({ device, credential }) => ({ id: device.id, token: credential.token })));
        await new Promise((resolve) => setTimeout(resolve, 520));
      }
      return made.slice(0, count);
    },
    async people(count) {
      while (opened.length < count) {
        const email = `person-${opened.length}@example.org`;
        const { invitation } = await call<{ invitation: { url: string } }>('POST', '/api/v1/users', {
          email,
          role: 'operator',
        });
        const account = { email, password: BENCH_ACCOUNT.password };
        const { hash, origin } = new URL(invitation.url);
        const body = { token: hash.slice('#token='.length), password: account.password };
        await send(ports.http, withTls, {
          method: 'POST',
          path: '/api/v1/auth/invitations/accept',
          body,
          from: anAddress(),
          origin,
        });
        opened.push(account);
      }
      return opened.slice(0, count);
    },
    residentMegabytes() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    },
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** What `npm start` gives to Node. */
function startFlags(): string[] {
  const { scripts } = JSON.parse(readFileSync(manifest, 'utf8')) as { scripts: { start: string } };
  return scripts.start.split(' ').filter((word) => word.startsWith('--'));
}

async function untilRunning(child: ChildProcess): Promise<void> {
  if (!child.stdout) throw new Error('the server has no output');
  const timer = setTimeout(() => child.kill('SIGKILL'), START_WITHIN_MS);
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('Created the administrator')) continue;
    clearTimeout(timer);
    child.stdout.resume();
    return;
  }
  throw new Error('the server did not start');
}

async function signIn(port: number, withTls: boolean): Promise<string> {
  const login = { method: 'POST', path: '/api/v1/auth/login', body: BENCH_ACCOUNT };
  return (await send<{ accessToken: string }>(port, withTls, login)).accessToken;
}

let addresses = 0;
/** An address of loopback that nobody used, since each address has a limit. */
export function anAddress(): string {
  addresses += 1;
  return `127.3.${addresses >> 7}.${(addresses & 127) + 1}`;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly from?: string;
  readonly origin?: string;
}

async function send<T>(port: number, withTls: boolean, { method, path, token, body, from, origin }: Call): Promise<T> {
  const { request: secureRequest } = await import('node:https');
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise<T>((resolve, reject) => {
    const sent = (withTls ? secureRequest : request)(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        ...(from === undefined ? {} : { localAddress: from }),
        rejectUnauthorized: false,
        timeout: 30_000,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(origin === undefined ? {} : { origin }),
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const answer = Buffer.concat(chunks).toString('utf8');
          if ((response.statusCode ?? 500) >= 300)
            reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
          else resolve((answer === '' ? undefined : JSON.parse(answer)) as T);
        });
      },
    );
    sent.on('error', reject);
    sent.end(text);
  });
}
