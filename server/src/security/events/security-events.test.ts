import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { systemClock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createTransactions } from '../audit/transactions.ts';
import { addressKey } from '../shield/client-address.ts';
import { createEventFile, type EventFile } from './event-file.ts';
import { appendSecurityEvents } from './security-event.repository.ts';
import type { SecurityEvent, SecurityReport } from './security-event.ts';
import { createSecurityEvents } from './security-events.ts';

let database: TestDatabase;
const folder = mkdtempSync(join(tmpdir(), 'valtronics-events-'));
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true });
});
afterEach(() => database.admin.query('delete from security_events'));

const aReport = (report: Partial<SecurityReport> = {}): SecurityReport => ({
  action: 'path.unknown',
  outcome: 'failure',
  transport: 'http',
  address: '192.0.2.1',
  ...report,
});

function running(options: { file?: EventFile; store?: (events: readonly SecurityEvent[]) => Promise<void> } = {}) {
  const transactions = createTransactions(database);
  const path = join(folder, `${newId()}.jsonl`);
  const events = createSecurityEvents({
    store: (batch) => transactions.unaudited(null, 'security_events', (tx) => appendSecurityEvents(tx, batch)),
    file: createEventFile(path),
    clock: systemClock,
    log: createLogger({ level: 'fatal', clock: systemClock }),
    ...options,
  });
  const lines = () =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  return { events, path, lines };
}
const stored = async () =>
  (await database.admin.query('select *, host(source_address) as address from security_events order by position')).rows;

describe('a report', () => {
  test('is in the file and in the table, with all it said', async () => {
    const { events, lines, path } = running();
    const deviceId = newId();
    events.report(
      aReport({
        action: 'topic.refused',
        transport: 'mqtt',
        deviceId,
        user: { id: 'u1', label: 'ann@example.org' },
        http: { method: 'publish', route: 'valtronics/x', status: 403 },
        requestId: 'r1',
        reason: 'forbidden',
        details: { foreign: true },
      }),
    );
    await events.flush();
    expect(await stored()).toMatchObject([
      {
        category: 'authorization',
        action: 'topic.refused',
        outcome: 'failure',
        level: 'warning',
        transport: 'mqtt',
        address: '192.0.2.1',
        organisation_id: null,
        user_id: 'u1',
        user_label: 'ann@example.org',
        device_id: deviceId,
        method: 'publish',
        route: 'valtronics/x',
        status: 403,
        request_id: 'r1',
        reason: 'forbidden',
        count: 1,
        details: { foreign: true },
      },
    ]);
    expect(lines()).toMatchObject([{ event: { action: 'topic.refused' }, source: { ip: '192.0.2.1' } }]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await events.stop();
  });

  test('is written without being asked to, within 200 ms', async () => {
    const { events, lines } = running();
    events.report(aReport());
    await delay(200);
    expect(await stored()).toHaveLength(1);
    expect(lines()).toHaveLength(1);
    await events.stop();
  });

  test('none is lost at a stop, and those of a flood are all counted', async () => {
    const { events } = running();
    for (let n = 0; n < 3_000; n += 1) events.report(aReport());
    await events.stop();
    const rows = await stored();
    expect(rows.length).toBeLessThan(10);
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(3_000);
  });

  test('what no column can hold does not stop the others, nor throw', async () => {
    const { events } = running();
    events.report(aReport({ address: 'nonsense', deviceId: "' or 1=1", requestId: '\u0000\ud800'.repeat(200) }));
    events.report(aReport({ organisationId: 999_999, reason: 'of an organisation there is not' }));
    events.report(
      aReport({ details: { a: '\u0000', b: '\udfff', big: 'x'.repeat(100_000), n: 1e300 }, reason: 'odd' }),
    );
    events.report(aReport({ reason: 'last' }));
    await events.stop();
    const rows = await stored();
    expect(rows.map(({ reason }) => reason)).toEqual([null, 'odd', 'last']);
    expect(rows[0]).toMatchObject({ address: null, device_id: null });
  });

  test('of an IPv6 network is stored under its first address, which is counted under the same key', async () => {
    const { events } = running();
    for (const address of ['2001:db8:0:1::/64', '2001:0:0:0::/64', '10.0.0.0/8', '2001:db8::/32'])
      events.report(aReport({ action: 'address.suspicious', address, reason: address }));
    await events.stop();
    const found = (await stored()).map(({ address }) => address);
    expect(found).toEqual(['2001:db8:0:1::', '2001::', null, null]);
    expect(found.slice(0, 2).map(addressKey)).toEqual(['2001:db8:0:1::/64', '2001:0:0:0::/64']);
  });

  test('positions are in the order of commits, with two servers at once', async () => {
    const both = [running(), running()];
    const seen: string[] = [];
    const watching = (async () => {
      let position = '0';
      for (let round = 0; round < 60; round += 1) {
        const { rows } = await database.admin.query(
          'select position, id from security_events where position > $1 order by position',
          [position],
        );
        for (const row of rows) seen.push(row.id);
        position = rows.at(-1)?.position ?? position;
        await delay(10);
      }
    })();
    for (let n = 0; n < 200; n += 1) {
      for (const { events } of both) events.report(aReport({ reason: `r${n}` }));
      await delay(2);
    }
    await Promise.all(both.map(({ events }) => events.stop()));
    await watching;
    const all = (await stored()).map(({ id }) => id);
    expect(all.length).toBeGreaterThan(20);
    expect(seen).toEqual(all);
  });
});

describe('without the database', () => {
  test('the file has them at once, the table when it is back, in order and once', async () => {
    const transactions = createTransactions(database);
    let fails = 2;
    const { events, lines } = running({
      async store(batch) {
        await transactions.unaudited(null, 'security_events', (tx) => appendSecurityEvents(tx, batch));
        // The commit happened, its answer did not arrive.
        if (fails-- > 0) throw Object.assign(new Error('connection lost'), { code: '08006' });
      },
    });
    for (let n = 0; n < 5; n += 1) events.report(aReport({ reason: `r${n}` }));
    await delay(100);
    expect(lines()).toHaveLength(5);
    await events.flush();
    expect((await stored()).map(({ reason }) => reason)).toEqual(['r0', 'r1', 'r2', 'r3', 'r4']);
    await events.stop();
  });

  test('memory is bounded, and how many were dropped is told when it is back', async () => {
    let away = true;
    const taken: SecurityEvent[] = [];
    const { events } = running({
      file: { append: async () => undefined },
      async store(batch) {
        if (away) throw new Error('Connection terminated');
        taken.push(...batch);
      },
    });
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 9_000; n += 1) events.report(aReport({ action: 'user.changed', outcome: 'success' }));
      await delay(80);
    }
    away = false;
    await events.flush();
    expect(taken.filter(({ action }) => action === 'user.changed')).toHaveLength(20_000);
    expect(taken.at(-1)).toMatchObject({ action: 'events.dropped', level: 'error', count: 7_000 });
    await events.stop();
  });

  test('a stop does not wait for ever', async () => {
    const { events } = running({ store: async () => Promise.reject(new Error('Connection terminated')) });
    events.report(aReport());
    const began = performance.now();
    await events.stop();
    expect(performance.now() - began).toBeLessThan(7_000);
  });
});

