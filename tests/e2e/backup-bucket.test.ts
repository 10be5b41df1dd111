import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aBackupPlace } from '../support/backup-place.ts';
import { anObjectStore } from '../support/object-store.ts';
import { done, newAdministrator, PASSWORD } from '../support/people-at-the-command-line.ts';
import { type Finished, valtronics } from '../support/program.ts';

test('a bucket is as good as a folder: made, listed, verified, tried out, thrown away and restored', {
  timeout: 300_000,
}, async () => {
  const store = await anObjectStore({ tls: true });
  const { env: inFolder, key } = await aBackupPlace();
  const { VALTRONICS_BACKUP_FOLDER: folder = '', ...rest } = inFolder as Record<string, string>;
  const env = {
    ...rest,
    VALTRONICS_S3_URL: store.url('site-7'),
    VALTRONICS_BACKUP_KEEP_DAILY: '1',
    VALTRONICS_BACKUP_KEEP_WEEKLY: '0',
    VALTRONICS_BACKUP_KEEP_MONTHLY: '0',
  };
  const command = (...args: string[]): Promise<Finished> => valtronics(['backup', ...args], { env }).finished();
  const json = async (...args: string[]) => (await done(valtronics(['backup', ...args, '--json'], { env }))).json;
  await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
  const first = await json('create');
  expect(first.place).toMatch(/^s3:\/\/localhost:\d+\/backups\/site-7\/$/);
  const second = await json('create');
  expect((await json('list')).items).toMatchObject([{ name: first.name }, { name: second.name }]);
  expect(await command('verify', '--all', '-i', key)).toMatchObject({ code: 0 });
  expect(await json('drill', '-i', key)).toMatchObject({ backup: second.name, passed: true });
  expect(await json('prune')).toEqual({ place: first.place, deleted: [first.name] });
  // Two files and the report of the drill; nothing of the first.
  const kept = readdirSync(join(store.folder, 'backups', 'site-7')).filter((file) => file.includes('_object'));
  expect(kept.filter((file) => !file.includes(second.name))).toEqual([]);
  expect(kept.some((file) => file.includes('.drill-'))).toBe(true);
  await json('restore', second.name, '-i', key, '--replace');

  // An outage is said in one line, and nothing of the key with it.
  const both = await valtronics(['backup', 'list'], { env: { ...env, VALTRONICS_BACKUP_FOLDER: folder } }).finished();
  expect(both).toMatchObject({ code: 1, err: expect.stringContaining('are both set') });
  await store.stop();
  for (const args of [['create'], ['list'], ['verify'], ['prune']]) {
    const away = await command(...args);
    expect(away).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^valtronics: s3:\/\/localhost:\d+\/backups\/site-7\/ cannot be used: ECONNREFUSED\n$/,
      ),
    });
    expect(away.err).not.toContain('S3RVER');
  }
});
