import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { WORTH_A_THREAD } from '../../lib/transparency/looking-threads.ts';
import { typeParsers } from '../../platform/db/type-parsers.ts';
import { asOwner, aTestLog, auditTables, findingsOf, type TestLog, treeOf } from './audit.builders.ts';
import { eraseAuditValues } from './pruning.ts';
import { MOST_COPIES } from './row-looks.ts';
import { createTransactions } from './transactions.ts';
import { verifyDatabase } from './verify-database.ts';

// Long enough that it is copied over several connections and looked at in threads. What is found has to be what a short log shows, whichever part it
// stands in.

const EVENTS = WORTH_A_THREAD + 2_500;

let database: TestDatabase;
let log: TestLog;
let tree: number;
beforeAll(async () => {
  database = await aDatabase();
  log = await aTestLog(database);
  await database.admin.query(
    `insert into audit_events (id, organisation_id, event, outcome, actor_kind, actor_id, actor_label, resource_kind, resource_id, address, request_id, details)
     select uuidv7(), $1, 'device.changed', 'success', 'user', 'person-' || n % 5, 'person-' || n % 5 || '@example.org', 'device', 'device-' || n,
       ('2001:db8::' || to_hex(n % 100))::inet, null, case n % 3 when 0 then '{}' when 1 then '{"changed": ["name"]}' else jsonb_build_object('name', 'Name ' || n) end
     from generate_series(1, $2::int) n`,
    [log.organisationId, EVENTS],
  );
  await log.sign();
  tree = await treeOf(database, log.organisationId);
  await asOwner(
    database,
    auditTables.map((table) => `create table kept_${table} as select * from ${table}`),
  );
}, 120_000);
beforeEach(async () => {
  const statements = auditTables.flatMap((table) => [
    `delete from ${table}`,
    `insert into ${table} overriding system value select * from kept_${table}`,
  ]);
  // In one transaction, since statistics of emptied tables would make every plan one for no rows.
  await asOwner(database, [statements.join(';'), `analyze ${auditTables.join()}`]);
});
afterAll(() => database?.drop());

const tamper = (...statements: string[]) => asOwner(database, statements);
const eventAt = (position: number) =>
  `(select event_id from audit_leaves where tree = ${tree} and position = ${position})`;

