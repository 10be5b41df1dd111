import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { aDatabase } from '../../../../tests/support/database.ts';
import { migrate } from './migrate.ts';
import { MigrationError } from './migration-files.ts';

async function aMigrator(files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-migrations-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const write = (more: Record<string, string>) => {
    for (const [name, sql] of Object.entries(more)) writeFileSync(join(folder, name), sql);
  };
  write(files);
  const db = await aDatabase({ empty: true });
  onTestFinished(() => db.drop());
  const tables = async () => {
    const { rows } = await db.admin.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations' order by 1`,
    );
    return rows.map((row) => row.name);
  };
  return { folder, write, db, tables, run: () => migrate(db.connection('owner'), folder) };
}

const FIRST = { '0001-first.sql': 'create table a (id int);' };
const SECOND = { '0002-second.sql': 'create table b (id int); insert into b values (1);' };

test('each migration runs once, in order, and belongs to the owner', async () => {
  const { write, run, tables, db } = await aMigrator(FIRST);
  expect(await run()).toEqual({ applied: ['0001-first.sql'], total: 1 });
  write(SECOND);
  expect(await run()).toEqual({ applied: ['0002-second.sql'], total: 2 });
  expect(await run()).toEqual({ applied: [], total: 2 });
  expect(await tables()).toEqual(['a', 'b']);
  const owners = await db.admin.query(`select distinct tableowner from pg_tables where schemaname = 'public'`);
  expect(owners.rows).toEqual([{ tableowner: 'valtronics_owner' }]);
});

test('migrators that start together take turns', async () => {
  const { run, db } = await aMigrator({ ...FIRST, ...SECOND });
  const results = await Promise.all([run(), run(), run(), run()]);
  expect(results.map((result) => result.applied.length).sort()).toEqual([0, 0, 0, 2]);
  expect((await db.admin.query('select id from b')).rows).toEqual([{ id: 1 }]);
});

test('a migration that fails leaves nothing of itself, says where, and is tried again', async () => {
  const { write, run, tables } = await aMigrator(FIRST);
  write({ '0002-second.sql': 'create table b (id int);\ninsert into b values (1);\ninsert into nowhere values (1);' });
  await expect(run()).rejects.toThrow('migration 0002-second.sql failed: relation "nowhere" does not exist (line 3)');
  expect(await tables()).toEqual(['a']);
  write(SECOND);
  expect(await run()).toEqual({ applied: ['0002-second.sql'], total: 2 });
});

test('an edit of an applied migration is refused before anything runs', async () => {
  const { write, run, tables } = await aMigrator(FIRST);
  await run();
  write({ '0001-first.sql': 'create table a (id bigint);', ...SECOND });
  await expect(run()).rejects.toThrow(/0001-first.sql was changed after it had been applied/);
  expect(await tables()).toEqual(['a']);
});

test('a renamed migration counts as an edit', async () => {
  const { folder, write, run } = await aMigrator(FIRST);
  await run();
  rmSync(join(folder, '0001-first.sql'));
  write({ '0001-other.sql': FIRST['0001-first.sql'] });
  await expect(run()).rejects.toThrow(/0001-other.sql was changed after it had been applied as 0001-first.sql/);
});

test('a database newer than the code is left alone', async () => {
  const { folder, run } = await aMigrator({ ...FIRST, ...SECOND });
  await run();
  rmSync(join(folder, '0002-second.sql'));
  await expect(run()).rejects.toThrow(/newer than this release: it has migration 0002-second.sql/);
});

test.each([
  [
    'a gap',
    { '0001-a.sql': 'select 1', '0003-c.sql': 'select 1' },
    /0003-c.sql is out of order: number 0002 is expected/,
  ],
  ['a number given twice', { '0001-a.sql': 'select 1', '0001-b.sql': 'select 1' }, /0001-b.sql is out of order/],
  ['a name without a number', { 'first.sql': 'select 1' }, /first.sql is not named/],
])('%s is refused before anything runs', async (_, files, message) => {
  const { run, tables } = await aMigrator(files);
  const attempt = run();
  await expect(attempt).rejects.toThrow(MigrationError);
  await expect(attempt).rejects.toThrow(message);
  expect(await tables()).toEqual([]);
});

test('a migration that commits by itself is noticed', async () => {
  const { run } = await aMigrator({ '0001-a.sql': 'create table a (id int); commit; create table b (id int);' });
  await expect(run()).rejects.toThrow(/0001-a.sql failed: it ended its transaction/);
});
