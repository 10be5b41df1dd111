import { expect, test } from 'vitest';
import type { TableDump } from '../../platform/db/dump/dump-tables.ts';
import { collect } from '../crypto/files/blocks.builders.ts';
import { readArchive, writeArchive } from './archive.ts';

/** Of one table that has two rows, with a newline within the first; `counted` is what PostgreSQL is said to have told. */
function aDump(counted: number, blocks = ['one\\nline\n2', '\n']): TableDump {
  async function* rows() {
    for (const block of blocks) yield Buffer.from(block);
  }
  return {
    serverVersion: '18',
    migrations: [],
    tables: [{ name: 'users', columns: ['id'] }],
    copy: () => ({ blocks: rows(), rows: async () => counted }),
    sequences: async () => [],
    close: async () => undefined,
  };
}

/** `loaded`: how many rows the reader of them says it took; undefined for one that does not count. */
const readBack = (counted: number, loaded?: number) =>
  readArchive(
    writeArchive(aDump(counted), () => undefined),
    { head: async () => undefined, table: async () => ({ write: async () => undefined, end: async () => loaded }) },
  );

test('rows are counted by whoever reads an archive, also where nobody loads them', async () => {
  expect((await readBack(2)).rows).toEqual(new Map([['users', 2]]));
  expect((await readBack(2, 2)).rows).toEqual(new Map([['users', 2]]));
  for (const counted of [0, 1, 3])
    await expect(readBack(counted)).rejects.toThrow('the rows of users are not those that contents.json lists');
  await expect(readBack(2, 1)).rejects.toThrow('1 of the 2 rows of users were loaded');
});

test('a part of a table holds while what follows it is asked for', async () => {
  const blocks = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(3_000_000));
  const archive = await collect(writeArchive(aDump(0, blocks), () => undefined));
  expect(archive.length).toBeGreaterThan(12_000_000);
});
