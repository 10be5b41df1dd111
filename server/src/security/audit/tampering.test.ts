import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { verdictText } from '../../lib/transparency/verdict-text.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { asOwner, aTestLog, auditTables, findingsOf, type TestLog, treeOf } from './audit.builders.ts';
import { checkNewest } from './self-check.ts';

// Whoever owns the database can do to it what they like: triggers are switched off here, as they would. What they cannot do is to make it fit
// what was signed.

const EVENTS = 300;

let database: TestDatabase;
let log: TestLog;
let dataKeys: DataKeys;
beforeEach(async () => {
  database = await aDatabase();
  dataKeys = await dataKeysOn(database);
  log = await aTestLog(database, dataKeys);
  await log.appendMany(EVENTS);
});
afterEach(() => database?.drop());

const tamper = (...statements: string[]) => asOwner(database, statements);
const tree = () => treeOf(database, log.organisationId);

const findings = (trusted: Parameters<TestLog['verify']>[0] = []) => findingsOf(log, trusted);

const eventAt = `(select event_id from audit_leaves where tree = $TREE and position = 7)`;
const at7 = async (sql: string) => sql.replaceAll('$EVENT', eventAt).replaceAll('$TREE', String(await tree()));

describe('an honest log', () => {
  it('verifies, whatever was signed on the way', async () => {
    await log.sign();
    await log.append(1_000);
    const trusted = await log.sign();
    expect(await findings(trusted)).toEqual([]);
    const [instance, own] = await log.verify(trusted);
    expect([own?.size, own?.trustedSize, own?.badNotes, own?.checkpoints]).toEqual([EVENTS + 1, EVENTS + 1, 0, 5]);
    // Those of the key epoch and of the log's key, and the two checkpoints of the organisation.
    expect(instance?.size).toBe(4);
  });

  it('is not believed with another key', async () => {
    await log.sign();
    const stranger = await aTestLog(await aDatabase());
    const [, own] = await log.verify([], [stranger.key.verifier]);
    expect(own?.badNotes).toBe(1);
  });
});

describe('a log that was altered everywhere', () => {
  it('tells a hundred of each kind, none of which hides another, and counts the rest', async () => {
    await log.sign();
    const own = await tree();
    await tamper(
      `update audit_events set event = 'session.created' where organisation_id = ${log.organisationId}`,
      `update audit_leaves set entry = entry || ' ' where tree = ${own} and position < 250`,
      `delete from audit_leaves where tree = ${own} and position between 260 and 269`,
      `insert into audit_events (id, organisation_id, at, event, outcome, actor_kind, actor_id, details)
        select gen_random_uuid(), ${log.organisationId}, now(), 'session.created', 'success', 'system', 'x', '{}' from generate_series(1, 130)`,
    );
    const verdicts = await log.verify();
    const verdict = verdicts.find(({ origin }) => origin.endsWith('/instance') === false);
    const counts = Object.fromEntries(
      Map.groupBy(verdict?.findings ?? [], ({ kind }) => kind)
        .entries()
        .map(([kind, all]) => [kind, all.length]),
    );
    expect(counts).toEqual({ edited: 100, row_edited: 100, row_inserted: 100, missing: 1 });
    const more = Object.fromEntries((verdict?.more ?? []).map(({ kind, count }) => [kind, count]));
    expect(more).toEqual({ edited: 150, row_edited: 190, row_inserted: 40 });
    const text = verdictText(verdicts, 'installation');
    expect(text).toContain('BAD  and 150 more, each of which is not what was logged');
    expect(text.split('\n').length).toBeLessThan(330);
  });

  it('has places that are missing by turns told as such, a hundred and the number of the rest', async () => {
    await log.sign();
    await tamper(`delete from audit_leaves where tree = ${await tree()} and position < 256 and position % 2 = 0`);
    const [, own] = await log.verify();
    const missing = own?.findings.filter(({ kind }) => kind === 'missing') ?? [];
    expect(missing.map(({ position }) => position)).toEqual(Array.from({ length: 100 }, (_, at) => at * 2));
    expect(own?.more.find(({ kind }) => kind === 'missing')).toEqual({ kind: 'missing', count: 28 });
  });
});

