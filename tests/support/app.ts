import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Permission, Role } from '@valtronics/contract';
import { type App, createApp } from '../../server/src/app.ts';
import { type Clock, systemClock } from '../../server/src/lib/clock.ts';
import { loadConfig } from '../../server/src/platform/config/config.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import { catalogueLogRules } from '../../server/src/security/fields/log-rules.ts';
import { dataKeysOf, sealClear } from './data-keys.ts';
import { aDatabase, type TestDatabase } from './database.ts';
import { PASSWORD_IN_APPS, secretsIn, secretsInFolder } from './secret-sieve.ts';
import { send } from './send-request.ts';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** The body as JSON where it is JSON, else undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers whose shape it is about to assert
  json: any;
  text: string;
}

export interface Person {
  userId: string;
  email: string;
  password: string;
  role: Role;
  accessToken: string;
  refreshToken: string;
}

export interface TestKey {
  id: string;
  secret: string;
  ownerId: string;
}

export interface TestApp {
  app: App;
  database: TestDatabase;
  origin: string;
  httpPort: number;
  mqttPort: number;
  /** Only with VALTRONICS_DEVICE_PORT. */
  devicePort: number;
  /** Only with VALTRONICS_KEY_PORT. */
  keyPort: number;
  ca: Buffer;
  dataDir: string;
  organisationId: number;
  /** `token`: as Authorization header. `from`: the address the request comes from (127.0.0.x), so limits do not mix. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  aPerson(role: Role, organisationId?: number): Promise<Person>;
  /** A second organisation, for what must not leak. */
  anotherOrganisation(): Promise<number>;
  /** As if the person had just proven who they are: what takes a step-up is open to them for five minutes. */
  freshProof(person: Pick<Person, 'userId'>): Promise<void>;
  /** A role of the organisation's own that gives these permissions. */
  aRole(name: string, permissions: readonly Permission[]): Promise<Role>;
  /** A program: a service account of that role, and a key of it made by the person. */
  aKey(by: Person, role: Role, permissions: readonly Permission[], more?: Record<string, unknown>): Promise<TestKey>;
  aDevice(as: Person, overrides?: Record<string, unknown>): Promise<{ id: string; token: string }>;
  stop(): Promise<void>;
}

export interface CallOptions {
  token?: string;
  cookie?: string;
  body?: unknown;
  /** Sent as it is, instead of `body` as JSON. */
  rawBody?: string | Buffer;
  headers?: Record<string, string>;
  from?: string;
  /** How long the caller waits; 50 s unless told. */
  timeoutMs?: number;
  /** The body of the answer as it is: `text` then holds a byte in each character. */
  binary?: boolean;
}

let addresses = 0;
/** An address of loopback nobody else in the test used, so that each has an allowance of its own. */
export const freshAddress = (): string => {
  addresses += 1;
  return `127.${1 + (addresses >> 14)}.${(addresses >> 7) & 0x7f}.${1 + (addresses & 0x7f)}`;
};

/** Settings of every app a file starts, beside its own. */
export const everyAppHas: { REDIS_URL?: string } = {};
/** Longer than a server with Redis believes its last news, for what a test changes in the database itself. */
const NEWS_MS = 600;

const PASSWORD = PASSWORD_IN_APPS;

