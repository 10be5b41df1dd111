import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { aRedisServer, hasRedis } from '../../../../tests/support/redis-server.ts';
import { systemClock } from '../../lib/clock.ts';
import { secret } from '../../platform/config/secret.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createRedis } from '../../platform/redis/redis.ts';
import { createTransactions } from '../audit/transactions.ts';
import { openSessionNews } from './session-news.ts';

// Each test starts Redis servers of its own.
describe.skipIf(!hasRedis)('news of sessions', { timeout: 60_000 }, () => {
  let database: TestDatabase;
  const cleanUps: (() => unknown)[] = [];
  beforeAll(async () => {
    database = await aDatabase();
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
    await database?.drop();
  });

  async function aServerAt(address: string, redisUrl: string) {
    const log = createLogger({ level: 'fatal', clock: systemClock });
    const redis = createRedis({ redisUrl: secret(redisUrl), log });
    const news = openSessionNews({ redis, address, transactions: createTransactions(database) });
    cleanUps.push(
      () => redis.close(),
      () => news.stop(),
    );
    const deadline = Date.now() + 20_000;
    while (news.belief() === undefined) {
      if (Date.now() > deadline) throw new Error('no news');
      await delay(20);
    }
    return news;
  }
  const waits = async (news: { changed(): Promise<void> }): Promise<number> => {
    const from = performance.now();
    await news.changed();
    return performance.now() - from;
  };

  it('two Redises of one address, as on the loopback of two machines, are told apart: a change waits for the other', async () => {
    const [one, other] = [await aRedisServer(), await aRedisServer()];
    cleanUps.push(one.stop, other.stop);
    const first = await aServerAt('the same', one.url);
    await aServerAt('the same', one.url);
    const places = async () =>
      (await database.admin.query<{ place: string }>(`select place from session_caches where place like 'the same:%'`))
        .rows.length;
    expect(await places()).toBe(1);
    const second = await aServerAt('the same', other.url);
    expect(await places()).toBe(2);
    for (const news of [first, second]) expect(await waits(news)).toBeGreaterThan(500);
  });

  it('a change of a row’s holder is noted for both', async () => {
    const made = await database.admin.query<{ id: number }>(
      `insert into organisations (public_id, name) values (gen_random_uuid(), 'Here') returning id`,
    );
    const [organisation] = made.rows;
    const people = await database.admin.query<{ id: string }>(
      `insert into users (id, organisation_id, email, role, status)
       select gen_random_uuid(), $1, n || '@example.org', 'user', 'active' from generate_series(1, 2) n returning id`,
      [organisation?.id],
    );
    const [from, to] = people.rows.map(({ id }) => id);
    await database.admin.query(
      `insert into factors (id, organisation_id, user_id, kind, label, secret_sealed, created_at, last_used_at)
       values (gen_random_uuid(), $1, $2, 'totp', 'App', '\\x00', now(), now())`,
      [organisation?.id, from],
    );
    await database.admin.query(
      `insert into custom_roles (organisation_id, name, permissions, requires_factor, created_at, updated_at)
       values ($1, 'before', '{}', false, now(), now())`,
      [organisation?.id],
    );
    await database.admin.query('delete from session_changes');
    await database.admin.query('update factors set user_id = $1', [to]);
    await database.admin.query(`update custom_roles set name = 'after'`);
    const noted = await database.admin.query<{ subject: string }>('select subject from session_changes');
    expect(noted.rows.map(({ subject }) => subject).toSorted()).toEqual(
      [`role:${organisation?.id}:before`, `role:${organisation?.id}:after`, `user:${from}`, `user:${to}`].toSorted(),
    );
  });
});
