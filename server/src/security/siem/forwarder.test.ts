import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { until } from '../../../../tests/support/database-faults.ts';
import { anOrganisation } from '../../../../tests/support/devices.ts';
import { insertNumberedEvents } from '../../../../tests/support/numbered-events.ts';
import { systemClock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { createTransactions } from '../audit/transactions.ts';
import { createForwarder } from './forwarder.ts';

let database: TestDatabase;
const folder = mkdtempSync(join(tmpdir(), 'valtronics-forwarder-'));
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(async () => {
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

it('says of the destinations beyond its bound that they are not served', async () => {
  const { organisationId } = await anOrganisation(database);
  const [first, second] = [newId(), newId()];
  for (const id of [first, second])
    await database.admin.query(
      `insert into siem_destinations (id, organisation_id, name, kind, format, target, batch, enabled, created_at, settled_position,
         sent_position) values ($1, $2, 'a file', 'file', 'ecs', 'x', 'lines', true, now(), 0, 0)`,
      [id, organisationId],
    );
  const given: string[] = [];
  const forwarder = createForwarder({
    transactions: createTransactions(database),
    notices: { onNotice: () => undefined, publish: async () => undefined },
    lockConnection: database.connection('server'),
    openLink: async ({ id }) => ({
      acknowledges: true,
      connect: async () => undefined,
      async send(events) {
        given.push(...events.map(() => id));
        return { refused: 0, answer: '' };
      },
      fault: () => undefined,
      confirm: async () => undefined,
      close: async () => undefined,
    }),
    spoolFolder: folder,
    metrics: { siemLag: () => undefined },
    clock: systemClock,
    random: () => 1,
    log: { debug() {}, info() {}, warn() {}, error() {} } as never,
    mostDestinations: 1,
  });
  await insertNumberedEvents(database.admin, 0, 3, organisationId);
  forwarder.start();
  try {
    const errorOf = async (id: string) =>
      (await database.admin.query('select last_error from siem_destinations where id = $1', [id])).rows[0]?.last_error;
    await until(async () => given.length === 3 && (await errorOf(second)) !== null);
    expect(await errorOf(second)).toBe('not served: an instance delivers to its first 1 destinations');
    expect([await errorOf(first), given]).toEqual([null, [first, first, first]]);
  } finally {
    await forwarder.stop();
  }
});