describe('against what is kept beside the leaves', () => {
  beforeEach(async () => {
    await log.sign();
  });

  it.each([
    ['what is shown of an event', `update audit_events set event = 'session.created' where id = $EVENT`, 'row_edited'],
    ['who did it', `update audit_events set actor_label = 'somebody@example.org' where id = $EVENT`, 'row_edited'],
    ['when it was', `update audit_events set at = at - interval '1 microsecond' where id = $EVENT`, 'row_edited'],
    ['from where', `update audit_events set address = '198.51.100.1' where id = $EVENT`, 'row_edited'],
    ['a name, without its salt', `update audit_events set address = null where id = $EVENT`, 'row_edited'],
    ['a detail', `update audit_events set details = details || '{"number": 8}' where id = $EVENT`, 'row_edited'],
    [
      'a text, blanked',
      `update audit_events set details = details || '{"name": null}' where id = $EVENT`,
      'row_edited',
    ],
    ['the event', `delete from audit_events where id = $EVENT`, 'row_missing'],
    [
      'the leaf',
      `update audit_leaves set entry = replace(entry, '"failure"', '"success"') where tree = $TREE and position = 7`,
      'edited',
    ],
    ['the leaf, gone', `delete from audit_leaves where tree = $TREE and position = 7`, 'missing'],
  ])('%s: found at its position', async (_, sql, kind) => {
    await tamper(await at7(sql));
    expect((await findings())[0]).toEqual({ kind, position: 7 });
  });

  it('the event, and that its leaf was about it, is', async () => {
    await tamper(
      ...(await Promise.all([
        at7('delete from audit_salts where event_id = $EVENT'),
        at7('delete from audit_events where id = $EVENT'),
        at7('update audit_leaves set event_id = null where tree = $TREE and position = 7'),
      ])),
    );
    expect(await findings()).toEqual([{ kind: 'row_missing', position: 7 }]);
  });

  it('an event that was edited and given a new place is found at its old one', async () => {
    await tamper(
      await at7(`insert into audit_pending (event_id) select $EVENT`),
      await at7(`update audit_events set outcome = 'success' where id = $EVENT`),
      await at7(`delete from audit_salts where event_id = $EVENT`),
      await at7(`update audit_leaves set event_id = null where tree = $TREE and position = 7`),
    );
    await log.sign();
    expect(await findings()).toEqual([{ kind: 'row_missing', position: 7 }]);
  });

  it('a leaf moved onto the place before it is missing from its own', async () => {
    await tamper(
      'alter table audit_leaves drop constraint audit_leaves_pkey',
      await at7('update audit_leaves set position = 6 where tree = $TREE and position = 7'),
    );
    expect(await findings()).toContainEqual({ kind: 'missing', position: 7 });
  });

  it('a byte moved from the hash of one leaf to that of the next is found at both', async () => {
    await tamper(
      'alter table audit_leaves drop constraint audit_leaves_hash_check',
      await at7(`update audit_leaves next set hash = substr(leaf.hash, 32) || next.hash from audit_leaves leaf
        where leaf.tree = $TREE and next.tree = $TREE and leaf.position = 7 and next.position = 8`),
      await at7('update audit_leaves set hash = substr(hash, 1, 31) where tree = $TREE and position = 7'),
    );
    expect(await findings()).toEqual([
      { kind: 'edited', position: 7 },
      { kind: 'edited', position: 8 },
    ]);
  });

  it('one event at two places is found at both', async () => {
    await tamper(
      'drop index audit_leaves_event',
      await at7('update audit_leaves set event_id = $EVENT where tree = $TREE and position = 9'),
    );
    const found = await findings();
    expect(found).toContainEqual({ kind: 'twice', position: 7 });
    expect(found).toContainEqual({ kind: 'twice', position: 9 });
    expect(found).toContainEqual({ kind: 'row_missing', position: 9 });
  });

  it('an event shown to another organisation is missing in one log and inserted into the other', async () => {
    const other = await aTestLog(database, dataKeys);
    await other.append(1);
    await log.sign();
    await tamper(await at7(`update audit_events set organisation_id = ${other.organisationId} where id = $EVENT`));
    expect(await findings()).toEqual([
      { kind: 'row_missing', position: 7 },
      { kind: 'row_inserted', position: null },
    ]);
  });

  it('a whole log that is shown to another organisation is missing from its own', async () => {
    const other = await aTestLog(database, dataKeys);
    await tamper(
      `update audit_events set organisation_id = ${other.organisationId} where organisation_id = ${log.organisationId}`,
      `update audit_trees set organisation_id = ${other.organisationId} where organisation_id = ${log.organisationId}`,
    );
    expect((await findings())[0]).toEqual({ kind: 'row_missing', position: 0 });
  });

  it.each([
    ['who did it', `update audit_events set actor_label = null where id = $EVENT`, '/actor/label'],
    ['from where', `update audit_events set address = null where id = $EVENT`, '/address'],
    ['a text', `update audit_events set details = details || '{"name": null}' where id = $EVENT`, '/details/name'],
  ])('%s, blanked with its salt: no erasure accounts for it', async (_, sql, pointer) => {
    await tamper(
      await at7(sql),
      await at7(`update audit_salts set salts = salts - '${pointer}' where event_id = $EVENT`),
    );
    expect(await findings()).toEqual([{ kind: 'row_blanked', position: 7 }]);
    const told: unknown[] = [];
    await checkNewest(log.transactions, log.key.verifier, (_origin, finding) => told.push(finding));
    expect(told).toEqual([expect.objectContaining({ kind: 'row_blanked', position: 7 })]);
  });

  it('an entry that is no JSON any more is named, not stumbled over', async () => {
    await tamper(
      `update audit_leaves set entry = '{"kind":"checkpoint"' where entry like '%"kind":"checkpoint"%'`,
      await at7(`update audit_leaves set entry = '"event":"audit.pruned"' where tree = $TREE and position = 7`),
    );
    const found = await findings();
    expect(found).toContainEqual({ kind: 'edited', position: 2 });
    expect(found).toContainEqual({ kind: 'edited', position: 7 });
  });

  it('an event inserted past the log is named', async () => {
    await tamper(
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind) values (gen_random_uuid(), ${log.organisationId}, 'session.created', 'success', 'user')`,
    );
    expect(await findings()).toEqual([{ kind: 'row_inserted', position: null }]);
  });

  it.each([
    ['before all', '-1', []],
    ['beyond all', 'null', ['alter table audit_leaves alter position drop not null']],
    ['between two', '5.5', ['alter table audit_leaves alter position type numeric']],
  ])('an event with a leaf of its own %s, where nobody walks, is', async (_, position, before) => {
    await tamper(
      'alter table audit_leaves drop constraint audit_leaves_pkey, drop constraint audit_leaves_position_check',
      ...before,
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind) values ('00000000-0000-4000-8000-000000000001', ${log.organisationId}, 'session.created', 'success', 'user')`,
      await at7(`insert into audit_leaves (tree, position, hash, event_id, entry)
        select tree, ${position}, hash, '00000000-0000-4000-8000-000000000001', entry from audit_leaves where tree = $TREE and position = 7`),
    );
    expect(await findings()).toContainEqual({ kind: 'row_inserted', position: null });
  });

  it.each([
    ['actor_kind', 'audit_events', `bytea using convert_to(actor_kind, 'UTF8')`],
    ['request_id', 'audit_events', `bytea using convert_to(request_id, 'UTF8')`],
    ['actor_kind, as the number of its letters', 'audit_events', 'integer using 1970496882'],
    ['entry', 'audit_leaves', `bytea using convert_to(entry, 'UTF8')`],
    ['salts', 'audit_salts', 'text using salts::text'],
    ['details', 'audit_events', 'text using details::text'],
  ])('what is shown otherwise since its column has another type is: %s', async (name, table, type) => {
    const [column] = name.split(',');
    await tamper(
      `do $$ declare c text; begin
         for c in select conname from pg_constraint where conrelid = '${table}'::regclass and contype = 'c' loop
           execute 'alter table ${table} drop constraint ' || quote_ident(c);
         end loop; end $$`,
      `alter table ${table} alter ${column} drop default, alter ${column} type ${type}`,
    );
    expect((await findings()).length).toBeGreaterThan(0);
  });

  it('two events that changed places are', async () => {
    const id = await tree();
    await tamper(
      `update audit_leaves l set hash = o.hash, entry = o.entry, event_id = null from audit_leaves o
       where l.tree = ${id} and o.tree = ${id} and (l.position, o.position) in ((7, 9), (9, 7))`,
    );
    expect(await findings()).toEqual([
      { kind: 'reordered', position: 7 },
      { kind: 'row_missing', position: 7 },
      { kind: 'reordered', position: 9 },
      { kind: 'row_missing', position: 9 },
      { kind: 'row_inserted', position: null },
      { kind: 'row_inserted', position: null },
    ]);
  });

  it('a tile is', async () => {
    await tamper(
      `update audit_tiles set hashes = set_byte(hashes, 100, (get_byte(hashes, 100) + 1) % 256) where tree = ${await tree()}`,
    );
    expect((await findings())[0]).toEqual({ kind: 'edited', position: 3 });
  });

  it('what is cut off after a checkpoint of its own is', async () => {
    const id = await tree();
    await tamper(
      `delete from audit_events where id in (select event_id from audit_leaves where tree = ${id} and position >= 290)`,
      `delete from audit_leaves where tree = ${id} and position >= 290`,
    );
    expect(await findings()).toEqual([{ kind: 'truncated', position: 290, before: EVENTS }]);
  });

  it('also when the checkpoints of the tree are gone with it: the log of the instance holds them', async () => {
    const id = await tree();
    await tamper(
      `delete from audit_events where id in (select event_id from audit_leaves where tree = ${id} and position >= 290)`,
      `delete from audit_leaves where tree = ${id} and position >= 290`,
      `delete from audit_checkpoints where tree = ${id}`,
    );
    expect(await findings()).toEqual([{ kind: 'truncated', position: 290, before: EVENTS }]);
  });
});

