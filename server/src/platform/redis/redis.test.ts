import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { aCertificateAuthority } from '../../../../tests/support/database-certificates.ts';
import { aRedisServer, hasRedis } from '../../../../tests/support/redis-server.ts';
import { systemClock } from '../../lib/clock.ts';
import { secret } from '../config/secret.ts';
import { createLogger } from '../log/log.ts';
import { createRedis, type Redis } from './redis.ts';
import { redisOptions } from './redis-options.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function aServer(options: Parameters<typeof aRedisServer>[0] = {}) {
  const server = await aRedisServer(options);
  cleanUps.push(server.stop);
  return server;
}
function connect(url: string): { redis: Redis; lines: string[] } {
  const lines: string[] = [];
  const log = createLogger({ level: 'info', clock: systemClock, write: (line) => lines.push(line) });
  const redis = createRedis({ redisUrl: secret(url), log });
  cleanUps.push(redis.close);
  return { redis, lines };
}
async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('it did not come to it');
    await delay(10);
  }
}
function aFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-redis-ca-'));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'ca.pem');
  writeFileSync(file, text);
  return file;
}

describe.skipIf(!hasRedis)('Redis', () => {
  it('keeps what it is given, in the database of the URL, with its password', async () => {
    const server = await aServer({ password: 'p@ss/word' });
    const { redis } = connect(`redis://:p%40ss%2Fword@127.0.0.1:${server.port}/3`);
    await until(() => redis.connection() !== undefined);
    expect(await redis.set('one', 'value', 60_000)).toBe(true);
    expect(await redis.setIfAbsent('one', 'another', 60_000)).toBe(true);
    expect(await redis.setIfAbsent('two', 'another', 60_000)).toBe(true);
    expect(await redis.get(['one', 'two', 'three'])).toEqual({ connection: 1, values: ['value', 'another', null] });
    expect(await redis.delete('one')).toBe(true);
    expect(await redis.delete('one')).toBe(true);
    expect((await redis.get(['one']))?.values).toEqual([null]);
    expect(String(await server.command('INFO', 'keyspace'))).toMatch(/db3:keys=1,expires=1/);
  });

  it('is connected to with the new password once that was replaced', async () => {
    const operator = { password: 'of-May' };
    const server = await aServer(operator);
    let given = 'of-May';
    const log = createLogger({ level: 'fatal', clock: systemClock });
    const redis = createRedis({ redisUrl: secret(() => `redis://:${given}@127.0.0.1:${server.port}`), log });
    cleanUps.push(redis.close);
    await until(() => redis.connection() === 1);
    await server.command('CONFIG', 'SET', 'requirepass', 'of-June');
    given = operator.password = 'of-June';
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(() => redis.connection() === 2);
    expect(await redis.set('one', 'value', 60_000)).toBe(true);
  });

  it('whose authorities cannot be read for a while is away, and connected to when they can', async () => {
    const authority = aCertificateAuthority('a test authority');
    const server = await aServer({ tls: { authority, names: ['localhost'] } });
    const ca = aFile(authority.certificate);
    const { redis } = connect(`${server.url}?cacert=${encodeURIComponent(ca)}`);
    await until(() => redis.connection() === 1);
    renameSync(ca, `${ca}.old`);
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(() => redis.connection() === undefined);
    await delay(1_500);
    expect(redis.connection()).toBeUndefined();
    renameSync(`${ca}.old`, ca);
    await until(() => redis.connection() === 2);
  });

  it('that does not know the password is away, and the log does not tell it', async () => {
    const server = await aServer({ password: 'right' });
    const { redis, lines } = connect(`redis://:wr0ng-secret@127.0.0.1:${server.port}`);
    await until(() => lines.length > 0);
    expect([redis.connection(), await redis.set('one', 'value', 1_000), await redis.get(['one'])]).toEqual([
      undefined,
      false,
      undefined,
    ]);
    expect(lines.join()).toMatch(/Redis is away/);
    expect(lines.join()).not.toMatch(/wr0ng-secret/);
  });

  it('gives no more than 8 KiB of a value', async () => {
    const server = await aServer();
    const { redis } = connect(server.url);
    await until(() => redis.connection() !== undefined);
    await server.command('SET', 'large', 'x'.repeat(1_000_000));
    expect((await redis.get(['large']))?.values[0]).toHaveLength(8_192);
  });

  it('that stands still answers nothing within a bounded time, and is another connection once it goes on', async () => {
    const server = await aServer();
    const { redis, lines } = connect(server.url);
    await until(() => redis.connection() !== undefined);
    await redis.set('one', 'value', 60_000);
    server.pause();
    try {
      const began = performance.now();
      const answers = await Promise.all(Array.from({ length: 50 }, () => redis.get(['one'])));
      expect(answers).toEqual(Array(50).fill(undefined));
      expect(redis.connection()).toBeUndefined();
      expect([await redis.set('two', 'x', 1_000), await redis.delete('one')]).toEqual([false, false]);
      // A hundred milliseconds each would be ten seconds; half of one is for a busy machine.
      expect(performance.now() - began).toBeLessThan(5_000);
    } finally {
      server.resume();
    }
    await until(() => redis.connection() === 2);
    expect(await redis.get(['one'])).toEqual({ connection: 2, values: ['value'] });
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
      'Redis is connected',
      'Redis is away: the database answers in its place',
      'Redis is connected',
    ]);
  });

  it('that has become a replica, which takes no writes, is left', async () => {
    const server = await aServer();
    const { redis } = connect(server.url);
    await until(() => redis.connection() === 1);
    await server.command('REPLICAOF', '127.0.0.1', '1');
    expect(await redis.set('one', 'value', 60_000)).toBe(false);
    await until(() => redis.connection() === 2);
    await server.command('REPLICAOF', 'NO', 'ONE');
    expect(await redis.set('one', 'value', 60_000)).toBe(true);
  });
});

