import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { asOwner, aTestLog, findingsOf, type TestLog, treeOf } from './audit.builders.ts';

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

describe('a pruning that somebody invents', () => {
  const claim = async (details: string, { id = 'log', resource = '$TREE_NAME' } = {}) => {
    const name = (await database.admin.query('select public_id from organisations where id = $1', [log.organisationId]))
      .rows[0].public_id;
    await database.maintenance.query(
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind, actor_id, resource_kind, resource_id, details)
       values (gen_random_uuid(), ${log.organisationId}, 'audit.pruned', 'success', 'system', 'audit-${id}', 'audit_tree',
         '${resource.replace('$TREE_NAME', name)}', ${details})`,
    );
    await log.sign();
  };
  const remove = async (from: number, to: number) => {
    const range = `tree = ${await tree()} and position >= ${from} and position < ${to}`;
    await tamper(
      `delete from audit_events where id in (select event_id from audit_leaves where ${range})`,
      `delete from audit_leaves where ${range}`,
    );
  };
  const daysAgo = (days: number) =>
    `to_char((now() - interval '${days} days') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;

  it.each([
    ['no more than a place', `'{"below": 200}'`],
    ['a place beyond itself', `'{"below": 1e15}'`],
    ['that it was of what is old', `jsonb_build_object('below', 200, 'olderThan', ${daysAgo(91)})`],
  ])('covers nothing young: saying %s', async (_, details) => {
    await claim(details);
    await remove(0, 200);
    expect(await findings()).toEqual([{ kind: 'missing', position: 0, before: 200 }]);
  });

  const nothing: object[] = [];
  const all: object[] = [{ kind: 'missing', position: 0, before: 199 }];
  it.each([
    ['covers what stands before an old event, and nothing after', 91, {}, nothing],
    ['of what is younger than the last that is kept covers nothing', 101, {}, all],
    ['of what is younger than any retention covers nothing', 89, {}, all],
    ['by somebody else covers nothing', 91, { id: 'other' }, all],
    ['of another tree covers nothing', 91, { resource: '1' }, all],
  ])('%s', async (_, days, who, found) => {
    await log.append(1_000);
    await tamper(
      `update audit_events set at = now() - interval '100 days' where id in
         (select id from audit_events where organisation_id = ${log.organisationId} order by at limit 200)`,
    );
    await log.sign();
    await claim(`jsonb_build_object('below', 199, 'olderThan', ${daysAgo(days)})`, who);
    await remove(0, 199);
    expect(await findings()).toEqual(found);
    await remove(210, 220);
    expect(await findings()).toEqual([...found, { kind: 'missing', position: 210, before: 220 }]);
  });

  it.each(['audit.pruned', 'audit.values_erased'])('%s is nothing a request can append', async (event) => {
    const client = await database.server.connect();
    try {
      await client.query(`begin; select set_config('valtronics.organisation', '${log.organisationId}', true)`);
      const appended = client.query(
        `insert into audit_events (id, organisation_id, event, outcome, actor_kind) values (gen_random_uuid(), $1, $2, 'success', 'system')`,
        [log.organisationId, event],
      );
      await expect(appended).rejects.toMatchObject({ code: '42501' });
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});
