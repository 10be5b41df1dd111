import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aBackupPlace, running } from '../support/backup-place.ts';
import { anObjectStore } from '../support/object-store.ts';
import { done, newAdministrator, PASSWORD } from '../support/people-at-the-command-line.ts';
import { stopped } from '../support/place.ts';
import { admin, asked, elsewhere, rows, SWITCH, upTo } from '../support/point-in-time.ts';
import { valtronics } from '../support/program.ts';

test('a bucket is as good as a folder for any moment: the base by the schedule, the log, and back on another machine', {
  timeout: 500_000,
}, async () => {
  const store = await anObjectStore({ tls: true });
  const { env: inFolder, key, dataDir } = await aBackupPlace();
  const { VALTRONICS_BACKUP_FOLDER: _, ...rest } = inFolder as Record<string, string>;
  const env = { ...rest, VALTRONICS_BACKUP_POINT_IN_TIME_DAYS: '7', VALTRONICS_S3_URL: store.url('site-7') };
  const json = async (...args: string[]) => (await done(valtronics(['backup', ...args, '--json'], { env }))).json;
  await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
  const server = await running(env);
  await asked(await admin(dataDir), 'create table marks (n int primary key)');
  await asked(await admin(dataDir), SWITCH);
  await expect.poll(() => existsSync(join(dataDir, 'wal-cursor.json')), { timeout: 60_000 }).toBe(true);
  const base = `select outcome || ' ' || scheduled as n from backup_runs where kind = 'base' order by number`;
  await expect
    .poll(async () => asked(await admin(dataDir), base), { timeout: 90_000, interval: 500 })
    .toEqual(['done true']);

  // Answers that are errors, and one that breaks off, while the log is sent: it is sent all the same.
  store.fail((request) => request.method === 'PUT' && /point-in-time/.test(request.url ?? ''), 'error', 2);
  const first = await rows(dataDir, 1, 20);
  await asked(await admin(dataDir), SWITCH);
  store.fail((request) => request.method === 'PUT' && /point-in-time/.test(request.url ?? ''), 'break', 1);
  const second = await rows(dataDir, 21, 40);
  await asked(await admin(dataDir), SWITCH);
  await expect
    .poll(async () => new Date((await json('list')).moments.at(-1)?.until ?? 0) > second, {
      timeout: 90_000,
      interval: 1_000,
    })
    .toBe(true);
  const verified = await json('verify', '-i', key);
  expect(verified).toMatchObject({ items: [], bases: [{ checked: 'contents', fault: null }] });
  await stopped(server);

  for (const [moment, last] of [
    [first, 20],
    [second, 40],
  ] as const) {
    const there = await elsewhere({ dataDir }, { VALTRONICS_S3_URL: store.url('site-7') });
    // A body that breaks off while it is read is read again.
    store.fail((request) => request.method === 'GET' && /zst\.age/.test(request.url ?? ''), 'cut', 1);
    const { json: restored } = await done(there.restore('--at', moment.toISOString(), '-i', key, '--json'));
    expect(restored).toMatchObject({ base: verified.bases[0].name, at: moment.toISOString() });
    expect(await there.marks()).toEqual(upTo(last));
  }

  // A bucket that is away is said in one line, and nothing is left of the attempt.
  const there = await elsewhere({ dataDir }, { VALTRONICS_S3_URL: store.url('site-7') });
  await store.stop();
  expect(await there.restore('--at', first.toISOString(), '-i', key).finished()).toMatchObject({
    code: 1,
    err: expect.stringMatching(
      /^valtronics: s3:\/\/localhost:\d+\/backups\/site-7\/\S* cannot be used: ECONNREFUSED\n$/,
    ),
  });
  expect(existsSync(join(there.dataDir, 'postgres'))).toBe(false);
});
