import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { aKeyStoreFile } from './keys.builders.ts';
import { KeyStoreError, openSubjectKeyFile } from './subject-key.repository.ts';

const now = new Date('2026-01-01T00:00:00Z');
const ada = { organisation: 7, subject: 'ada' };
const bob = { organisation: 7, subject: 'bob' };
const wrapped = (): Buffer => randomBytes(40);

test('the first key of a subject and epoch stays, also after the file was closed', async () => {
  const file = aKeyStoreFile();
  const store = openSubjectKeyFile(file, { mayCreate: true });
  const [first, second] = [wrapped(), wrapped()];
  await store.insert(ada, 2, first);
  await store.insert(ada, 2, second);
  await store.insert(ada, 3, second);
  store.close();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = openSubjectKeyFile(file, { mayCreate: false });
  expect(again.id).toBe(store.id);
  expect(await again.find(ada, 2)).toEqual(first);
  expect(await again.find(ada, 3)).toEqual(second);
  expect(await again.find(bob, 2)).toBeUndefined();
  expect(await again.find({ ...ada, organisation: 8 }, 2)).toBeUndefined();
  again.close();
});

test('what is destroyed is overwritten in the file, has no trace in a backup, and never comes again', async () => {
  const file = aKeyStoreFile();
  const store = openSubjectKeyFile(file, { mayCreate: true });
  const [hers, his] = [wrapped(), wrapped()];
  await store.insert(ada, 2, hers);
  await store.insert(bob, 2, his);
  expect(readFileSync(file).includes(hers)).toBe(true);
  await store.destroy(ada, now);
  await store.destroy(ada, now);
  expect(await store.find(ada, 2)).toBeUndefined();
  expect(await store.find(bob, 2)).toEqual(his);
  await store.insert(ada, 3, wrapped());
  expect(await store.find(ada, 3)).toBeUndefined();
  const copy = join(dirname(file), 'copy.db');
  await store.backup(copy);
  store.close();
  for (const name of readdirSync(dirname(file))) {
    const bytes = readFileSync(join(dirname(file), name));
    expect([name, bytes.includes(hers), bytes.includes(his)]).toEqual([name, false, true]);
  }
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  const restored = openSubjectKeyFile(copy, { mayCreate: false });
  expect(await restored.find(bob, 2)).toEqual(his);
  restored.close();
});

test('keys are counted by epoch, and go with it', async () => {
  const store = openSubjectKeyFile(aKeyStoreFile(), { mayCreate: true });
  for (const subject of [ada, bob]) await store.insert(subject, 2, wrapped());
  await store.insert(ada, 3, wrapped());
  expect([...(await store.countByEpoch())]).toEqual([
    [2, 2],
    [3, 1],
  ]);
  await store.deleteEpoch(2);
  expect([...(await store.countByEpoch())]).toEqual([[3, 1]]);
  store.close();
});

test('a missing store is missed and not made; another file is refused and left as it is', () => {
  const file = aKeyStoreFile();
  expect(() => openSubjectKeyFile(file, { mayCreate: false })).toThrow(/is missing: restore it/);
  expect(existsSync(file)).toBe(false);

  writeFileSync(file, 'not a database at all, but a text that is long enough to be read as one'.repeat(20));
  const before = readFileSync(file);
  expect(() => openSubjectKeyFile(file, { mayCreate: true })).toThrow(KeyStoreError);
  expect(readFileSync(file)).toEqual(before);

  const other = aKeyStoreFile();
  const database = new DatabaseSync(other);
  database.exec('create table notes (text)');
  database.close();
  expect(() => openSubjectKeyFile(other, { mayCreate: true })).toThrow(/is not a key store/);
});
