import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { subjectDelete, subjectRegister, subjectsList } from '@valtronics/contract';
import { expect, test } from 'vitest';
import { aBackupPlace, running } from '../support/backup-place.ts';
import { done, newAdministrator, PASSWORD, signedIn } from '../support/people-at-the-command-line.ts';
import { stopped } from '../support/place.ts';
import { admin, asked, elsewhere, rows, SWITCH, upTo } from '../support/point-in-time.ts';
import { valtronics } from '../support/program.ts';

// Going back to a moment, as whoever runs the platform does it: a server that sends its log and is killed meanwhile, and data folders that are made anew.

test('rows of three moments, with a server that is killed meanwhile', { timeout: 600_000 }, async () => {
  const place = await aBackupPlace();
  const { folder, key, dataDir } = place;
  const env = { ...place.env, VALTRONICS_BACKUP_POINT_IN_TIME_DAYS: '7' };
  const here = (...args: string[]) => valtronics(['backup', ...args], { env });
  const list = async () => (await done(here('list', '--json'))).json.moments;
  await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
  let server = await running(env);
  const ada = await signedIn(place, 'ada@example.org');
  const { id } = await ada.call(subjectRegister, { body: { reference: 'MRN-0042' } });
  await asked(await admin(dataDir), 'create table marks (n int primary key)');
  await expect.poll(() => existsSync(join(dataDir, 'wal-cursor.json')), { timeout: 20_000 }).toBe(true);
  const { json: base } = await done(here('create', '--base', '--json'));
  const recorded = `select details ->> 'chain' as n from audit_events where event = 'backup.base_created' and resource_id = '${base.name}'`;
  expect(await asked(await admin(dataDir), recorded)).toEqual([base.chain]);

  const first = await rows(dataDir, 1, 50);
  await asked(await admin(dataDir), SWITCH);
  await ada.call(subjectDelete, { params: { id } });
  // While they are written and finished, several of them, one is being sent.
  for (let n = 51; n <= 80; n += 10) {
    await rows(dataDir, n, n + 9);
    await asked(await admin(dataDir), SWITCH);
  }
  await delay(4_000);
  await stopped(server, 'SIGKILL');
  server = await running(env);
  const second = await rows(dataDir, 81, 100);
  await rows(dataDir, 101, 120);
  await asked(await admin(dataDir), SWITCH);
  const third = await rows(dataDir, 121, 130);
  await asked(await admin(dataDir), SWITCH);
  await expect
    .poll(async () => new Date((await list()).at(-1).until) > third, { timeout: 60_000, interval: 1_000 })
    .toBe(true);
  // The schedule may have made one just before.
  const [reached] = await list();
  expect(reached).toMatchObject({ missing: null });
  expect(new Date(reached.from).getTime()).toBeLessThanOrEqual(new Date(base.endedAt).getTime());
  const restore = ['restore', '--at', first.toISOString(), '-i', key];
  expect(await here(...restore).finished()).toMatchObject({ code: 1, err: expect.stringContaining('stop it first') });
  await stopped(server);

  for (const [moment, last] of [
    [first, 50],
    [second, 100],
    [third, 130],
  ] as const) {
    const there = await elsewhere(place);
    const { json } = await done(there.restore('--at', moment.toISOString(), '-i', key, '--json'));
    expect(json).toMatchObject({ at: moment.toISOString(), base: base.name, endedSessions: 1 });
    expect(new Date(json.lastCommitAt).getTime()).toBeLessThanOrEqual(moment.getTime());
    if (json.firstNotIn) expect(new Date(json.firstNotIn.at).getTime()).toBeGreaterThan(moment.getTime());
    expect(await there.marks()).toEqual(upTo(last));
  }

  // Where it cannot be, in one line and without a trace.
  const other = await elsewhere(place);
  const refused = async (...args: string[]) => (await other.restore(...args).finished()).err;
  expect(await refused('--at', '2026-01-01T00:00:00Z', '-i', key)).toContain(
    `the oldest moment that can be gone back to is ${reached.from}`,
  );
  const later = new Date(Date.now() + 60_000).toISOString();
  expect(await refused('--at', later, '-i', key)).toMatch(
    /the newest moment that can be gone back to from base-.* is 20/,
  );
  const segments = readdirSync(join(folder, 'point-in-time')).filter((name) =>
    /^[0-9a-f]{16}-.*\.manifest$/.test(name),
  );
  const missing = segments.sort().find((name) => name.startsWith(base.chain) && name.includes(base.to.segment)) ?? '';
  const aside = join(folder, missing);
  renameSync(join(folder, 'point-in-time', missing), aside);
  expect(await refused('--at', third.toISOString(), '-i', key)).toContain(missing.replace('.manifest', ''));
  renameSync(aside, join(folder, 'point-in-time', missing));
  expect(readdirSync(other.dataDir)).toEqual(['root.key']);

  // In its own place: what is there is put aside, and whoever was erased since is erased again.
  expect(await here(...restore).finished()).toMatchObject({
    code: 1,
    err: expect.stringContaining('with --replace it is put aside'),
  });
  const { json: replaced } = await done(here(...restore, '--replace', '--json'));
  expect(replaced.aside).toBe(join(dataDir, 'postgres/data-before-restore'));
  server = await running(env);
  expect(await asked(await admin(dataDir), 'select n from marks order by n')).toEqual(upTo(50));
  const again = await signedIn(place, 'ada@example.org');
  expect((await again.call(subjectsList, { query: {} })).items).toEqual([]);
  expect(await asked(await admin(dataDir), `select reference as n from subjects where id = '${id}'`)).toEqual([]);
  await stopped(server);
});
