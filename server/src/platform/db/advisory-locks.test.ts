import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { advisoryLocks } from './advisory-locks.ts';
import { MIGRATIONS_FOLDER } from './run-migrations.ts';

test('no two things have one advisory lock, those of the migrations included', () => {
  const migrations = readdirSync(MIGRATIONS_FOLDER).map((name) => readFileSync(join(MIGRATIONS_FOLDER, name), 'utf8'));
  const theirs = migrations.flatMap((text) =>
    [...text.matchAll(/advisory\w*lock\w*\((\d+)/g)].map(([, lock]) => Number(lock)),
  );
  expect(theirs).toContain(7_126_005);
  const all = [...Object.values(advisoryLocks), ...new Set(theirs)];
  expect(new Set(all).size).toBe(all.length);
});