describe('a log that is looked at in threads', () => {
  it('verifies as it is', async () => {
    const progress: number[] = [];
    const trusted = { keys: [log.key.verifier], checkpoints: [] };
    const verdicts = await verifyDatabase(log.transactions, trusted, (_, position) => progress.push(position));
    expect(verdicts.map(({ findings, badNotes, erasedValues }) => ({ findings, badNotes, erasedValues }))).toEqual(
      Array.from({ length: 2 }, () => ({ findings: [], badNotes: 0, erasedValues: 0 })),
    );
    expect(verdicts[1]?.size).toBe(EVENTS);
    expect(progress.slice(-4)).toEqual([4_096, 8_192, 12_288, EVENTS]);
  });

  it('shows whatever was done to it, where it was done', async () => {
    await tamper(
      `update audit_events set outcome = 'failure' where id = ${eventAt(3)}`,
      `update audit_events set actor_label = 'eve@example.org' where id = ${eventAt(4_095)}`,
      `update audit_events set details = '{"name": "Eve"}' where id = ${eventAt(4_096)}`,
      `delete from audit_events where id = ${eventAt(5_000)}`,
      `update audit_leaves set entry = replace(entry, 'success', 'failure') where tree = ${tree} and position = 8_200`,
      `delete from audit_leaves where tree = ${tree} and position = 9_000`,
      `update audit_leaves set hash = set_byte(hash, 0, (get_byte(hash, 0) + 1) % 256) where tree = ${tree} and position = 9_500`,
      `update audit_tiles set root = set_byte(root, 0, (get_byte(root, 0) + 1) % 256) where tree = ${tree} and level = 0 and number = 44`,
      `update audit_events set address = null where id = ${eventAt(12_400)}`,
      `update audit_salts set salts = salts - '/address' where event_id = ${eventAt(12_400)}`,
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind) values (gen_random_uuid(), ${log.organisationId}, 'session.created', 'success', 'user')`,
    );
    expect(await findingsOf(log)).toEqual([
      { kind: 'row_edited', position: 3 },
      { kind: 'row_edited', position: 4_095 },
      { kind: 'row_edited', position: 4_096 },
      { kind: 'row_missing', position: 5_000 },
      { kind: 'edited', position: 8_200 },
      { kind: 'row_edited', position: 8_200 },
      { kind: 'missing', position: 9_000 },
      { kind: 'edited', position: 9_500 },
      { kind: 'row_inserted', position: null },
      { kind: 'row_inserted', position: null },
      { kind: 'row_blanked', position: 12_400 },
    ]);
  });

  it('is compared slowly where a part is larger than any of ours, with the same outcome', async () => {
    await tamper(
      `update audit_salts set salts = salts || jsonb_build_object('/x', repeat('x', 70000000)) where event_id = ${eventAt(4_100)}`,
      `update audit_events set outcome = 'failure' where id in (${eventAt(4_099)}, ${eventAt(4_100)}, ${eventAt(8_191)}, ${eventAt(8_192)})`,
    );
    expect(await findingsOf(log)).toEqual(
      [4_099, 4_100, 8_191, 8_192].map((position) => ({ kind: 'row_edited', position })),
    );
  });

  it('counts what was erased, where an erasure says so', async () => {
    const erased = await log.transactions.unaudited(null, 'housekeeping', (tx) =>
      eraseAuditValues(tx, log.organisationId, 'person-2'),
    );
    await log.sign();
    const [, own] = await log.verify();
    expect([own?.findings, own?.erasedValues]).toEqual([[], erased]);
    expect(erased).toBeGreaterThan(EVENTS / 5);
  });

  it('ends with what went wrong on one of the connections, and gives all of them back', async () => {
    const keys = [log.key.verifier];
    const verified = verifyDatabase(
      {
        readAcross: log.transactions.readAcross,
        copyAcross: (snapshot, work) =>
          log.transactions.copyAcross(snapshot, (copy) =>
            work((query, most) => copy(query.includes('audit_tiles') ? 'select 1 / 0' : query, most)),
          ),
      },
      { keys, checkpoints: [] },
    );
    await expect(verified).rejects.toThrow('division by zero');
    expect(database.maintenance.totalCount - database.maintenance.idleCount).toBe(0);
    expect(await findingsOf(log)).toEqual([]);
  });

  it('outlasts its connections having to wait for each other', async () => {
    const options = '-c idle_in_transaction_session_timeout=300ms';
    const pool = new pg.Pool({
      ...database.connection('maintenance'),
      options,
      types: typeParsers,
      max: MOST_COPIES + 1,
    });
    const patient = createTransactions({ server: pool, maintenance: pool });
    const verdicts = await verifyDatabase(
      {
        readAcross: patient.readAcross,
        copyAcross: (snapshot, work) =>
          patient.copyAcross(snapshot, (copy) => work((query, most) => delay(500).then(() => copy(query, most)))),
      },
      { keys: [log.key.verifier], checkpoints: [] },
    );
    await pool.end();
    expect(verdicts.map(({ findings }) => findings)).toEqual([[], []]);
  });

  it('is that of one moment, whatever is mended meanwhile', async () => {
    const { readAcross, copyAcross } = log.transactions;
    const set = (outcome: string) =>
      [7, 5_000, 12_450].map(
        (position) => `update audit_events set outcome = '${outcome}' where id = ${eventAt(position)}`,
      );
    await tamper(...set('failure'));
    let mended: Promise<void> | undefined;
    const verdicts = await verifyDatabase(
      {
        readAcross,
        async copyAcross(snapshot, work) {
          mended ??= tamper(...set('success'));
          await mended;
          return copyAcross(snapshot, work);
        },
      },
      { keys: [log.key.verifier], checkpoints: [] },
    );
    expect(verdicts.flatMap(({ findings }) => findings.map(({ position }) => position))).toEqual([7, 5_000, 12_450]);
    expect(await findingsOf(log)).toEqual([]);
  });
});
