import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { createTransactions } from '../audit/transactions.ts';
import { endRun, insertRun } from './backup-run.repository.ts';
import { aBackup, aFilledDatabase, aFolder, anIdentity } from './backups.builders.ts';
import { listRecorded } from './backups.repository.ts';
import { digestOf } from './manifest.ts';
import { pruneBackups } from './prune-backups.ts';

const keep = { daily: 1, weekly: 0, monthly: 0 };

test('only what is on record as made there, and is what was made, is thrown away, and that is on record too', async () => {
  const source = await aFilledDatabase(10);
  const { store, change } = aFolder();
  const { recipient } = await anIdentity();
  const transactions = createTransactions(source.database);
  const actor = { kind: 'system', id: 'backups', label: null } as const;
  const made: string[] = [];
  for (let index = 0; index < 5; index += 1) made.push((await aBackup(source, store, [recipient])).name);
  const [old, altered, elsewhere, unknown, newest] = made as [string, string, string, string, string];
  for (const [name, place] of [
    [old, store.place],
    [altered, store.place],
    [elsewhere, '/another/place'],
    [newest, store.place],
  ] as const) {
    const manifest = digestOf(await store.manifest(name));
    await transactions.system({ organisationId: null, actor, event: 'backup.created' }, async (tx) => {
      tx.describe({ resource: { kind: 'backup', id: name }, details: { place, manifest } });
      const now = systemClock.date();
      const number = await insertRun(tx, { kind: 'create', place, backup: name, scheduled: true, now });
      await endRun(tx, number, { outcome: 'done', details: { manifest }, now });
    });
  }
  change(altered, 'manifest', (bytes) => `${bytes}\n`);
  // A copy that is damaged says nothing about what lies here.
  await transactions.unaudited(null, 'backup_runs', async (tx) => {
    const run = { kind: 'verify', place: '/another/place', backup: newest, scheduled: false } as const;
    const now = systemClock.date();
    await endRun(tx, await insertRun(tx, { ...run, now }), { outcome: 'failed', fault: 'it was altered', now });
  });
  await store.keepReport(old, systemClock.date(), 'a report');
  const deps = { store, transactions, keep, actor, clock: systemClock, signal: new AbortController().signal };
  expect(await pruneBackups({ ...deps, isTrial: true })).toEqual([old]);
  expect(await store.names()).toEqual(made.toSorted());

  expect(await pruneBackups({ ...deps, isTrial: false })).toEqual([old]);
  expect(await store.names()).toEqual([altered, elsewhere, unknown, newest].toSorted());
  expect(readdirSync(store.place).filter((file) => file.startsWith(old))).toEqual([]);
  expect(existsSync(store.place)).toBe(true);
  const events = await source.database.admin.query(
    `select resource_id, actor_id, details from audit_events where event = 'backup.deleted'`,
  );
  expect(events.rows).toEqual([{ resource_id: old, actor_id: 'backups', details: { place: store.place, keep } }]);
  const recorded = await transactions.readAcross((reader) => listRecorded(reader));
  expect(recorded.map(({ name }) => name).toSorted()).toEqual([altered, elsewhere, newest].toSorted());
  expect(await pruneBackups({ ...deps, isTrial: false })).toEqual([]);
});

test('what cannot be removed is on record all the same, and goes with the next pruning; one that is cut short takes nobody’s place', async () => {
  const source = await aFilledDatabase(10);
  const { store, change } = aFolder();
  const { recipient } = await anIdentity();
  const transactions = createTransactions(source.database);
  const actor = { kind: 'system', id: 'backups', label: null } as const;
  const made: string[] = [];
  for (let index = 0; index < 4; index += 1) {
    const { name } = await aBackup(source, store, [recipient]);
    made.push(name);
    const manifest = digestOf(await store.manifest(name));
    await transactions.unaudited(null, 'backup_runs', async (tx) => {
      const now = systemClock.date();
      const number = await insertRun(tx, {
        kind: 'create',
        place: store.place,
        backup: name,
        scheduled: true,
        now,
      });
      await endRun(tx, number, { outcome: 'done', details: { manifest }, now });
    });
  }
  const [first, second, third, cut] = made as [string, string, string, string];
  change(cut, 'tar.zst.age', (bytes) => bytes.subarray(0, -1));
  const readOnly = { ...store, remove: () => Promise.reject(new Error('read-only storage')) };
  const signal = new AbortController().signal;
  const deps = { transactions, keep, actor, clock: systemClock, signal, isTrial: false };
  await expect(pruneBackups({ store: readOnly, ...deps })).rejects.toThrow('read-only storage');
  const recorded = async () =>
    (
      await source.database.admin.query(
        `select resource_id as backup from audit_events where event = 'backup.deleted' order by at`,
      )
    ).rows.map(({ backup }) => backup);
  expect(await recorded()).toEqual([second]);
  expect(await store.names()).toEqual(made.toSorted());

  expect(await pruneBackups({ store, ...deps })).toEqual([first]);
  expect(await recorded()).toEqual([second, first]);
  expect(await store.names()).toEqual([third, cut].toSorted());
  expect(readdirSync(store.place).filter((file) => file.includes(second))).toEqual([]);
  rmSync(join(store.place, `${third}.tar.zst.age`));
  expect(await pruneBackups({ store, ...deps })).toEqual([]);
});
