import { rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { usersList } from '@valtronics/contract';
import { createUserService } from '../server/src/features/identity/user.service.ts';
import { createUserRecords } from '../server/src/features/identity/user-records.ts';
import { systemClock } from '../server/src/lib/clock.ts';
import { openSecurity } from '../server/src/open-security.ts';
import { loadConfig } from '../server/src/platform/config/config.ts';
import { openNotices } from '../server/src/platform/db/notices.ts';
import { createHttpServer } from '../server/src/platform/http/http-server.ts';
import { createLogger } from '../server/src/platform/log/log.ts';
import { createMetrics } from '../server/src/platform/metrics/metrics.ts';
import { createOutbound } from '../server/src/platform/outbound/outbound.ts';
import { createKeyRing } from '../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../server/src/security/crypto/root-key.ts';
import { createHttpGate } from '../server/src/security/gate/http-gate.ts';
import type { DataKeys } from '../server/src/security/keys/data-keys.ts';
import { startDatabase } from '../server/src/start-database.ts';
import { newDataFolder } from './support/data-folder.ts';
import { type Done, inTurns } from './support/in-turns.ts';
import { atMost, type Outcome } from './support/outcome.ts';
import { anOrganisationOf } from './support/people.ts';

const PEOPLE = 100;
const A_ROUND = 150;
const ROUNDS = 9;
const TARGET = 1.3;

/** `GET /users` twice over, open, so that the page is what is measured; spared the limits, which a load test runs into. */
const routeOf = <P extends `/${string}`>(path: P) =>
  ({ ...usersList, path, rate: 'none', access: { kind: 'open', why: 'a benchmark' } }) as const;
const sealedRoute = routeOf('/bench/sealed');
const clearRoute = routeOf('/bench/clear');

/**
 * A page of 100 people with three sealed fields each, against the same page of an organisation whose columns hold the texts themselves: the same
 * query, gate and answer over HTTP, but for the cryptography.
 */
export async function peopleSealed(): Promise<Outcome[]> {
  const dataDir = newDataFolder('valtronics-bench-people-');
  const config = loadConfig({
    VALTRONICS_DATA_DIR: dataDir,
    VALTRONICS_PUBLIC_URL: 'http://localhost:8700',
    VALTRONICS_TLS: 'off',
    VALTRONICS_MODSECURITY: 'off',
    VALTRONICS_LOG_LEVEL: 'error',
  });
  const [clock, log, metrics] = [systemClock, createLogger({ level: 'error', clock: systemClock }), createMetrics()];
  const rootKey = openRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const running = await startDatabase(config, keyRing, log);
  const notices = await openNotices(running.connectionOf('server'), running.database.server, log);
  const outbound = createOutbound({ allowList: [] });
  const security = await openSecurity({ config, running, rootKey, keyRing, notices, outbound, metrics, clock, log });
  const { transactions, dataKeys, revocations } = security;
  const { maintenance } = running.database;
  const server = createHttpServer({ tls: undefined, maxConnections: 100, refusalHeaders: {} });
  try {
    const gate = createHttpGate({
      app: server.app,
      ...security,
      limiter: { take: () => ({ ok: true }), peek: () => ({ ok: true }), size: 0 },
      publicOrigin: config.publicUrl.origin,
      trustedProxies: config.trustedProxies,
      metricsToken: undefined,
      ingestRate: config.ingestRate,
      sessionCookieSeconds: 3_600,
      clock,
      log,
      metrics,
    });
    const serve = (route: typeof sealedRoute | typeof clearRoute, organisationId: number, keys: DataKeys) => {
      const mailbox = { isOpen: false, put: async () => false, jobs: [] };
      const records = createUserRecords(keys);
      const { publicUrl } = config;
      const users = createUserService({ records, revocations, mailbox, publicUrl, clock });
      gate.handle(route, () =>
        transactions.read(organisationId, (reader) => users.list(reader, { organisationId }, { limit: PEOPLE })),
      );
    };
    const of = { maintenance, transactions, dataKeys };
    const [sealed, clear] = [await anOrganisationOf(PEOPLE, of), await anOrganisationOf(PEOPLE, of)];
    await maintenance.query(
      `update users set email_sealed = convert_to('person@example.org', 'utf8'), name_sealed = convert_to('Person of the ward', 'utf8'),
         phone_sealed = convert_to('+15551234567', 'utf8') where organisation_id = $1`,
      [clear],
    );
    const asIs = {
      ...dataKeys,
      openAll: async (values) => values.map((one) => Buffer.from(one.sealed).toString()),
    } satisfies DataKeys;
    serve(sealedRoute, sealed, dataKeys);
    serve(clearRoute, clear, asIs);
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const { ours, theirs, ratio, ratios } = await inTurns(
      ROUNDS,
      () => timed(agent, port, sealedRoute.path),
      () => timed(agent, port, clearRoute.path),
    );
    agent.destroy();
    const perPage = ({ count, seconds }: Done) => `${((1_000 * seconds) / count).toFixed(2)} ms`;
    const detail = `${perPage(ours)} sealed, ${perPage(theirs)} in clear, ${ratios}`;
    return [atMost('people.page_sealed_vs_clear', 1 / ratio, TARGET, '× the page in clear', detail)];
  } finally {
    await server.close();
    await security.stop();
    await notices.close();
    await running.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function timed(agent: Agent, port: number, path: string): Promise<Done> {
  const began = performance.now();
  let left = A_ROUND;
  const one = async () => {
    while (left-- > 0) await get(agent, port, path);
  };
  await Promise.all([one(), one(), one(), one()]);
  return { count: A_ROUND, seconds: (performance.now() - began) / 1_000 };
}

function get(agent: Agent, port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: '127.0.0.1', port, path: `/api/v1${path}` }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${path}: ${response.statusCode}`)),
      );
    });
    sent.once('error', reject);
    sent.end();
  });
}
