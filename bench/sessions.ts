import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { systemClock } from '../server/src/lib/clock.ts';
import { openSessionCache } from '../server/src/open-session-cache.ts';
import { loadConfig } from '../server/src/platform/config/config.ts';
import { createLogger } from '../server/src/platform/log/log.ts';
import { createMetrics } from '../server/src/platform/metrics/metrics.ts';
import { createSessionLookUp, type SessionLookUp } from '../server/src/security/access/session-look-up.ts';
import { createTransactions } from '../server/src/security/audit/transactions.ts';
import type { Transactions } from '../server/src/security/audit/transactions.types.ts';
import { createKeyRing } from '../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../server/src/security/crypto/root-key.ts';
import { startDatabase } from '../server/src/start-database.ts';
import { dataKeysOn } from '../tests/support/data-keys.ts';
import { aRedisServer, hasRedis } from '../tests/support/redis-server.ts';
import { newDataFolder } from './support/data-folder.ts';
import { type Done, inTurns } from './support/in-turns.ts';
import { atLeast, type Outcome, perSecond } from './support/outcome.ts';
import { anOrganisationOf } from './support/people.ts';

const PEOPLE = 500;
const A_ROUND = 6_000;
const ROUNDS = 7;
/** As many requests as are under way at once. */
const AT_ONCE = 16;

/** The look-up that every request begins with: from Redis, news and seal included, against the same from an embedded PostgreSQL. */
export async function sessionLookUps(): Promise<Outcome[]> {
  if (!hasRedis) {
    console.error('left out     sessions.redis_vs_postgres: no redis-server is installed');
    return [];
  }
  const dataDir = newDataFolder('valtronics-bench-sessions-');
  const redis = await aRedisServer();
  const config = loadConfig({ VALTRONICS_DATA_DIR: dataDir, VALTRONICS_LOG_LEVEL: 'error', REDIS_URL: redis.url });
  const log = createLogger({ level: config.logLevel, clock: systemClock });
  const rootKey = openRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const running = await startDatabase(config, keyRing, log);
  const sessionCache = openSessionCache({ config, running, keyRing, metrics: createMetrics(), log });
  try {
    const transactions = createTransactions(running.database);
    const dataKeys = await dataKeysOn(running.database, { rootKey });
    const { maintenance } = running.database;
    const organisationId = await anOrganisationOf(PEOPLE, { maintenance, transactions, dataKeys });
    const ids = await openSessions(transactions, organisationId);
    const served = { redis: 0, database: 0 };
    const metrics = {
      sessionLookedUp(where: 'redis' | 'database') {
        served[where] += 1;
      },
    };
    const { cache } = sessionCache;
    const fromRedis = createSessionLookUp({ transactions, dataKeys, cache, metrics, clock: systemClock });
    const fromPostgres = createSessionLookUp({ transactions, dataKeys, clock: systemClock });
    for (const deadline = Date.now() + 10_000; served.redis === 0 && Date.now() < deadline; await delay(50))
      await fromRedis.byId(ids[0] ?? '');
    const { ours, theirs, ratio, ratios } = await inTurns(
      ROUNDS,
      () => timed(ids, fromRedis),
      () => timed(ids, fromPostgres),
    );
    const share = Math.round((100 * served.redis) / (served.redis + served.database));
    const detail = `${perSecond(ours)} from Redis (${share} %) vs ${perSecond(theirs)} from PostgreSQL, ${ratios}`;
    return [atLeast('sessions.redis_vs_postgres', ratio, 1, 'x', detail)];
  } finally {
    await sessionCache.stop();
    await running.stop();
    await redis.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function timed(ids: readonly string[], sessions: SessionLookUp): Promise<Done> {
  let turn = 0;
  const started = performance.now();
  const worker = async (): Promise<void> => {
    for (let mine = turn++; mine < A_ROUND; mine = turn++)
      if ((await sessions.byId(ids[mine % ids.length] ?? '')) === undefined) throw new Error('an open session is gone');
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { count: A_ROUND, seconds: (performance.now() - started) / 1000 };
}

/** A session for each of its people; returns their ids. */
async function openSessions(transactions: Transactions, organisationId: number): Promise<string[]> {
  return transactions.unaudited(organisationId, 'session_touch', async (tx) => {
    const sessions = await sql<{ id: string }>`
      insert into sessions (id, organisation_id, user_id, kind, created_at, last_seen_at, verified_at, idle_expires_at, absolute_expires_at)
      select gen_random_uuid(), organisation_id, id, 'token', now(), now(), now(), now() + interval '1 day', now() + interval '1 day'
      from users where organisation_id = ${organisationId} returning id`.execute(tx.db);
    return sessions.rows.map(({ id }) => id);
  });
}
