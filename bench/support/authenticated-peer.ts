// The product's own gate, database and sessions on a second port with one more route, declared twice: open to all and for who signed in.
import { rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { meGet } from '@valtronics/contract';
import { createApp } from '../../server/src/app.ts';
import { currentOrganisation } from '../../server/src/features/identity/organisation.repository.ts';
import { presentMe } from '../../server/src/features/identity/user.ts';
import { createUserRecords } from '../../server/src/features/identity/user-records.ts';
import { systemClock } from '../../server/src/lib/clock.ts';
import { openSecurity } from '../../server/src/open-security.ts';
import { loadConfig } from '../../server/src/platform/config/config.ts';
import { openNotices } from '../../server/src/platform/db/notices.ts';
import { createHttpServer } from '../../server/src/platform/http/http-server.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import { createMetrics } from '../../server/src/platform/metrics/metrics.ts';
import { createOutbound } from '../../server/src/platform/outbound/outbound.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../../server/src/security/crypto/root-key.ts';
import { createHttpGate } from '../../server/src/security/gate/http-gate.ts';
import { type RunningDatabase, startDatabase } from '../../server/src/start-database.ts';
import { aUserPrincipal } from '../../tests/support/principals.ts';
import { newDataFolder } from './data-folder.ts';
import { BENCH_ACCOUNT } from './server.ts';

export interface AuthenticatedLoad {
  readonly rounds: number;
  readonly requests: number;
  readonly connections: number;
}
export interface AuthenticatedResult {
  /** Requests a second, the median of the rounds. */
  readonly byToken: number;
  readonly byCookie: number;
  readonly open: number;
  /** Of each round, to the open route of the same round. */
  readonly ratios: { readonly token: readonly number[]; readonly cookie: readonly number[] };
}

const clock = systemClock;
/** `GET /auth/me` twice over; both are spared the limits, which a load test runs into. */
const ownRoute = { ...meGet, path: '/bench/own', rate: 'none' } as const;
const openRoute = { ...ownRoute, path: '/bench/open', access: { kind: 'open', why: 'a benchmark' } } as const;

process.once('message', async (load: AuthenticatedLoad) => {
  const dataDir = newDataFolder('valtronics-bench-');
  const config = loadConfig({
    VALTRONICS_DATA_DIR: dataDir,
    VALTRONICS_HTTP_PORT: '0',
    VALTRONICS_MQTT_PORT: '0',
    VALTRONICS_PUBLIC_URL: 'http://localhost:8700',
    VALTRONICS_TLS: 'off',
    VALTRONICS_MFA_REQUIRED_ROLES: '',
    VALTRONICS_LOG_LEVEL: 'error',
  });
  const log = createLogger({ level: 'error', clock });
  let running: RunningDatabase | undefined;
  const app = await createApp({
    config,
    log,
    openDatabase: async (...how) => {
      running = await startDatabase(...how);
      return running;
    },
  });
  if (!running) throw new Error('no database');
  const { http: ownPort } = await app.listen();
  const organisation = await app.identity.firstStart.ensureOrganisation('Bench');
  const actor = { kind: 'system', id: 'bench', label: null } as const;
  const account = { organisationId: organisation.id, name: null, role: 'admin', ...BENCH_ACCOUNT } as const;
  const userId = await app.identity.firstStart.createAccount(actor, account);
  const { token, cookie } = await signIn(ownPort, config.publicUrl.origin);

  const rootKey = openRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const notices = await openNotices(running.connectionOf('server'), running.database.server, log);
  const outbound = createOutbound({ allowList: [] });
  const metrics = createMetrics({ ofProcess: false });
  const security = await openSecurity({ config, running, rootKey, keyRing, notices, outbound, metrics, clock, log });
  const { transactions } = security;
  const records = createUserRecords(security.dataKeys);
  const server = createHttpServer({ tls: undefined, maxConnections: 1_000, refusalHeaders: {} });
  const gate = createHttpGate({
    app: server.app,
    ...security,
    // The coarse limit of an address is on both sides; a load test runs into it.
    limiter: { take: () => ({ ok: true }), peek: () => ({ ok: true }), size: 0 },
    publicOrigin: config.publicUrl.origin,
    trustedProxies: config.trustedProxies,
    metricsToken: undefined,
    ingestRate: config.ingestRate,
    sessionCookieSeconds: config.sessionTimes.absoluteMs / 1_000,
    clock,
    log,
    metrics,
  });
  const somebody = aUserPrincipal('admin', { userId, organisationId: organisation.id });
  const answer = () =>
    transactions.read(organisation.id, async (reader) => {
      const user = await records.find(reader, userId);
      if (!user) throw new Error('no user');
      return presentMe(user, await currentOrganisation(reader), somebody);
    });
  gate.handle(openRoute, answer);
  gate.handle(ownRoute, answer);
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });

  const agent = new Agent({ keepAlive: true, maxSockets: load.connections });
  const perSecond = async (path: string, headers: Record<string, string>) => {
    const from = performance.now();
    let left = load.requests;
    const one = async () => {
      while (left-- > 0) await get({ agent, port, path: `/api/v1${path}`, headers });
    };
    await Promise.all(Array.from({ length: load.connections }, one));
    return load.requests / ((performance.now() - from) / 1_000);
  };
  const rounds = { open: [] as number[], token: [] as number[], cookie: [] as number[] };
  for (let round = 0; round <= load.rounds; round += 1) {
    const openRate = await perSecond(openRoute.path, {});
    const tokenRate = await perSecond(ownRoute.path, { authorization: `Bearer ${token}` });
    const cookieRate = await perSecond(ownRoute.path, { cookie });
    if (round === 0) continue;
    rounds.open.push(openRate);
    rounds.token.push(tokenRate);
    rounds.cookie.push(cookieRate);
  }
  agent.destroy();
  await server.close();
  await app.stop();
  rmSync(dataDir, { recursive: true, force: true });
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const ratios = (values: readonly number[]) => values.map((value, round) => value / (rounds.open[round] ?? 0));
  const result: AuthenticatedResult = {
    byToken: median(rounds.token),
    byCookie: median(rounds.cookie),
    open: median(rounds.open),
    ratios: { token: ratios(rounds.token), cookie: ratios(rounds.cookie) },
  };
  process.send?.(result);
});

function get(to: { agent: Agent; port: number; path: string; headers: Record<string, string> }): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', ...to }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${to.path}: ${response.statusCode}`)),
      );
    });
    sent.once('error', reject);
    sent.end();
  });
}

async function signIn(port: number, origin: string): Promise<{ token: string; cookie: string }> {
  const post = (path: string) =>
    fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin },
      body: JSON.stringify(BENCH_ACCOUNT),
    });
  const session = await post('/auth/session');
  const cookie = session.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
  const { accessToken: token } = (await (await post('/auth/login')).json()) as { accessToken: string };
  return { token, cookie };
}
