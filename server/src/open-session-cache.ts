import type { Config } from './platform/config/config.ts';
import { openLonePool } from './platform/db/lone-pool.ts';
import type { Logger } from './platform/log/log.ts';
import type { Metrics } from './platform/metrics/metrics.ts';
import { createRedis } from './platform/redis/redis.ts';
import { redisPlace } from './platform/redis/redis-options.ts';
import { createSessionCache, type SessionCache } from './security/access/session-cache.ts';
import { createDistantSpread, openSessionNews, type SessionSpread } from './security/access/session-news.ts';
import { createTransactions } from './security/audit/transactions.ts';
import type { KeyRing } from './security/crypto/key-ring.ts';
import type { RunningDatabase } from './start-database.ts';

export interface OpenSessionCache extends SessionSpread {
  readonly cache: SessionCache | undefined;
  stop(): Promise<void>;
}

/** The part of the wiring that serves sessions from Redis where REDIS_URL names one, and that tells those who do of every change. */
export function openSessionCache(deps: {
  config: Pick<Config, 'redisUrl'>;
  running: Pick<RunningDatabase, 'database' | 'connectionOf'>;
  keyRing: KeyRing;
  metrics: Metrics;
  log: Logger;
}): OpenSessionCache {
  const { keyRing, metrics, log } = deps;
  const { redisUrl } = deps.config;
  const { database } = deps.running;
  if (redisUrl === undefined)
    return { ...createDistantSpread(createTransactions(database)), cache: undefined, stop: async () => {} };
  const redis = createRedis({ redisUrl, log });
  metrics.watch('redisConnected', () => (redis.connection() === undefined ? 0 : 1));
  const pool = openLonePool(deps.running.connectionOf('server'));
  const address = keyRing.pseudonym('redis', JSON.stringify(redisPlace(redisUrl))).toString('base64url');
  const transactions = createTransactions({ server: pool, maintenance: database.maintenance });
  const news = openSessionNews({ redis, address, transactions });
  return {
    cache: createSessionCache({ redis, keyRing, news, refused: metrics.sessionEntryRefused }),
    changed: news.changed,
    async stop() {
      await news.stop();
      redis.close();
      await pool.end();
    },
  };
}
