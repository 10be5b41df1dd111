import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { asOwner, aTestLog, findingsOf, type TestLog, treeOf } from './audit.builders.ts';
import { openAuditProofs } from './audit-proofs.ts';
import { checkNewest } from './self-check.ts';
import { createSequencer } from './sequencer.ts';

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
const findings = () => findingsOf(log);

describe('the sequencer, where a tree is damaged', () => {
  const damages: [string, string, string][] = [
    [
      'a leaf',
      `update audit_leaves set hash = sha256('x') where tree = $TREE and position = 299`,
      `update audit_leaves set hash = sha256(decode('00', 'hex') || convert_to(entry, 'UTF8')) where tree = $TREE and position = 299`,
    ],
    [
      'a signature',
      `update audit_checkpoints set note = replace(note, 'localhost:8000', 'localhost:8001') where tree = $TREE`,
      `update audit_checkpoints set note = replace(note, 'localhost:8001', 'localhost:8000') where tree = $TREE`,
    ],
    [
      'a checkpoint that is none',
      `update audit_checkpoints set note = 'x' || note || 'x' where tree = $TREE`,
      `update audit_checkpoints set note = substr(note, 2, length(note) - 2) where tree = $TREE`,
    ],
    [
      'a tile too many',
      `insert into audit_tiles (tree, level, number, hashes, root) values ($TREE, 0, 1, decode(repeat('00', 8192), 'hex'), sha256('x'))`,
      `delete from audit_tiles where tree = $TREE and number = 1`,
    ],
    [
      'a leaf further on than anything can be',
      `insert into audit_leaves (tree, position, hash) values ($TREE, 9223372036854775807, sha256('x'))`,
      `delete from audit_leaves where tree = $TREE and position > 1000`,
    ],
    [
      'a tile further on than anything can be',
      `insert into audit_tiles (tree, level, number, hashes, root) values ($TREE, 0, 9223372036854775807, decode(repeat('00', 8192), 'hex'), sha256('x'))`,
      `delete from audit_tiles where tree = $TREE and number > 1`,
    ],
  ];

  it.each(damages)(
    '%s: signs nothing over that history, tells it once, and signs on for the others',
    async (_, damage, repair) => {
      const other = await aTestLog(database, dataKeys);
      await other.append(1);
      await log.sign();
      await tamper(damage.replaceAll('$TREE', String(await tree())));
      const restarted = log.restarted();
      for (const [index, size] of [
        [1_000, 2],
        [1_001, 3],
      ] as const) {
        await log.append(index);
        await other.append(index);
        const signed = await restarted.sign();
        expect(
          signed.filter(({ origin }) => !origin.endsWith('/instance')).map((checkpoint) => checkpoint.size),
        ).toEqual([size]);
        expect(signed).toHaveLength(2);
      }
      expect(restarted.damaged).toHaveLength(1);
      expect(await waiting()).toBe(2);
      const told: string[] = [];
      await checkNewest(log.transactions, log.key.verifier, (origin, { kind }) => told.push(`${origin} ${kind}`));
      expect(told.some((text) => text.startsWith(restarted.damaged[0]?.origin ?? '-'))).toBe(true);

      // Somebody has put back what was there.
      await tamper(repair.replaceAll('$TREE', String(await tree())));
      expect((await restarted.sign()).map(({ size }) => size)).toContain(EVENTS + 2);
      expect(await waiting()).toBe(0);
      expect(await findings()).toEqual([]);
    },
  );

  it('a damaged log of the instance keeps no organisation from being signed', async () => {
    await log.sign();
    await tamper(
      `update audit_leaves set hash = sha256('x') where tree = (select id from audit_trees where organisation_id is null) and position = 0`,
    );
    await log.append(1_000);
    const restarted = log.restarted();
    expect((await restarted.sign()).map(({ size }) => size)).toEqual([EVENTS + 1]);
    expect(restarted.damaged.map(({ origin }) => origin.endsWith('/instance'))).toEqual([true]);
  });

  it('the look at the newest part reports every tree, whatever is wrong with one', async () => {
    const other = await aTestLog(database, dataKeys);
    await other.append(1);
    await log.sign();
    await tamper(
      `update audit_checkpoints set note = 'nothing' where tree = ${await tree()}`,
      `update audit_events set outcome = 'success' where organisation_id = ${other.organisationId}`,
    );
    const told: string[] = [];
    await checkNewest(log.transactions, log.key.verifier, (_origin, { kind }) => told.push(kind));
    expect(told).toEqual(['rewritten', 'row_edited']);
  });

  it('is a security event for whoever watches, once, while the others are signed', async () => {
    const other = await aTestLog(database, dataKeys);
    await log.sign();
    await tamper(`update audit_checkpoints set note = replace(note, '300', '301') where tree = ${await tree()}`);
    const reports: Parameters<SecurityEvents['report']>[0][] = [];
    const proofs = await openAuditProofs({
      transactions: log.transactions,
      dataKeys,
      events: { report: (event) => reports.push(event) },
      host: 'localhost:8000',
      retentionDays: 400,
      checkpointFile: undefined,
      log: { info: () => undefined, error: () => undefined } as unknown as Logger,
    });
    for (const index of [1_000, 1_001]) {
      await log.append(index);
      await other.append(index);
      await proofs.signNow();
    }
    expect(reports.filter(({ action }) => action === 'audit.tampered')).toEqual([
      expect.objectContaining({ reason: 'rewritten', details: expect.objectContaining({ before: EVENTS }) }),
    ]);
    expect(
      reports
        .filter(({ action, organisationId }) => action === 'audit.checkpoint' && organisationId !== null)
        .map(({ organisationId, details }) => [organisationId, details?.size]),
    ).toEqual([
      [other.organisationId, 1],
      [other.organisationId, 2],
    ]);
    await proofs.jobs.find(({ name }) => name === 'audit.self_check')?.run(new AbortController().signal);
    expect(reports.filter(({ action }) => action === 'audit.tampered')).toHaveLength(2);
  });

  it('what a turn had done for the others goes on from where it is, when one fails in the middle of it', async () => {
    const other = await aTestLog(database, dataKeys);
    await other.append(1);
    const sequencer = createSequencer({
      transactions: log.transactions,
      key: log.key,
      onDamaged: (tree) => told.push(tree.origin),
    });
    const told: string[] = [];
    const sizes = async () =>
      (await sequencer.run({ signNow: true })).flatMap(({ organisationId, size }) =>
        organisationId === null ? [] : [`${organisationId}: ${size}`],
      );
    expect(await sizes()).toEqual([`${log.organisationId}: ${EVENTS}`, `${other.organisationId}: 1`]);
    await tamper(
      `insert into audit_leaves (tree, position, hash) values (${await treeOf(database, other.organisationId)}, 2, sha256('x'))`,
    );
    for (const turn of [1, 2, 3]) {
      await log.append(turn);
      await other.append(turn);
      expect(await sizes()).toEqual([`${log.organisationId}: ${EVENTS + turn}`]);
    }
    expect(told).toHaveLength(1);
    await tamper(`delete from audit_leaves where hash = sha256('x')`);
    expect(await sizes()).toEqual([`${other.organisationId}: 4`]);
    expect(await findings()).toEqual([]);
  });

  it('tells what one failed of that by itself goes on', async () => {
    await database.admin.query(`create sequence tries; grant usage on sequence tries to public;
      create function fail_once() returns trigger language plpgsql as $$ begin
        if nextval('tries') = 1 then raise exception 'only once'; end if; return null; end $$;
      create trigger fail_once after insert on audit_leaves for each statement execute function fail_once()`);
    const told: unknown[] = [];
    const sequencer = createSequencer({
      transactions: log.transactions,
      key: log.key,
      onFailed: (_, error) => told.push(error),
    });
    expect(await sequencer.run({ signNow: true })).toHaveLength(2);
    expect(told).toEqual([expect.objectContaining({ message: 'only once' })]);
    expect(await findings()).toEqual([]);
  });

  it('under a backlog still signs in time what has a place', async () => {
    await database.admin.query(
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind)
       select gen_random_uuid(), ${log.organisationId}, 'session.created', 'success', 'user' from generate_series(1, 4000)`,
    );
    let now = 0;
    const sequencer = createSequencer({ transactions: log.transactions, key: log.key, monotonic: () => now });
    const sizes = async () =>
      (await sequencer.run()).filter(({ organisationId }) => organisationId !== null).map(({ size }) => size);
    // The first events are the 300, and those of two keys in the tree of the instance.
    expect(await sizes()).toEqual([1_998]);
    expect(await sizes()).toEqual([]);
    now = 3_000;
    expect(await sizes()).toEqual([EVENTS + 4_000]);
  });

  const waiting = async (): Promise<number> =>
    (await database.admin.query('select count(*)::int as n from audit_pending')).rows[0].n;
});

it.each(['server', 'maintenance'] as const)(
  'an event of an organisation that is not there, which could have no place, is refused the %s and holds up nobody',
  async (role) => {
    const client = await database[role].connect();
    try {
      await client.query(`begin; select set_config('valtronics.organisation', '987654', true)`);
      const appended = client.query(
        `insert into audit_events (id, organisation_id, event, outcome, actor_kind) values (gen_random_uuid(), 987654, 'x', 'success', 'system')`,
      );
      await expect(appended).rejects.toMatchObject({ code: '23503' });
      await client.query('rollback');
    } finally {
      client.release();
    }
    await log.sign();
    expect(await findings()).toEqual([]);
    expect((await database.admin.query('select from audit_pending')).rows).toEqual([]);
  },
);
