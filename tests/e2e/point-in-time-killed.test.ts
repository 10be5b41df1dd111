import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startEmbeddedPostgres } from '../../server/src/platform/db/embedded.ts';
import { aBackupPlace, running } from '../support/backup-place.ts';
import { processesOf } from '../support/database-faults.ts';
import { done, newAdministrator, PASSWORD } from '../support/people-at-the-command-line.ts';
import { databaseProcesses, stopped } from '../support/place.ts';
import { admin, asked, quiet, rows, SWITCH, upTo } from '../support/point-in-time.ts';
import { valtronics } from '../support/program.ts';

// `kill -9` of a restore in its own place, wherever it is at: the database that is there is what it was, and the restore can be made again.

test('a restore to a moment that is killed, at each of its steps', { timeout: 700_000 }, async () => {
  const place = await aBackupPlace();
  const { key, dataDir } = place;
  const env = { ...place.env, VALTRONICS_BACKUP_POINT_IN_TIME_DAYS: '7' };
  await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
  const server = await running(env);
  await asked(await admin(dataDir), 'create table marks (n int primary key)');
  await expect.poll(() => existsSync(join(dataDir, 'wal-cursor.json')), { timeout: 30_000 }).toBe(true);
  await done(valtronics(['backup', 'create', '--base', '--json'], { env }));
  const moment = await rows(dataDir, 1, 10);
  await asked(await admin(dataDir), SWITCH);
  const last = await rows(dataDir, 11, 20);
  await asked(await admin(dataDir), SWITCH);
  const reached = async () =>
    new Date((await done(valtronics(['backup', 'list', '--json'], { env }))).json.moments[0].until);
  await expect.poll(async () => (await reached()) > last, { timeout: 60_000, interval: 1_000 }).toBe(true);
  await stopped(server);

  const home = join(dataDir, 'postgres');
  const [data, aside] = [join(home, 'data'), join(home, 'data-before-restore')];
  const workshops = () => readdirSync(home).filter((name) => name.startsWith('being-restored-'));
  const restore = (...more: string[]) =>
    valtronics(['backup', 'restore', '--at', moment.toISOString(), '-i', key, ...more], { env });
  async function marks(): Promise<number[]> {
    const embedded = await startEmbeddedPostgres({ dataDir, log: quiet });
    try {
      return await asked(embedded.adminConnection('valtronics'), 'select n from marks order by n');
    } finally {
      await embedded.stop();
    }
  }
  /** Killed once it has come to this, which is seen by what lies in its workshop. */
  async function killedAt(step: (workshop: string) => boolean): Promise<void> {
    const known = workshops();
    const program = restore('--replace');
    const isThere = () => workshops().some((name) => !known.includes(name) && step(join(home, name)));
    while (!isThere() && program.child.exitCode === null) await delay(1);
    expect(program.child.exitCode).toBeNull();
    program.child.kill('SIGKILL');
    expect((await program.finished()).code).toBeNull();
  }
  const steps = {
    filling: () => true,
    recovering: (workshop: string) => existsSync(join(workshop, 'data/postmaster.pid')),
    // On a timeline of its own: it was brought to the moment, and is being looked into.
    accepting: (workshop: string) =>
      existsSync(join(workshop, 'data/pg_wal/00000002.history')) && !existsSync(join(workshop, 'data/recovery.signal')),
  };

  for (const [step, isThere] of Object.entries(steps)) {
    await killedAt(isThere);
    const [left = ''] = workshops();
    expect(workshops(), step).toEqual([left]);
    expect(existsSync(aside), step).toBe(false);
    // Its postmaster may have outlived it; whoever starts next ends it.
    const orphans = processesOf(join(home, left, 'data'));
    if (step === 'filling') {
      // One after the other: the next restore sweeps what this one has left.
      expect(orphans).toEqual([]);
      continue;
    }
    expect(await marks(), step).toEqual(upTo(20));
  }
  expect(await marks()).toEqual(upTo(20));

  // Between the two renamings, which no clock of a test can hit: what was there has only its other name.
  renameSync(data, aside);
  expect(await restore().finished()).toMatchObject({
    code: 1,
    err: expect.stringContaining('with --replace it is put'),
  });
  expect(existsSync(aside)).toBe(false);
  expect(await marks()).toEqual(upTo(20));
  renameSync(data, aside);
  await done(restore('--replace', '--json'));
  expect(workshops()).toEqual([]);
  expect(databaseProcesses(dataDir)).toEqual([]);
  expect(await marks()).toEqual(upTo(10));
  // And it is the one that is kept.
  renameSync(data, join(home, 'restored'));
  renameSync(aside, data);
  expect(await marks()).toEqual(upTo(20));
});
