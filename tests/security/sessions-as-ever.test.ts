import { afterAll, describe, expect, it } from 'vitest';
import { everyAppHas } from '../support/app.ts';
import { aRedisServer, hasRedis } from '../support/redis-server.ts';

// What holds for sessions holds with Redis too: the same tests once more, with sessions served from there.

describe.skipIf(!hasRedis)('with Redis', async () => {
  if (!hasRedis) return;
  const redis = await aRedisServer();
  everyAppHas.REDIS_URL = redis.url;
  afterAll(() => redis.stop());

  await import('./sessions.test.ts');
  await import('./sessions-administration.test.ts');

  it('it was Redis that served many of these requests', async () => {
    const stats = String(await redis.command('INFO', 'stats'));
    expect(Number(/keyspace_hits:(\d+)/.exec(stats)?.[1])).toBeGreaterThan(50);
  });
});
