import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { endRun, insertRun } from './backup-run.repository.ts';
import type { BackupStore } from './backup-store.ts';
import { backupToMake, waitingTransactions } from './backups.builders.ts';
import { clearLeftovers } from './leftovers.ts';
import { type BackupToMake, makeBackup } from './make-backup.ts';
import { digestOf } from './manifest.ts';
import { pruneBackups } from './prune-backups.ts';

const DAY_MS = 86_400_000;
const actor = { kind: 'system', id: 'backups', label: null } as const;

async function aMaker() {
  const { database, making } = await backupToMake();
  const { store, transactions } = making;
  const made = (other: Partial<BackupToMake> = {}) => makeBackup({ ...making, isGentle: true, ...other });
  const runs = async () =>
    (await database.admin.query('select backup, outcome, fault, details from backup_runs order by number')).rows;
  return { database, store, transactions, made, runs, files: () => readdirSync(store.place).toSorted() };
}

/** A store that looks, whenever something is written to it or removed, whether a transaction waits for it. */
function watchedStore(store: BackupStore, waiting: () => Promise<number>) {
  const seen: number[] = [];
  const after =
    <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
    async (...args: A) => {
      seen.push(await waiting());
      await work(...args);
    };
  return {
    seen,
    store: {
      ...store,
      keepManifest: after(store.keepManifest),
      remove: after(store.remove),
      keepReport: after(store.keepReport),
    },
  };
}

test('a backup is on record once its manifest is there, and no transaction waits for the store', async () => {
  const { database, store, transactions, made, runs, files } = await aMaker();
  const watched = watchedStore(store, () => waitingTransactions(database));
  const { name, contents } = await made({ store: watched.store });
  expect(files()).toEqual([`${name}.manifest`, `${name}.tar.zst.age`]);
  const manifest = digestOf(await store.manifest(name));
  expect(await runs()).toEqual([
    { backup: name, outcome: 'done', fault: null, details: expect.objectContaining({ manifest, rows: contents.rows }) },
  ]);
  const events = await database.admin.query(
    `select resource_id, details from audit_events where event = 'backup.created'`,
  );
  expect(events.rows).toEqual([
    { resource_id: name, details: expect.objectContaining({ manifest, place: store.place }) },
  ]);

  const second = await made();
  const keep = { daily: 1, weekly: 0, monthly: 0 };
  const signal = new AbortController().signal;
  const pruning = { store: watched.store, transactions, keep, actor, clock: systemClock, signal, isTrial: false };
  expect(await pruneBackups(pruning)).toEqual([name]);
  expect(files()).toEqual([`${second.name}.manifest`, `${second.name}.tar.zst.age`]);
  expect(watched.seen).toEqual([0, 0]);
});

test('a backup that cannot be put on record is none, and neither is one that cannot be begun; both are known to have failed', async () => {
  const { transactions, made, runs, files } = await aMaker();
  const failing = { ...transactions, system: () => Promise.reject(new Error('the disk is full')) };
  await expect(made({ transactions: failing })).rejects.toThrow('the disk is full');
  expect(files()).toEqual([]);
  await expect(made({ openDump: () => Promise.reject(new Error('no such role')) })).rejects.toThrow('no such role');
  await expect(made({ openKey: () => Promise.reject(new Error('no such key')) })).rejects.toThrow('no such key');
  expect((await runs()).map(({ outcome, fault }) => [outcome, fault])).toEqual([
    ['failed', 'the disk is full'],
    ['failed', 'no such role'],
    ['failed', 'no such key'],
  ]);
});

test('a manifest that cannot be written leaves no file, or the next backup throws it away', async () => {
  const { store, made, files } = await aMaker();
  const noManifest = { ...store, keepManifest: () => Promise.reject(new Error('the store is away')) };
  await expect(made({ store: noManifest })).rejects.toThrow('the store is away');
  expect(files()).toEqual([]);
  const noRemoving = { ...noManifest, remove: () => Promise.reject(new Error('the store is away')) };
  await expect(made({ store: noRemoving })).rejects.toThrow('the store is away');
  expect(files()).toEqual([expect.stringMatching(/\.tar\.zst\.age$/)]);
  const { name } = await made();
  expect(files()).toEqual([`${name}.manifest`, `${name}.tar.zst.age`]);
});

test('what was left by makers that were killed goes after a day, and nothing that may be anything else', async () => {
  const { store, transactions, files } = await aMaker();
  const now = systemClock.date();
  const nameOf = (number: number) => `valtronics-20260301T000000Z-0000000${number}`;
  const write = (...names: string[]) => {
    for (const name of names) writeFileSync(join(store.place, name), name);
  };
  const aRun = (number: number, began: Date, end?: 'done' | 'failed', place = store.place) =>
    transactions.unaudited(null, 'backup_runs', async (tx) => {
      const run = await insertRun(tx, { kind: 'create', place, backup: nameOf(number), scheduled: true, now: began });
      if (end) await endRun(tx, run, { outcome: end, now: began });
    });
  const yesterday = new Date(now.getTime() - DAY_MS - 60_000);
  const file = (number: number) => `${nameOf(number)}.tar.zst.age`;
  const manifest = (number: number) => `${nameOf(number)}.manifest`;
  // Killed yesterday; begun an hour ago; of another installation; of another place.
  for (const number of [1, 2, 3, 4]) write(file(number));
  await aRun(1, yesterday);
  await aRun(2, new Date(now.getTime() - 3_600_000));
  await aRun(4, yesterday, 'failed', '/another/place');
  // The one that a restored database came from, which has no end in it; one that was made.
  write(file(5), manifest(5), file(6), manifest(6));
  await aRun(5, yesterday);
  await aRun(6, yesterday, 'done');
  // Its making failed after its manifest was there.
  write(file(7), manifest(7));
  await aRun(7, now, 'failed');
  const unfinished = ['.valtronics-0123456789abcdef.tmp', '.valtronics-fedcba9876543210.tmp', '.valtronics-mine.tmp'];
  write(...unfinished, 'mine.tmp');
  for (const name of ['.valtronics-0123456789abcdef.tmp', '.valtronics-mine.tmp', 'mine.tmp'])
    utimesSync(join(store.place, name), yesterday, yesterday);
  mkdirSync(join(store.place, nameOf(8)));

  await clearLeftovers({ store, transactions, clock: systemClock });
  const kept = [file(2), file(3), file(4), file(5), manifest(5), file(6), manifest(6), nameOf(8)];
  expect(files()).toEqual([...kept, '.valtronics-fedcba9876543210.tmp', '.valtronics-mine.tmp', 'mine.tmp'].toSorted());
});