describe('the file', () => {
  test('is rotated by its size, and the oldest goes', async () => {
    const path = join(folder, 'rotated.jsonl');
    const file = createEventFile(path, { mostBytes: 100, mostFiles: 3 });
    for (let n = 0; n < 10; n += 1) await file.append([`${n}${'x'.repeat(60)}\n`]);
    const names = readdirSync(folder).filter((name) => name.startsWith('rotated'));
    expect(names.sort()).toEqual(['rotated.1.jsonl', 'rotated.2.jsonl']);
    expect(readFileSync(join(folder, 'rotated.1.jsonl'), 'utf8')).toMatch(/^8x+\n9x+\n$/);
    for (const name of names) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  test('that ends in half a line, after a crash, loses nothing of what is written then', async () => {
    const path = join(folder, 'torn.jsonl');
    writeFileSync(path, '{"whole":1}\n{"torn":');
    const file = createEventFile(path);
    await file.append(['{"next":2}\n']);
    await file.append(['{"next":3}\n']);
    expect(readFileSync(path, 'utf8')).toBe('{"whole":1}\n{"torn":\n{"next":2}\n{"next":3}\n');
  });

  test('takes back what did not fit, so that it stands there once and whole when it is written again', async () => {
    const path = join(folder, 'full.jsonl');
    const module = join(import.meta.dirname, 'event-file.ts');
    const lines = ['0', '1', '2'].map((nth) => `${nth}${'x'.repeat(499)}\n`);
    const [first = '', ...rest] = lines;
    // A kernel that takes 1,024 bytes and no more, as a full disk does.
    const script = `
      const { createEventFile } = await import(${JSON.stringify(module)});
      const file = createEventFile(${JSON.stringify(path)});
      await file.append([${JSON.stringify(first)}]);
      const code = await file.append(${JSON.stringify(rest)}).then(() => 'written', (error) => error.code);
      process.stdout.write(code);`;
    const run = ['-c', 'ulimit -f 1; exec "$0" --input-type=module -e "$1"', process.execPath, script];
    const said = execFileSync('bash', run, { encoding: 'utf8', timeout: 30_000 });
    expect(said).toBe('EFBIG');
    expect(readFileSync(path, 'utf8')).toBe(first);
    await createEventFile(path).append(rest);
    expect(readFileSync(path, 'utf8')).toBe(lines.join(''));
  });

  test('that cannot be written keeps nothing from the table', async () => {
    const { events } = running({ file: { append: () => Promise.reject(new Error('ENOSPC')) } });
    events.report(aReport());
    await events.stop();
    expect(await stored()).toHaveLength(1);
  });
});
