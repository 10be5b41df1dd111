import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { securityEventsList } from '@valtronics/contract';
import { expect, test } from 'vitest';
import { aBackupPlace, flip, running } from '../support/backup-place.ts';
import { done, newAdministrator, PASSWORD, signedIn } from '../support/people-at-the-command-line.ts';
import { stopped } from '../support/place.ts';
import { admin, asked, rows, SWITCH } from '../support/point-in-time.ts';
import { type Finished, valtronics } from '../support/program.ts';

// Somebody is at the storage, and takes of the log what is newest, where nothing comes behind it: only who sent it knows.

test('the newest of the log is taken away: verify and list say so, and the server notices by itself', {
  timeout: 700_000,
}, async () => {
  const place = await aBackupPlace();
  const { folder, key, dataDir } = place;
  const env = { ...place.env, VALTRONICS_BACKUP_POINT_IN_TIME_DAYS: '7' };
  const here = (...args: string[]): Promise<Finished> => valtronics(['backup', ...args], { env }).finished();
  await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
  let server = await running(env);
  const ada = await signedIn(place, 'ada@example.org');
  await asked(await admin(dataDir), 'create table marks (n int primary key)');
  const cursor = () => JSON.parse(readFileSync(join(dataDir, 'wal-cursor.json'), 'utf8'));
  await expect.poll(() => existsSync(join(dataDir, 'wal-cursor.json')), { timeout: 20_000 }).toBe(true);
  const { json: base } = await done(valtronics(['backup', 'create', '--base', '--json'], { env }));
  for (let n = 1; n <= 3; n += 1) {
    const last = cursor().last?.segment ?? '';
    await rows(dataDir, n, n);
    await asked(await admin(dataDir), SWITCH);
    await expect.poll(() => cursor().last?.segment > last, { timeout: 20_000 }).toBe(true);
  }
  const good = await here('verify', '--json');
  expect(good).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(good.out)).toMatchObject({
    items: [],
    bases: [{ name: base.name, checked: 'file', fault: null, moments: { from: base.endedAt } }],
  });
  const opened = await here('verify', base.name, '-i', key);
  expect(opened).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^base-\S+ {2}good \(contents\): any moment from /),
  });
  await stopped(server);

  const { chain, last } = cursor();
  // The database knows, too: its own word is no older than an hour, and is from the first segment on.
  const newest = join(folder, 'point-in-time', `${chain}-${last.segment}`);
  const kept = ['zst.age', 'manifest'].map(
    (ending) => [`${newest}.${ending}`, readFileSync(`${newest}.${ending}`)] as const,
  );
  for (const [path] of kept) rmSync(path);
  const bad = await here('verify', '--all', '--json');
  expect(bad).toMatchObject({ code: 1, err: 'valtronics: 1 of 1 backups cannot be relied on\n' });
  const [verdict] = JSON.parse(bad.out).bases;
  expect(verdict).toMatchObject({ name: base.name, problem: 'damaged', moments: { from: base.endedAt } });
  expect(verdict.fault).toContain(`${chain}-${last.segment} is not the backup that was made: it is missing`);
  expect(verdict.fault).toContain(`up to ${last.segment} of ${last.finishedAt}`);
  expect((await here('list')).out).toContain(`${chain}-${last.segment} is missing, which was sent`);
  // Whoever has no more than the public key sees nothing of it, but every other damage.
  const publicKey =
    /\S+\+[0-9a-f]{8}\+\S+/.exec((await valtronics(['audit', 'verify'], { env }).finished()).out)?.[0] ?? '';
  expect(await here('verify', '--all', '--key', publicKey)).toMatchObject({ code: 0 });
  for (const [path, bytes] of kept) writeFileSync(path, bytes);
  expect(await here('verify', '--all')).toMatchObject({ code: 0 });
  flip(`${newest}.zst.age`);
  expect(await here('verify', '--all', '--key', publicKey)).toMatchObject({
    code: 1,
    out: expect.stringContaining(`${chain}-${last.segment} is not the backup that was made: its file was altered`),
  });

  // What the server itself does about it.
  for (const [path] of kept) rmSync(path);
  server = await running(env);
  await rows(dataDir, 4, 4);
  await asked(await admin(dataDir), SWITCH);
  await expect
    .poll(
      async () => {
        const { items } = await ada.call(securityEventsList, { query: { action: 'backup.tampered' } });
        return items.map(({ details }) => `${details.backup} in ${details.place}`).sort();
      },
      { timeout: 30_000 },
    )
    .toEqual([`${chain}-${last.segment} in ${folder}`, `${base.name} in ${join(folder, 'point-in-time')}`].sort());
  // A chain of its own, and a base with it at once, by the schedule's child.
  await expect
    .poll(() => readdirSync(join(folder, 'point-in-time')).filter((name) => /^base-.*\.manifest$/.test(name)).length, {
      timeout: 60_000,
      interval: 500,
    })
    .toBe(2);
  expect(cursor().chain).not.toBe(chain);
  const ends = `select details -> 'sent' ->> 'segment' as n from backup_runs where kind = 'chain' and backup = '${chain}'`;
  expect(await asked(await admin(dataDir), ends)).toEqual([last.segment]);
  await asked(await admin(dataDir), SWITCH);
  await expect.poll(async () => (await here('verify')).code, { timeout: 60_000, interval: 2_000 }).toBe(0);
  // The old one is bad as long as it is kept, though the cursor speaks of another one.
  const still = await here('verify', base.name);
  expect(still.out).toContain(`${chain}-${last.segment} is not the backup that was made: it is missing`);
  await stopped(server);
});
