import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { falseValues, openedValues } from '../../lib/transparency/audit-leaf.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { aTestLog, type TestLog } from './audit.builders.ts';
import { endPending, listPending } from './pending.repository.ts';
import { eraseAuditValues, pruneAuditLog } from './pruning.ts';
import { createSequencer, type SignedCheckpoint } from './sequencer.ts';

let database: TestDatabase;
let log: TestLog;
let dataKeys: DataKeys;
beforeAll(async () => {
  database = await aDatabase();
  dataKeys = await dataKeysOn(database);
  log = await aTestLog(database, dataKeys);
});
afterAll(() => database?.drop());

const rows = async <T>(text: string, values: unknown[] = []): Promise<T[]> =>
  (await database.admin.query(text, values)).rows as T[];
const treeOf = async (organisationId: number): Promise<number> =>
  (await rows<{ id: number }>('select id from audit_trees where organisation_id = $1', [organisationId]))[0]?.id ?? 0;
const untilSomebodyWaits = () =>
  vi.waitFor(async () =>
    expect(await rows(`select 1 from pg_locks where locktype = 'advisory' and not granted`)).toHaveLength(1),
  );
const findings = async (trusted: Parameters<TestLog['verify']>[0] = []) =>
  (await log.verify(trusted)).flatMap(({ findings }) => findings);

