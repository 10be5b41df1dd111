import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { aKeyStoreFile } from './keys.builders.ts';
import { KeyStoreError, openSubjectKeyFile } from './subject-key.repository.ts';

const ada = { organisation: 7, subject: 'ada' };
const key = Buffer.alloc(40, 1);

function aStore() {
  const file = aKeyStoreFile();
  const store = openSubjectKeyFile(file, { mayCreate: true });
  onTestFinished(() => store.close());
  return { file, store };
}

/** Another process that has the file locked. */
async function locked(file: string): Promise<ChildProcess> {
  const program = `const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(process.argv[1], { timeout: 5000 });
    database.exec('begin exclusive');
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['-e', program, file], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout ?? child, 'data');
  return child;
}

/** How often everything else had its turn while this was waited for. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let [turns, isOver] = [0, false];
  const over = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await delay(1);
    turns += 1;
  }
  await over;
  return turns;
}

test.each([
  ['looked for', (store: ReturnType<typeof aStore>['store']) => store.find(ada, 1)],
  ['made', (store: ReturnType<typeof aStore>['store']) => store.insert(ada, 2, key)],
  ['destroyed', (store: ReturnType<typeof aStore>['store']) => store.destroy(ada, new Date())],
])(
  'while another process has the store locked a key is %s when that is over, and all else goes on',
  async (_, work) => {
    const { file, store } = aStore();
    await store.insert(ada, 1, key);
    const child = await locked(file);
    let isOver = false;
    const waited = work(store).finally(() => {
      isOver = true;
    });
    // SQLite itself would not let anything have a turn before it gives up.
    for (let turns = 0; turns < 50; turns += 1) await delay(1);
    expect(isOver).toBe(false);
    child.kill('SIGKILL');
    await waited;
  },
);

test('a store that stays locked is given up after five seconds, with nothing done by halves', {
  timeout: 30_000,
}, async () => {
  const { file, store } = aStore();
  await store.insert(ada, 1, key);
  const child = await locked(file);
  const given = store.destroy(ada, new Date());
  const turns = turnsDuring(given.catch(() => undefined));
  // As one that is missing: what needs no key of a person goes on without it.
  await expect(given).rejects.toThrow(KeyStoreError);
  await expect(given).rejects.toThrow('locked');
  expect(await turns).toBeGreaterThan(50);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await store.isDestroyed(ada)).toBe(false);
  expect(await store.find(ada, 1)).toEqual(key);
  await store.destroy(ada, new Date());
  expect(await store.find(ada, 1)).toBeUndefined();
});

function manyKeys(file: string): void {
  const database = new DatabaseSync(file);
  database.exec(`insert into subject_keys
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 200000)
    select 7, 'person-' || i, 1, randomblob(40) from n`);
  database.close();
}

test('changes wait for copies of our own however long they take, those of which something is wrong too; what is asked does not', async () => {
  const { file, store } = aStore();
  manyKeys(file);
  const did: string[] = [];
  const note = (what: string) => () => void did.push(what);
  const working = [
    store.backup(join(dirname(file), 'copy.db')).then(note('copied')),
    store.backup(join(dirname(file), 'no-such-folder', 'copy.db')).catch(note('failed')),
    store.insert(ada, 2, key).then(note('changed')),
    store.deleteEpoch(1).then(note('changed')),
    store.destroy(ada, new Date()).then(note('changed')),
    store.find(ada, 2).then(note('asked')),
  ];
  await Promise.all(working);
  expect(did[0]).toBe('asked');
  expect(did.slice(1, 3).sort()).toEqual(['copied', 'failed']);
  expect(did.slice(3)).toEqual(['changed', 'changed', 'changed']);
  const copy = openSubjectKeyFile(join(dirname(file), 'copy.db'), { mayCreate: false });
  expect([...(await copy.countByEpoch())]).toEqual([[1, 200_000]]);
  copy.close();
});

test('a copy of many keys is written while all else goes on, and what cannot be written is told', async () => {
  const { file, store } = aStore();
  manyKeys(file);
  const target = join(dirname(file), 'copy.db');
  expect(await turnsDuring(store.backup(target))).toBeGreaterThan(20);
  const copy = openSubjectKeyFile(target, { mayCreate: false });
  expect([...(await copy.countByEpoch())]).toEqual([[1, 200_000]]);
  copy.close();
  await expect(store.backup(target)).rejects.toThrow(/already exists|not empty/);
  await expect(store.backup(join(dirname(file), 'no-such-folder', 'copy.db'))).rejects.toThrow(/unable to open/);
});