describe('against a trusted earlier checkpoint', () => {
  const backUp = (name = 'backup') =>
    tamper(...auditTables.map((table) => `create table ${name}_${table} as select * from ${table}`));
  const restore = (name = 'backup') =>
    tamper(
      ...auditTables.map((table) => `delete from ${table}`),
      ...auditTables.map((table) => `insert into ${table} overriding system value select * from ${name}_${table}`),
    );

  it('an older backup is told from what it was, where it ends', async () => {
    await log.sign();
    await backUp();
    await log.append(1_000);
    await log.append(1_001);
    const trusted = await log.sign();
    await restore();
    // By itself it is a log like any other: nothing in the database can tell.
    expect(await findings()).toEqual([]);
    expect(await findings(trusted)).toContainEqual({ kind: 'truncated', position: EVENTS, before: EVENTS + 2 });
  });

  it('an older backup that went on growing is told too, between what was signed before and after', async () => {
    const first = await log.sign();
    await backUp();
    await log.append(1_000);
    const trusted = await log.sign();
    await restore();
    await log.append(2_000);
    await log.append(2_001);
    await log.restarted().sign();
    expect(await findings()).toEqual([]);
    expect(await findings(first)).toEqual([]);
    // With one checkpoint, that it was rewritten before it; with an earlier one too, after that.
    expect(await findings(trusted)).toContainEqual({
      kind: 'rewritten',
      position: 0,
      before: EVENTS + 1,
      likely: EVENTS,
    });
    expect(await findings([...first, ...trusted])).toContainEqual({
      kind: 'rewritten',
      position: EVENTS,
      before: EVENTS + 1,
    });
  });

  it('a history written anew with the log’s own key is told, and no more than that by itself', async () => {
    const trusted = await log.sign();
    const id = await tree();
    // Whoever has the root key and the database: the sequencer itself makes the new history, of altered events.
    await tamper(
      ...['audit_leaves', 'audit_tiles', 'audit_checkpoints', 'audit_salts'].map((table) => `delete from ${table}`),
      `update audit_events set outcome = 'success' where id = (select id from audit_events where organisation_id = ${log.organisationId} order by id limit 1 offset 5)`,
      'insert into audit_pending (event_id) select id from audit_events order by id',
    );
    await log.restarted().sign();
    expect(await findings()).toEqual([]);
    const found = await findings(trusted);
    expect(found).toContainEqual({ kind: 'rewritten', position: 0, before: EVENTS });
    expect(await tree()).toBe(id);
  });

  it('a server that ran while one was put back signs no second history, and goes on once the first is there', async () => {
    await log.sign();
    await backUp('older');
    await log.append(1_000);
    await log.append(1_001);
    const trusted = await log.sign();
    await backUp('newer');
    await restore('older');
    for (const index of [2_000, 2_001, 2_002]) await log.append(index);
    for (let time = 0; time < 3; time += 1) expect(await log.sign()).toEqual([]);
    expect(log.damaged).toEqual([{ origin: trusted[0]?.origin, before: EVENTS + 2 }]);
    await restore('newer');
    await log.append(1_002);
    expect((await log.sign()).map(({ size }) => size)).toEqual([EVENTS + 3, 5]);
    expect(await findings(trusted)).toEqual([]);
  });
});