describe('the sequencer', () => {
  it('gives an event that commits late its place, after those that were faster', async () => {
    const slow = await database.server.connect();
    await slow.query(`begin; select set_config('valtronics.organisation', '${log.organisationId}', true)`);
    await slow.query(
      `insert into audit_events (id, organisation_id, at, event, outcome, actor_kind) values ('00000000-0000-7000-8000-000000000001', $1, '2020-01-01', 'session.ended', 'success', 'user')`,
      [log.organisationId],
    );
    await log.append(1);
    await log.sign();
    await log.append(2);
    await log.sign();
    await slow.query('commit');
    slow.release();
    await log.sign();
    const placed = await rows<{ event: string; position: string }>(
      `select e.event, l.position from audit_leaves l join audit_events e on e.id = l.event_id where l.tree = $1 order by l.position`,
      [await treeOf(log.organisationId)],
    );
    expect(placed.map(({ event, position }) => [event, Number(position)])).toEqual([
      ['session.refused', 0],
      ['session.refused', 1],
      ['session.ended', 2],
    ]);
    expect(await findings()).toEqual([]);
  });

  it('gives nothing to what was rolled back', async () => {
    const client = await database.server.connect();
    await client.query(`begin; select set_config('valtronics.organisation', '${log.organisationId}', true)`);
    await client.query(
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind) values (gen_random_uuid(), $1, 'session.ended', 'success', 'user')`,
      [log.organisationId],
    );
    await client.query('rollback');
    client.release();
    expect(await rows('select 1 from audit_pending')).toEqual([]);
  });

  it('gives places in the order in which things happened, whatever the queue is in', async () => {
    await log.sign();
    const numbers = Array.from({ length: 50 }, (_, index) => 1_000 + index);
    for (const number of numbers) await log.append(number);
    await database.admin.query(
      `with queue as (delete from audit_pending returning event_id)
       insert into audit_pending (event_id) select e.id from audit_events e join queue on queue.event_id = e.id order by e.at desc`,
    );
    await log.sign();
    const placed = await rows<{ number: number }>(
      `select (e.details->>'number')::int as number from audit_leaves l join audit_events e on e.id = l.event_id
       where l.tree = $1 and (e.details->>'number')::int >= 1000 order by l.position`,
      [await treeOf(log.organisationId)],
    );
    expect(placed.map(({ number }) => number)).toEqual(numbers);
  });

  it('gives no second place to what has one or waits twice, and none to what is not there', async () => {
    await log.sign();
    await log.append(2_000);
    await database.admin.query(
      `insert into audit_pending (event_id) select event_id from audit_pending
       union all (select id from audit_events where event = 'session.refused' order by at limit 3) union all select gen_random_uuid()`,
    );
    const leaves = async () => (await rows('select 1 from audit_leaves where event_id is not null')).length;
    const before = await leaves();
    await log.sign();
    expect(await leaves()).toBe(before + 1);
    expect(log.damaged).toEqual([]);
    expect(await rows('select 1 from audit_pending')).toEqual([]);
    expect(await findings()).toEqual([]);
  });

  it('takes the oldest first, looks each up by itself, and passes over whom it is told to', async () => {
    for (let number = 3_000; number < 3_200; number += 1) await log.append(number);
    await log.sign();
    const numbers = Array.from({ length: 20 }, (_, index) => 3_200 + index);
    for (const number of numbers) await log.append(number);
    await database.admin.query(
      `with queue as (delete from audit_pending returning event_id, organisation_id)
       insert into audit_pending (event_id, organisation_id) select event_id, organisation_id from queue order by event_id desc`,
    );
    await log.transactions.unaudited(null, 'audit_sequence', async (tx) => {
      const read = async () =>
        (
          await sql<{
            rows: number;
          }>`select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_xact_user_tables
            where relname in ('audit_events', 'audit_leaves')`.execute(tx.db)
        ).rows[0]?.rows;
      const before = (await read()) ?? 0;
      expect((await listPending(tx, 2_000, [null])).events).toHaveLength(20);
      expect(await read()).toBe(before + 20);
      const { events } = await listPending(tx, 10, [null]);
      expect(events.map(({ details }) => (details as { number: number }).number)).toEqual(numbers.slice(0, 10));
      expect(await listPending(tx, 10, [log.organisationId])).toEqual({ events: [], idle: [] });
    });
    await log.sign();
  });

  it('signs at a stop though another server is at it, once that has ended', async () => {
    await log.append(1);
    const another = await database.maintenance.connect();
    await another.query('begin');
    await another.query('select pg_advisory_xact_lock($1)', [0x6175646974]);
    expect(await log.sequencer.run()).toEqual([]);
    const signed = log.sign();
    await untilSomebodyWaits();
    await another.query('commit');
    another.release();
    expect((await signed).map(({ origin }) => origin.endsWith('/instance'))).toEqual([false, true]);
  });

  it('takes a row out of the queue only for the event it was read of', async () => {
    await log.sign();
    const [event] = await rows<{ id: string }>('select id from audit_events limit 1');
    const [other] = await rows<{ id: string }>('select id from audit_events offset 1 limit 1');
    const [waiting] = await rows<{ row: string }>(
      'insert into audit_pending (event_id) values ($1) returning ctid::text as row',
      [event?.id],
    );
    const end = (eventId: string | undefined) =>
      log.transactions.unaudited(null, 'audit_sequence', (tx) =>
        endPending(tx, [{ row: waiting?.row ?? '', eventId: eventId ?? '' }]),
      );
    await end(other?.id);
    expect(await rows('select 1 from audit_pending')).toHaveLength(1);
    await end(event?.id);
    expect(await rows('select 1 from audit_pending')).toEqual([]);
  });

  it('one that is asked again while it is at it does one after the other', async () => {
    const sequencer = createSequencer({
      // Told late of what is committed.
      transactions: {
        unaudited: async (...asked) => {
          const result = await log.transactions.unaudited(...asked);
          await delay(Math.random() * 10);
          return result;
        },
      },
      key: log.key,
      onDamaged: ({ origin }) => damaged.push(origin),
    });
    const damaged: string[] = [];
    const signed: SignedCheckpoint[] = [];
    let isOver = false;
    const runs = [1, 2, 3].map(async () => {
      while (!isOver) signed.push(...(await sequencer.run({ signNow: true })));
    });
    await log.appendMany(100);
    isOver = true;
    await Promise.all(runs);
    signed.push(...(await sequencer.run({ signNow: true })));
    const of = (organisationId: number | null) =>
      signed.filter((checkpoint) => checkpoint.organisationId === organisationId);
    expect(damaged).toEqual([]);
    expect(of(log.organisationId).length).toBeGreaterThan(5);
    for (const sizes of [of(log.organisationId), of(null)].map((some) => some.map(({ size }) => size)))
      expect(sizes).toEqual([...new Set(sizes)].sort((one, other) => one - other));
    expect(await findings()).toEqual([]);
  });

  it('one whose turn was undone takes what another did instead, though it is as much', async () => {
    let dies = true;
    const undone = createSequencer({
      key: log.key,
      transactions: {
        unaudited: (organisationId, reason, work) =>
          log.transactions.unaudited(organisationId, reason, async (tx) => {
            const result = await work(tx);
            if (dies) throw new Error('died before the commit');
            return result;
          }),
      },
    });
    await log.sign();
    await log.append(1);
    await expect(undone.run()).rejects.toThrow('died');
    await log.sequencer.run();
    dies = false;
    await undone.run({ signNow: true });
    expect(await findings()).toEqual([]);
  });

  it('four of them at once, some dying in the middle: each event has one place, and the log is one that verifies', async () => {
    const servers = Array.from({ length: 4 }, () => createSequencer({ transactions: log.transactions, key: log.key }));
    const dying = createSequencer({
      key: log.key,
      transactions: {
        unaudited: (organisationId, reason, work) =>
          log.transactions.unaudited(organisationId, reason, async (tx) => {
            await work(tx);
            throw new Error('died before the commit');
          }),
      },
    });
    let isWriting = true;
    const writing = log.appendMany(400).finally(() => {
      isWriting = false;
    });
    const running = servers.map(async (server, index) => {
      while (isWriting) await server.run({ signNow: index % 2 === 0 });
    });
    while (isWriting) await dying.run({ signNow: true }).catch(() => undefined);
    await Promise.all([writing, ...running]);
    const trusted = await log.sign();
    expect(await rows('select 1 from audit_pending')).toEqual([]);
    const [{ events, leaves, positions } = { events: 0, leaves: 0, positions: 0 }] = await rows<Record<string, number>>(
      `select (select count(*) from audit_events where organisation_id = $1)::int as events, count(*)::int as leaves,
        (max(position) + 1)::int as positions from audit_leaves where tree = $2`,
      [log.organisationId, await treeOf(log.organisationId)],
    );
    expect([leaves, positions]).toEqual([events, events]);
    expect(await findings(trusted)).toEqual([]);
  });

  it('signs what is new within the time it says, and no more often', async () => {
    let now = 0;
    const sequencer = createSequencer({ transactions: log.transactions, key: log.key, monotonic: () => now });
    await sequencer.run();
    await log.append(1);
    expect(await sequencer.run()).toEqual([]);
    now = 2_999;
    expect(await sequencer.run()).toEqual([]);
    now = 3_000;
    expect((await sequencer.run()).map(({ organisationId }) => organisationId)).toEqual([log.organisationId, null]);
    now = 6_000;
    expect(await sequencer.run()).toEqual([]);
  });
});

describe('erasing a person', () => {
  it('takes away what names them, and leaves every proof as it was', async () => {
    await log.append(1);
    const trusted = await log.sign();
    const before = await rows<{ entry: string }>('select entry from audit_leaves where tree = $1 order by position', [
      await treeOf(log.organisationId),
    ]);
    const erased = await log.transactions.unaudited(null, 'housekeeping', (tx) =>
      eraseAuditValues(tx, log.organisationId, 'person-1'),
    );
    expect(erased).toBeGreaterThan(0);
    const kept = await rows<{ row: string; name: string | null; reason: string; address: string | null }>(
      `select to_jsonb(e)::text || s.salts::text as row, details->>'name' as name, details->>'reason' as reason, address
       from audit_events e join audit_salts s on s.event_id = e.id where e.actor_id = 'person-1'`,
    );
    expect(kept.length).toBeGreaterThan(0);
    for (const { row, name, reason, address } of kept) {
      expect(row).not.toContain('person-1@example.org');
      expect(row).not.toContain('/actor/label');
      expect([name, reason, address]).toEqual([null, 'test', null]);
    }
    const others = await rows(`select 1 from audit_events where actor_id = 'person-2' and actor_label is null`);
    expect(others).toEqual([]);
    expect(
      await rows('select entry from audit_leaves where tree = $1 order by position', [
        await treeOf(log.organisationId),
      ]),
    ).toEqual(before);
    expect(await findings(trusted)).toEqual([]);
    const counted = (await log.verify(trusted)).map(({ erasedValues }) => erasedValues);
    expect(counted).toEqual([0, erased]);
    await log.sign();
    expect(await rows(`select resource_id, details from audit_events where event = 'audit.values_erased'`)).toEqual([
      { resource_id: 'person-1', details: { values: erased } },
    ]);
  });

  it('a value that was put where one was erased does not pass for it', async () => {
    await database.admin.query('set session_replication_role = replica');
    await database.admin.query(
      `update audit_events set actor_label = 'somebody else' where id = (select id from audit_events where actor_id = 'person-1' limit 1)`,
    );
    await database.admin.query('set session_replication_role = origin');
    expect((await findings()).map(({ kind }) => kind)).toEqual(['row_edited']);
    await database.admin.query('set session_replication_role = replica');
    await database.admin.query(`update audit_events set actor_label = null where actor_label = 'somebody else'`);
    await database.admin.query('set session_replication_role = origin');
    expect(await findings()).toEqual([]);
  });

  it('accounts for that person, and up to then: nobody else is blanked under it, nor the same person later', async () => {
    // However many it says there were, what came after it is not among them.
    await database.maintenance.query(
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind, actor_id, resource_kind, resource_id, details)
       values (gen_random_uuid(), $1, 'audit.values_erased', 'success', 'system', 'audit-log', 'user', 'person-2', '{"values": 1000}')`,
      [log.organisationId],
    );
    await log.sign();
    await log.append(1);
    await log.append(2);
    await log.sign();
    expect(await findings()).toEqual([]);
    for (const person of ['person-1', 'person-2']) {
      const [{ id, label, salts } = { id: '', label: '', salts: '' }] = await rows<
        Record<'id' | 'label' | 'salts', string>
      >(
        `select e.id, actor_label as label, salts::text as salts from audit_events e join audit_salts s on s.event_id = e.id
         where actor_id = $1 and actor_label is not null order by at desc limit 1`,
        [person],
      );
      await database.admin.query('set session_replication_role = replica');
      await database.admin.query('update audit_events set actor_label = null where id = $1', [id]);
      await database.admin.query(`update audit_salts set salts = salts - '/actor/label' where event_id = $1`, [id]);
      expect((await findings()).map(({ kind, eventId }) => [kind, eventId])).toEqual([
        ['row_blanked', person === 'person-2' ? id : expect.any(String)],
      ]);
      await database.admin.query('update audit_events set actor_label = $2 where id = $1', [id, label]);
      await database.admin.query('update audit_salts set salts = $2::jsonb where event_id = $1', [id, salts]);
      await database.admin.query('set session_replication_role = origin');
    }
    expect(await findings()).toEqual([]);
  });

  it('only the function may, and only it: neither the owner nor the maintenance role edits a value', async () => {
    for (const statement of [
      `update audit_events set actor_label = null`,
      `set valtronics.audit_upkeep = 'erase'; update audit_events set event = 'x'`,
      `set valtronics.audit_upkeep = 'prune'; update audit_events set actor_label = null`,
      `set valtronics.audit_upkeep = 'erase'; delete from audit_events`,
      `set valtronics.audit_upkeep = 'erase'; delete from audit_leaves`,
      `set valtronics.audit_upkeep = 'prune'; update audit_leaves set hash = hash`,
      `set valtronics.audit_upkeep = 'prune'; delete from audit_checkpoints`,
      `set valtronics.audit_upkeep = 'prune'; delete from audit_tiles`,
    ]) {
      await expect(database.admin.query(statement), statement).rejects.toMatchObject({ code: '42501' });
      await database.admin.query('reset valtronics.audit_upkeep');
      await expect(database.maintenance.query(statement), statement).rejects.toMatchObject({ code: '42501' });
      await database.maintenance.query('reset valtronics.audit_upkeep');
    }
  });
});

