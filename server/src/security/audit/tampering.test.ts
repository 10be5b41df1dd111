import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { aTestLog, type TestLog } from './audit.builders.ts';
import { createSequencer, RewrittenTreeError } from './sequencer.ts';

// Whoever owns the database can do to it what they like: triggers are switched off here, as they would. What they cannot do is to make it fit
// what was signed.

const EVENTS = 300;

let database: TestDatabase;
let log: TestLog;
beforeEach(async () => {
  database = await aDatabase();
  log = await aTestLog(database);
  await log.appendMany(EVENTS);
});
afterEach(() => database?.drop());

/** As the owner, with every trigger off. */
async function tamper(...statements: string[]): Promise<void> {
  await database.admin.query('set session_replication_role = replica');
  for (const statement of statements) await database.admin.query(statement);
  await database.admin.query('set session_replication_role = origin');
}

async function tree(): Promise<number> {
  const found = await database.admin.query<{ id: number }>('select id from audit_trees where organisation_id = $1', [
    log.organisationId,
  ]);
  return found.rows[0]?.id ?? 0;
}

async function findings(trusted: Parameters<TestLog['verify']>[0] = []) {
  const verdicts = await log.verify(trusted);
  return verdicts.flatMap((verdict) =>
    verdict.findings.map(({ kind, position, before, likely }) => ({
      kind,
      position,
      ...(before === undefined ? {} : { before }),
      ...(likely === undefined ? {} : { likely }),
    })),
  );
}

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
    // The key's own event, and the two checkpoints of the organisation.
    expect(instance?.size).toBe(3);
  });

  it('is not believed with another key', async () => {
    await log.sign();
    const stranger = await aTestLog(await aDatabase());
    const [, own] = await log.verify([], [stranger.key.verifier]);
    expect(own?.badNotes).toBe(1);
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

  it('an event inserted past the log is named', async () => {
    await tamper(
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind) values (gen_random_uuid(), ${log.organisationId}, 'session.created', 'success', 'user')`,
    );
    expect(await findings()).toEqual([{ kind: 'row_inserted', position: null }]);
  });

  it('two events that changed places are', async () => {
    const id = await tree();
    await tamper(
      `update audit_leaves l set hash = o.hash, entry = o.entry, event_id = null from audit_leaves o
       where l.tree = ${id} and o.tree = ${id} and (l.position, o.position) in ((7, 9), (9, 7))`,
    );
    expect(await findings()).toEqual([
      { kind: 'reordered', position: 7 },
      { kind: 'reordered', position: 9 },
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
  /** An older backup: everything the log consists of, as it was. */
  const tables = [
    'audit_events',
    'audit_pending',
    'audit_leaves',
    'audit_tiles',
    'audit_checkpoints',
    'audit_salts',
    'audit_trees',
  ];
  const backUp = () => tamper(...tables.map((table) => `create table backup_${table} as select * from ${table}`));
  const restore = () =>
    tamper(
      ...tables.map((table) => `delete from ${table}`),
      ...tables.map((table) => `insert into ${table} overriding system value select * from backup_${table}`),
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
    const reopened = await aTestLogAgain();
    await reopened.append(2_000);
    await reopened.append(2_001);
    await reopened.sign();
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
    const reopened = await aTestLogAgain();
    await reopened.sign();
    expect(await findings()).toEqual([]);
    const found = await findings(trusted);
    expect(found).toContainEqual({ kind: 'rewritten', position: 0, before: EVENTS });
    expect(await tree()).toBe(id);
  });

  async function aTestLogAgain() {
    const sequencer = createSequencer({ transactions: log.transactions, key: log.key });
    return { append: log.append, sign: () => sequencer.run({ signNow: true }) };
  }
});

describe('the sequencer', () => {
  it('signs nothing over a history that is no longer what it signed', async () => {
    await log.sign();
    const id = await tree();
    await tamper(`update audit_leaves set hash = sha256('x') where tree = ${id} and position = 299`);
    await log.append(1_000);
    const restarted = createSequencer({ transactions: log.transactions, key: log.key });
    await expect(restarted.run({ signNow: true })).rejects.toThrow(RewrittenTreeError);
    const waiting = await database.admin.query('select count(*)::int as n from audit_pending');
    expect(waiting.rows[0].n).toBe(1);
  });
});
