import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { heardEvents } from '../../../../tests/support/security-events.ts';
import { manualClock, systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { createFleetWatch } from './fleet-watch.ts';
import type { StatusChange } from './presence.repository.ts';

let database: TestDatabase;
let organisation: number;
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database?.drop());
beforeEach(async () => {
  const { rows } = await database.admin.query(
    `insert into organisations (public_id, name) values (gen_random_uuid(), 'A fleet') returning id`,
  );
  organisation = rows[0].id;
});

const clock = manualClock(Date.now());

/** Devices of this status since so many seconds, for this reason. */
async function devices(many: number, status: 'online' | 'offline', { ago = 10, reason = 'connection lost' } = {}) {
  await database.admin.query(
    `with made as (
       insert into devices (id, organisation_id, name, type, status, status_since)
       select gen_random_uuid(), $1, 'A device', 't', $2, $3 from generate_series(1, $4) returning *)
     insert into device_events (id, organisation_id, device_id, at, kind, status, reason)
     select gen_random_uuid(), organisation_id, id, status_since, 'status', status, $5 from made`,
    [organisation, status, new Date(clock.now() - ago * 1_000), many, reason],
  );
}

async function reported(settledMs = 600_000) {
  const { reports, door } = heardEvents();
  const log = createLogger({ level: 'fatal', clock: systemClock });
  const now = clock.now();
  clock.set(now - settledMs);
  const watch = createFleetWatch({ transactions: createTransactions(database), events: door.events, clock, log });
  clock.set(now);
  await watch([{ device: { status: 'offline', organisation_id: organisation }, reason: '' } as StatusChange]);
  return reports;
}

describe('a fleet', () => {
  test('of which 30 % and five at least fell silent within five minutes is silent', async () => {
    await devices(6, 'offline');
    await devices(14, 'online');
    expect(await reported()).toMatchObject([
      { action: 'fleet.silent', organisationId: organisation, details: { silent: 6, devices: 20 } },
    ]);
  });

  test.each<[string, () => Promise<void>]>([
    [
      'fewer than 30 %',
      async () => {
        await devices(6, 'offline');
        await devices(15, 'online');
      },
    ],
    ['fewer than five', async () => devices(4, 'offline')],
    ['longer ago', async () => devices(10, 'offline', { ago: 301 })],
    ['in good order', async () => devices(10, 'offline', { reason: 'goodbye' })],
  ])('is not: %s', async (_why, arrange) => {
    await arrange();
    expect(await reported()).toEqual([]);
  });

  test('that could not be heard while the server was away has not fallen silent', async () => {
    await devices(10, 'offline');
    expect(await reported(59_000)).toEqual([]);
  });
});