describe('pruning', () => {
  it('removes what is old, says so in the log, and what remains verifies and can be proven', async () => {
    const tree = await treeOf(log.organisationId);
    const [{ size } = { size: 0 }] = await rows<{ size: number }>(
      'select count(*)::int as size from audit_leaves where tree = $1',
      [tree],
    );
    expect(size).toBeGreaterThan(300);
    // Five hundred days pass for the first 300: their leaves are made anew, as nobody could who has not the key.
    const other = await aTestLog(database, dataKeys);
    await database.admin.query('set session_replication_role = replica');
    await other.appendMany(300);
    await database.admin.query(`update audit_events set at = now() - interval '500 days' where organisation_id = $1`, [
      other.organisationId,
    ]);
    await database.admin.query(
      `insert into audit_pending (event_id) select id from audit_events where organisation_id = $1 order by id`,
      [other.organisationId],
    );
    await database.admin.query('set session_replication_role = origin');
    await other.sign();
    await other.appendMany(10);
    const trusted = await other.sign();
    await pruneAuditLog({ transactions: log.transactions, retentionDays: 400 });
    await other.sign();
    const its = await treeOf(other.organisationId);
    expect(
      // The newest of what is old stays, as the witness of how old the rest was.
      await rows(`select 1 from audit_events where organisation_id = $1 and at < now() - interval '400 days'`, [
        other.organisationId,
      ]),
    ).toHaveLength(1);
    expect(
      await rows(
        `select position::int from audit_leaves where tree = $1 and (position < 256 or (position < 299 and entry is not null))`,
        [its],
      ),
    ).toEqual([]);
    const verdicts = await other.verify(trusted);
    const own = verdicts.find(({ origin }) => trusted[0]?.origin === origin);
    expect([own?.findings, own?.prunedBelow, own?.size, own?.trustedSize]).toEqual([[], 299, 311, 310]);
    const said = await rows<{ details: object }>(
      `select details from audit_events where event = 'audit.pruned' and organisation_id = $1`,
      [other.organisationId],
    );
    expect(said).toEqual([
      { details: { below: 299, olderThan: expect.any(String), removed: 299, retentionDays: 400 } },
    ]);
    // Again: there is nothing more, so nothing is said.
    await pruneAuditLog({ transactions: log.transactions, retentionDays: 400 });
    expect(await rows(`select 1 from audit_events where event = 'audit.pruned'`)).toHaveLength(1);
  });

  it('nobody prunes what is younger than 90 days, nor without the log saying so', async () => {
    const tree = await treeOf(log.organisationId);
    await expect(database.maintenance.query('select prune_audit_tree($1, 10)', [tree])).rejects.toMatchObject({
      code: '42501',
    });
    await expect(database.server.query('select prune_audit_tree($1, 10)', [tree])).rejects.toMatchObject({
      code: '42501',
    });
    await database.admin.query('set session_replication_role = replica');
    await database.admin.query(
      'delete from audit_events where id in (select event_id from audit_leaves where tree = $1 and position < 5)',
      [tree],
    );
    await database.admin.query('delete from audit_leaves where tree = $1 and position < 5', [tree]);
    await database.admin.query('set session_replication_role = origin');
    expect(await findings()).toContainEqual({ kind: 'missing', position: 0, before: 5 });
  });
});

describe('a leaf', () => {
  it('holds no personal value, and what stands beside it fits', async () => {
    const found = await rows<{
      entry: string;
      salts: Record<string, string>;
      label: string;
      name: string;
      id: string;
      address: string;
    }>(
      `select l.entry, s.salts, e.id, e.actor_label as label, e.details->>'name' as name, host(e.address) as address
       from audit_leaves l join audit_events e on e.id = l.event_id join audit_salts s on s.event_id = e.id where e.actor_label is not null limit 20`,
    );
    expect(found).toHaveLength(20);
    for (const { entry, salts, label, name, address, id } of found) {
      for (const value of [label, name, address]) expect(entry).not.toContain(`"${value}"`);
      const row = { id, actorLabel: label, address, details: { name } } as unknown as Parameters<
        typeof openedValues
      >[0];
      const values = openedValues(row, salts);
      expect(Object.keys(values).sort()).toEqual(['/actor/label', '/address', '/details/name']);
      expect(falseValues(entry, values)).toEqual([]);
      const label1 = values['/actor/label'];
      expect(falseValues(entry, { '/actor/label': { salt: label1?.salt ?? '', value: 'somebody else' } })).toEqual([
        '/actor/label',
      ]);
    }
  });
});