describe.skipIf(!hasRedis)('Redis over TLS', () => {
  const authority = aCertificateAuthority('a test authority');

  it('is used when its certificate is of a CA we were told of and bears the name we asked for', async () => {
    const server = await aServer({ tls: { authority, names: ['localhost', '127.0.0.1'] } });
    const ca = encodeURIComponent(aFile(authority.certificate));
    for (const url of [`${server.url}?cacert=${ca}`, `${server.url.replace('localhost', '127.0.0.1')}?cacert=${ca}`]) {
      const { redis } = connect(url);
      await until(() => redis.connection() !== undefined);
      expect(await redis.set('one', 'value', 60_000)).toBe(true);
    }
  });

  it.each([
    ['of a CA nobody told us of', ['localhost', '127.0.0.1'], undefined, /unable to verify|self.signed|local issuer/i],
    [
      'of another CA',
      ['localhost', '127.0.0.1'],
      aCertificateAuthority('another authority').certificate,
      /unable to verify|self.signed|local issuer/i,
    ],
    ['for another name', ['redis.example.org'], authority.certificate, /altnames|does not match/i],
  ])('is away with a certificate %s, and nothing was said to it', async (_, serverNames, ca, why) => {
    const server = await aServer({ password: 'right', tls: { authority, names: serverNames } });
    const parameter = ca === undefined ? '' : `?cacert=${encodeURIComponent(aFile(ca))}`;
    for (const host of ['localhost', '127.0.0.1']) {
      const url = server.url.replace('rediss://localhost', `rediss://:right@${host}`);
      const { redis, lines } = connect(url + parameter);
      await until(() => lines.length > 0);
      expect(lines[0]).toMatch(why);
      expect([redis.connection(), await redis.set('one', 'value', 1_000)]).toEqual([undefined, false]);
    }
    expect(String(await server.command('INFO', 'commandstats'))).not.toMatch(/cmdstat_set/);
  });

  it('is not begun with a CA that cannot be read', () => {
    expect(() => redisOptions(secret('rediss://cache.example.org?cacert=/nowhere/ca.pem'), 1_000)).toThrow(
      /^REDIS_URL names a cacert that cannot be read/,
    );
  });
});