/** The whole platform on free ports, over TLS, on a database of its own. */
export async function anApp(
  options: {
    clock?: Clock;
    env?: Record<string, string>;
    webFolder?: string;
    /** What the space guard says; without it there is always room. */
    writable?: () => boolean;
    /** Where the log goes, a line at a time; without it to standard error. */
    onLogLine?: (line: string) => void;
    /** Instead of a clone of its own. It is dropped when the app stops. */
    database?: TestDatabase;
    /** A second server of the same installation: database and root key are the first one's, which stops last. */
    beside?: TestApp;
  } = {},
): Promise<TestApp> {
  const { beside } = options;
  const dataDir = beside?.dataDir ?? mkdtempSync(join(tmpdir(), 'valtronics-app-'));
  const database = options.database ?? beside?.database ?? (await aDatabase());
  const clock = options.clock ?? systemClock;
  const config = loadConfig({
    VALTRONICS_DATA_DIR: dataDir,
    VALTRONICS_HTTP_PORT: '0',
    VALTRONICS_MQTT_PORT: '0',
    // Of these lines only what is worse is shown; all of them are searched for secrets.
    VALTRONICS_LOG_LEVEL: 'info',
    VALTRONICS_MFA_REQUIRED_ROLES: '',
    // A process more for each server; tests/security/core-rules.test.ts has it.
    VALTRONICS_MODSECURITY: 'off',
    ...everyAppHas,
    ...options.env,
  });
  const leaks: string[] = [];
  const log = createLogger({
    level: config.logLevel,
    clock,
    rules: catalogueLogRules,
    write(line) {
      leaks.push(...secretsIn(line).map((secret) => `${secret} in the log`));
      if (options.onLogLine) options.onLogLine(line);
      else if (/^\{"level":"(?:error|fatal)"/.test(line)) process.stderr.write(line);
    },
  });
  const app = await createApp({
    config,
    log,
    clock,
    checkAnswers: true,
    ...(options.webFolder === undefined ? {} : { webFolder: options.webFolder }),
    openDatabase: async () => ({
      database,
      connectionOf: (role) => database.connection(role),
      space: { writable: options.writable ?? (() => true), stop() {} },
      isEmbedded: false,
      stop: async () => {
        if (!beside) await database.drop();
      },
    }),
  });
  const ports = await app.listen();
  const ca = readFileSync(app.caFile ?? '');
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const organisation = await app.identity.firstStart.ensureOrganisation('Test organisation');
  let people = 0;
  let first: string | undefined;
  let keys: ReturnType<typeof dataKeysOf> | undefined;

  /** Hashing is slow on purpose; everybody here has the same password, so its hash is made once. */
  async function anAccount(email: string, role: Role, organisationId: number): Promise<string> {
    const actor = { kind: 'system', id: 'test', label: null } as const;
    if (first === undefined) {
      const account = { organisationId, email, name: null, role, password: PASSWORD };
      first = await app.identity.firstStart.createAccount(actor, account);
      return first;
    }
    const { rows } = await database.admin.query<{ id: string }>(
      `insert into users (id, organisation_id, email, role, status, password_hash)
       select gen_random_uuid(), $1, $2, $3, 'active', password_hash from users where id = $4 returning id`,
      [organisationId, email, role, first],
    );
    keys ??= dataKeysOf({ dataDir, database });
    await sealClear(database, await keys);
    return rows[0]?.id ?? '';
  }

  const call: TestApp['call'] = (method, path, callOptions = {}) =>
    send({ agent, ca, port: ports.http }, method, path, callOptions);

  return {
    app,
    database,
    origin: config.publicUrl.origin,
    httpPort: ports.http,
    mqttPort: ports.mqtt,
    devicePort: ports.devices ?? 0,
    keyPort: ports.keys ?? 0,
    ca,
    dataDir,
    organisationId: organisation.id,
    call,

    async aPerson(role, organisationId = organisation.id) {
      people += 1;
      const email = `${role}-${people}@example.org`;
      const userId = await anAccount(email, role, organisationId);
      const login = await call('POST', '/api/v1/auth/login', {
        body: { email, password: PASSWORD },
        from: freshAddress(),
      });
      if (login.status !== 200) throw new Error(`sign-in failed: ${login.text}`);
      return {
        userId,
        email,
        password: PASSWORD,
        role,
        accessToken: login.json.accessToken,
        refreshToken: login.json.refreshToken,
      };
    },

    async anotherOrganisation() {
      const created = await database.admin.query<{ id: number }>(
        `insert into organisations (public_id, name) values (gen_random_uuid(), 'Other organisation') returning id`,
      );
      const id = created.rows[0]?.id;
      if (id === undefined) throw new Error('no organisation');
      return id;
    },

    async freshProof({ userId }) {
      await database.admin.query('update sessions set verified_at = $2 where user_id = $1', [userId, clock.date()]);
      if (config.redisUrl) await delay(NEWS_MS);
    },

    async aRole(name, permissions) {
      await database.admin.query(
        `insert into custom_roles (organisation_id, name, permissions, requires_factor, created_at, updated_at)
         values ($1, $2, $3, false, now(), now())`,
        [organisation.id, name, permissions],
      );
      return name;
    },

    async aKey(by, role, permissions, more = {}) {
      const create = async (path: string, body: unknown) => {
        const created = await call('POST', `/api/v1${path}`, { token: by.accessToken, body });
        if (created.status !== 201) throw new Error(`POST ${path} failed: ${created.text}`);
        return created.json;
      };
      const owner = await create('/service-accounts', { name: `A program as ${role}`, role });
      const { key, secret } = await create('/api-keys', { label: 'A key', ownerId: owner.id, permissions, ...more });
      return { id: key.id, secret, ownerId: owner.id };
    },

    async aDevice(as, overrides = {}) {
      const created = await call('POST', '/api/v1/devices', {
        token: as.accessToken,
        body: { name: 'A device', type: 'temperature', ...overrides },
      });
      if (created.status !== 201) throw new Error(`registering failed: ${created.text}`);
      return { id: created.json.device.id, token: created.json.credential.token };
    },

    async stop() {
      agent.destroy();
      await app.stop();
      if (!beside) {
        leaks.push(...(await secretsInFolder(dataDir)));
        rmSync(dataDir, { recursive: true, force: true });
      }
      if (leaks.length > 0) throw new Error(`secrets came to light: ${[...new Set(leaks)].join(', ')}`);
    },
  };
}
