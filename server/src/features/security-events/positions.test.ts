import { afterAll, beforeAll, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { newId } from '../../lib/ids.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { completeEvent } from '../../security/events/complete-event.ts';
import { appendSecurityEvents } from '../../security/events/security-event.repository.ts';
import { lastExpiredPosition } from './retention.repository.ts';
import { listSecurityEvents, securityEventsAfter } from './security-event.repository.ts';

// Positions are numbers, also where they gain a digit: 99 comes before 100, and 9 before 10.

let database: TestDatabase;
const at = new Date('2026-11-29T10:00:00.000Z');
beforeAll(async () => {
  database = await aDatabase();
  await database.admin.query(
    `insert into organisations (id, public_id, name, operates_instance) overriding system value values (1, gen_random_uuid(), 'One', true)`,
  );
  await database.admin.query(`select setval(pg_get_serial_sequence('security_events', 'position'), 97)`);
  const events = Array.from({ length: 5 }, () =>
    completeEvent({ action: 'path.unknown', outcome: 'failure', transport: 'http' }, newId(), at),
  );
  await createTransactions(database).unaudited(null, 'security_events', (tx) => appendSecurityEvents(tx, events));
});
afterAll(() => database.drop());

test('the live stream is told in the order of commits, and goes on after the last', async () => {
  const read = (after: string, limit: number) =>
    createTransactions(database).readAcross((reader) => securityEventsAfter(reader, after, limit));
  expect((await read('0', 10)).map(({ position }) => position)).toEqual(['98', '99', '100', '101', '102']);
  expect((await read('0', 3)).map(({ position }) => position)).toEqual(['98', '99', '100']);
  expect((await read('100', 10)).map(({ position }) => position)).toEqual(['101', '102']);
});

test('a list goes on where its page ended, also among events of the same instant', async () => {
  const seen: string[] = [];
  let before: readonly [string, number] | undefined;
  for (let page = 0; page < 4; page += 1) {
    const rows = await createTransactions(database).read(1, (reader) =>
      listSecurityEvents(reader, { before, limit: 2 }),
    );
    seen.push(...rows.map(({ position }) => position));
    const last = rows.at(-1);
    if (!last) break;
    before = [last.at.toISOString(), Number(last.position)];
  }
  expect(seen).toEqual(['102', '101', '100', '99', '98']);
});

test('what is too old goes at once, up to the last of it', async () => {
  const later = new Date(at.getTime() + 60_000);
  const last = await createTransactions(database).unaudited(null, 'housekeeping', (tx) =>
    lastExpiredPosition(tx, later, later),
  );
  expect(last).toBe('102');
});
