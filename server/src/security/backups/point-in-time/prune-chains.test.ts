import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { aDatabase } from '../../../../../tests/support/database.ts';
import { systemClock } from '../../../lib/clock.ts';
import { folderStorage } from '../../../platform/storage/folder-storage.ts';
import { createTransactions } from '../../audit/transactions.ts';
import { endRun, insertRun } from '../backup-run.repository.ts';
import { digestOf } from '../manifest.ts';
import { chainStore, segmentName } from './chain-store.ts';
import { recordChain } from './point-in-time.repository.ts';
import { dispensableBases, pruneChains } from './prune-chains.ts';

const segment = (number: number): string =>
  `00000001${'0'.repeat(14)}${number.toString(16).toUpperCase().padStart(2, '0')}`;
const dayOf = (day: number): Date => new Date(Date.UTC(2026, 2, day));
const base = (day: number) => ({
  name: `base-${day}`,
  at: dayOf(day),
  manifest: '',
  chain: 'c',
  segment: segment(day),
});
const names = (bases: readonly { name: string }[]): string[] => bases.map(({ name }) => name);

test('of so many days before the newest all bases stay, and one before them; no clock that jumps makes all of them old', () => {
  expect(dispensableBases([], 7)).toEqual([]);
  expect(names(dispensableBases([base(20), base(13), base(6)], 7))).toEqual(['base-6']);
  expect(names(dispensableBases([base(20), base(19), base(14), base(12), base(5)], 7))).toEqual(['base-5']);
  expect(dispensableBases([base(20), base(14)], 7)).toEqual([]);
  // The newest was made under a clock years ahead: the one before it still stays.
  expect(names(dispensableBases([{ ...base(20), at: new Date('2031-01-01') }, base(13), base(6)], 7))).toEqual([
    'base-6',
  ]);
});

const CHAINS = ['a', 'b', 'c', 'f'].map((digit) => digit.repeat(16)) as [string, string, string, string];

/** A place with four segments of each chain, of which the last is another installation's. */
async function aStore() {
  const database = await aDatabase();
  onTestFinished(() => database.drop());
  const transactions = createTransactions(database);
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-chains-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const store = chainStore(folderStorage(folder));
  const keep = async (name: string): Promise<void> => {
    await store.keepFile(
      name,
      (async function* () {
        yield Buffer.from('sealed');
      })(),
    );
    await store.keepNote(name, `of ${name}\n`);
  };
  const aBase = async (day: number, chain: string, at: number, outcome: 'done' | 'failed' = 'done') => {
    const name = `base-202603${String(day).padStart(2, '0')}T000000Z-0000000${at}`;
    await keep(name);
    await transactions.unaudited(null, 'backup_runs', async (tx) => {
      const number = await insertRun(tx, {
        kind: 'base',
        place: store.place,
        backup: name,
        scheduled: true,
        now: dayOf(day),
      });
      await endRun(tx, number, {
        outcome,
        details: { manifest: digestOf(`of ${name}\n`), chain, segment: segment(at) },
        now: dayOf(day),
      });
    });
    return name;
  };
  for (const chain of CHAINS)
    for (let number = 1; number <= 4; number += 1) await keep(segmentName(chain, segment(number)));
  for (const chain of CHAINS.slice(0, 3))
    await transactions.unaudited(null, 'backup_runs', (tx) => recordChain(tx, chain, store.place, dayOf(1)));
  /** What went, where so much was sent of the third. */
  const prune = (sentTo: number | undefined, isTrial = false) =>
    pruneChains({
      store,
      transactions,
      days: 7,
      cursor: () => ({
        chain: CHAINS[2],
        last: sentTo === undefined ? null : { segment: segment(sentTo), note: '0'.repeat(64) },
      }),
      actor: { kind: 'system', id: 'backups', label: null },
      clock: systemClock,
      signal: new AbortController().signal,
      isTrial,
    });
  return { database, store, keep, aBase, prune };
}

test('only what is on record, and no segment that a base needs, is thrown away', async () => {
  const [first, second, current, foreign] = CHAINS;
  const { database, store, keep, aBase, prune } = await aStore();
  const [oldest, older, newest] = [await aBase(1, first, 1), await aBase(10, second, 2), await aBase(17, second, 4)];
  const failed = await aBase(12, second, 3, 'failed');
  const stranger = 'base-20260101T000000Z-ffffffff';
  await keep(stranger);

  expect(await prune(4, true)).toEqual({ bases: [oldest], segments: 5 });
  expect((await store.list()).bases).toEqual([stranger, oldest, older, failed, newest].toSorted());

  expect(await prune(4)).toEqual({ bases: [oldest], segments: 5 });
  const { bases, chains } = await store.list();
  expect(bases).toEqual([stranger, older, newest].toSorted());
  expect(chains.get(first)).toBeUndefined();
  expect(chains.get(second)).toEqual([2, 3, 4].map(segment));
  // No base yet, and another installation's.
  for (const chain of [current, foreign]) expect(chains.get(chain)).toEqual([1, 2, 3, 4].map(segment));
  const events = await database.admin.query(`select resource_id from audit_events where event = 'backup.deleted'`);
  expect(events.rows).toEqual([{ resource_id: oldest }]);
  expect(await prune(4)).toEqual({ bases: [], segments: 0 });
});

test('what was sent last stays where the log of the base is not finished yet: the sender looks for it before it goes on', async () => {
  const [first, second, current] = CHAINS;
  const { store, aBase, prune } = await aStore();
  for (const [day, chain] of [first, second].entries()) await aBase(15 + day, chain, 1);
  await aBase(17, current, 5);
  const left = async () => (await store.list()).chains.get(current);
  // Signed before its sender was killed, and the cursor knows nothing of it yet.
  expect(await prune(3)).toEqual({ bases: [], segments: 2 });
  expect(await left()).toEqual([3, 4].map(segment));
  expect(await prune(4)).toEqual({ bases: [], segments: 1 });
  expect(await left()).toEqual([segment(4)]);
  // Nothing that this chain's cursor says was sent: nothing of it is known to be dispensable.
  expect(await prune(undefined)).toEqual({ bases: [], segments: 0 });
  expect(await prune(5)).toEqual({ bases: [], segments: 1 });
});
