import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { securityEventsList } from '@valtronics/contract';
import { expect, onTestFinished, test } from 'vitest';
import { publicKeyOf, verifierOf } from '../../server/src/lib/transparency/signed-note.ts';
import { readManifest, signManifest } from '../../server/src/security/backups/manifest.ts';
import { aBackupPlace, flip, running } from '../support/backup-place.ts';
import { aDebianPostgres, debianPostgresInstalled } from '../support/database-debian.ts';
import { done, newAdministrator, PASSWORD, signedIn } from '../support/people-at-the-command-line.ts';
import { aPlace, databaseProcesses, stopped } from '../support/place.ts';
import { type Finished, valtronics } from '../support/program.ts';

// Backups as whoever runs the platform makes them: the commands as processes of their own, with a running server and after its end.

test('from a running server to another machine, and back in time', { timeout: 400_000 }, async () => {
  const place = await aBackupPlace();
  const { env, folder, key, dataDir } = place;
  const command = (...args: string[]): Promise<Finished> => valtronics(args, { env }).finished();
  await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
  let server = await running(env);
  const ada = await signedIn(place, 'ada@example.org');

  const { json: made } = await done(valtronics(['backup', 'create', '--json'], { env }));
  expect(made).toMatchObject({ name: expect.stringMatching(/^valtronics-/), place: folder, recipients: 1 });
  expect(readdirSync(folder).sort()).toEqual([`${made.name}.manifest`, `${made.name}.tar.zst.age`]);
  const file = join(folder, `${made.name}.tar.zst.age`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  // Whoever has age, zstd and tar needs nothing of ours.
  const listed = execFileSync('sh', ['-c', `age -d -i ${key} ${file} | zstd -dc | tar t`], { encoding: 'utf8' });
  expect(listed).toMatch(/^backup\.json\n.*\ntables\/users\/000001\n.*contents\.json\n$/s);
  const users = execFileSync('sh', ['-c', `age -d -i ${key} ${file} | zstd -dc | tar xO tables/users/000001`]);
  // The row as it lies in the database, in which the address is sealed.
  expect(String(users)).toMatch(/\tadmin\tactive\t/);
  expect(String(users)).not.toContain('ada@example.org');

  expect((await command('backup', 'list')).out).toContain(made.name);
  expect(await command('backup', 'verify')).toMatchObject({ code: 0, out: `${made.name}  good (file)\n` });
  expect(await command('backup', 'verify', '-i', key)).toMatchObject({
    code: 0,
    out: `${made.name}  good (contents)\n`,
  });

  // What nobody has heard of is a mistake of who asks, and no damage.
  for (const unknown of ['valtronics-20200101T000000Z-00000000', 'base-20200101T000000Z-00000000'])
    expect(await command('backup', 'verify', unknown)).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(
        new RegExp(`^valtronics: there is no ${unknown} in ${folder}(/point-in-time)?: "backup list" shows them\n$`),
      ),
    });

  // Somebody alters one, and takes another away.
  const second = (await done(valtronics(['backup', 'create', '--json'], { env }))).json;
  const third = (await done(valtronics(['backup', 'create', '--json'], { env }))).json;
  flip(join(folder, `${second.name}.tar.zst.age`));
  for (const ending of ['manifest', 'tar.zst.age']) rmSync(join(folder, `${third.name}.${ending}`));
  const judged = await command('backup', 'verify', '--all', '--json');
  expect(judged).toMatchObject({ code: 1, err: 'valtronics: 2 of 3 backups cannot be relied on\n' });
  expect(JSON.parse(judged.out).items).toEqual([
    { name: made.name, checked: 'file', fault: null, problem: null },
    { name: second.name, checked: 'file', fault: expect.stringContaining('its file was altered'), problem: 'damaged' },
    { name: third.name, checked: 'file', fault: expect.stringContaining('it is gone'), problem: 'damaged' },
  ]);
  await expect
    .poll(
      async () => {
        const { items } = await ada.call(securityEventsList, { query: { action: 'backup.tampered' } });
        return items.map(({ details }) => details.backup).sort();
      },
      { timeout: 20_000 },
    )
    .toEqual([second.name, third.name].sort());
  expect(await command('backup', 'verify', third.name)).toMatchObject({
    code: 1,
    out: expect.stringContaining('it is gone from'),
  });
  await expect
    .poll(
      async () => {
        const { items } = await ada.call(securityEventsList, { query: { action: 'incident.opened' } });
        return items.length;
      },
      { timeout: 20_000 },
    )
    .toBeGreaterThan(0);

  // Back in time: what came after the backup is gone, whoever was signed in is not.
  await done(valtronics(newAdministrator('bob@example.org'), { env, input: `${PASSWORD}\n` }));
  expect(await command('backup', 'restore', made.name, '-i', key)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^valtronics: a server runs on .*: stop it first\n$/),
  });
  await stopped(server);
  expect(await command('backup', 'restore', made.name, '-i', key)).toMatchObject({
    code: 1,
    err: expect.stringContaining('with --replace it is put aside'),
  });
  expect(await command('backup', 'restore', second.name, '-i', key, '--replace')).toMatchObject({
    code: 1,
    err: expect.stringContaining('is not the backup that was made'),
  });
  expect(databaseProcesses(dataDir)).toEqual([]);
  server = await running(env);
  await signedIn(place, 'bob@example.org');
  await stopped(server);
  const restored = await done(valtronics(['backup', 'restore', made.name, '-i', key, '--replace', '--json'], { env }));
  expect(restored.json).toMatchObject({ name: made.name, aside: 'valtronics_before_restore', endedSessions: 1 });
  server = await running(env);
  await expect(signedIn(place, 'bob@example.org')).rejects.toThrow();
  await signedIn(place, 'ada@example.org');
  await stopped(server);

  // Another machine: the root key, the identity and the backup are all there is.
  const other = await aPlace();
  const there = { ...other.env, VALTRONICS_BACKUP_FOLDER: folder };
  const restore = ['backup', 'restore', made.name, '-i', key];
  expect(await valtronics(restore, { env: there }).finished()).toMatchObject({
    code: 1,
    err: expect.stringMatching(/root\.key is missing: put the root key there first/),
  });
  mkdirSync(other.dataDir, { recursive: true });
  copyFileSync(join(dataDir, 'root.key'), join(other.dataDir, 'root.key'));
  await done(valtronics([...restore, '--json'], { env: there }));
  const elsewhere = await running(there);
  await signedIn(other, 'ada@example.org');
  await stopped(elsewhere);
});

test('with another root key nothing is put in its place', { timeout: 200_000 }, async () => {
  const place = await aBackupPlace();
  await done(valtronics(newAdministrator('ada@example.org'), { env: place.env, input: `${PASSWORD}\n` }));
  const { json: made } = await done(valtronics(['backup', 'create', '--json'], { env: place.env }));
  const other = await aPlace();
  const env = { ...other.env, VALTRONICS_BACKUP_FOLDER: place.folder };
  await done(valtronics(newAdministrator('eve@example.org'), { env, input: `${PASSWORD}\n` }));
  const restore = ['backup', 'restore', made.name, '-i', place.key, '--replace'];
  expect(await valtronics(restore, { env }).finished()).toMatchObject({
    code: 1,
    err: expect.stringContaining('the root key of this data folder does not open what is sealed in'),
  });
  // Where nothing is installed yet, the wrong key is not kept to: the right one is taken after it.
  const empty = await aPlace();
  mkdirSync(empty.dataDir, { recursive: true });
  copyFileSync(join(other.dataDir, 'root.key'), join(empty.dataDir, 'root.key'));
  const there = { ...empty.env, VALTRONICS_BACKUP_FOLDER: place.folder };
  expect(await valtronics(restore, { env: there }).finished()).toMatchObject({
    code: 1,
    err: expect.stringContaining('the root key of this data folder does not open what is sealed in'),
  });
  expect(readdirSync(empty.dataDir)).toEqual(['root.key']);
  copyFileSync(join(place.dataDir, 'root.key'), join(empty.dataDir, 'root.key'));
  await done(valtronics([...restore, '--json'], { env: there }));
  // A backup as whoever read the database could make it: all of it is right but who signed it.
  const file = join(place.folder, `${made.name}.manifest`);
  const { manifest } = readManifest(readFileSync(file, 'utf8'), made.name);
  const seed = randomBytes(32);
  writeFileSync(
    file,
    signManifest(manifest, { seed, verifier: verifierOf('localhost/audit/0123456789ab', publicKeyOf(seed)) }),
  );
  expect(await valtronics(restore, { env: place.env }).finished()).toMatchObject({
    code: 1,
    err: expect.stringContaining('which is not a key that is believed here'),
  });
  const again = await valtronics(newAdministrator('eve@example.org'), { env, input: `${PASSWORD}\n` }).finished();
  expect(again.err).toContain('already has an account');
});

test('what is missing is said before any work', { timeout: 60_000 }, async () => {
  const { env } = await aPlace();
  const said = async (...args: string[]) => {
    const { code, err } = await valtronics(['backup', ...args], { env }).finished();
    return { code, err: err.split('\n')[0] };
  };
  expect(await said('create')).toEqual({ code: 2, err: expect.stringContaining('--folder is missing') });
  expect(await said('create', '--folder', '/nonexistent', '-r', 'age1x')).toEqual({
    code: 1,
    err: expect.stringContaining('there is no folder /nonexistent: make it, or mount what it is on'),
  });
  expect(await said('create', '--folder', '/tmp')).toEqual({
    code: 2,
    err: expect.stringContaining('--recipient is missing'),
  });
  expect(await said('create', '--folder', '/tmp', '-r', 'AGE-SECRET-KEY-1X')).toMatchObject({
    err: expect.stringContaining('a secret identity was given as a recipient'),
  });
  expect(await said('restore', '../../etc/passwd', '--folder', '/tmp')).toEqual({
    code: 2,
    err: expect.stringContaining('is no name of a backup'),
  });
});

test.skipIf(!debianPostgresInstalled())('a database of your own', { timeout: 200_000 }, async () => {
  const postgres = await aDebianPostgres();
  onTestFinished(() => postgres.stop());
  const place = await aBackupPlace();
  const env = {
    ...place.env,
    DATABASE_URL: postgres.url('localhost', `?sslmode=verify-full&sslrootcert=${postgres.caFile}`),
  };
  await done(valtronics(['db', 'init', '--json'], { env }));
  await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
  const { json: made } = await done(valtronics(['backup', 'create', '--json'], { env }));
  expect(made.database.postgres).toMatch(/^15\./);
  await done(valtronics(newAdministrator('bob@example.org'), { env, input: `${PASSWORD}\n` }));
  await done(valtronics(['backup', 'restore', made.name, '-i', place.key, '--replace', '--json'], { env }));
  await done(valtronics(newAdministrator('bob@example.org'), { env, input: `${PASSWORD}\n` }));
  expect(existsSync(join(place.dataDir, 'postgres'))).toBe(false);

  // From one's own to the embedded one of another version: what moves is rows.
  const other = await aPlace();
  mkdirSync(other.dataDir, { recursive: true });
  copyFileSync(join(place.dataDir, 'root.key'), join(other.dataDir, 'root.key'));
  const there = { ...other.env, VALTRONICS_BACKUP_FOLDER: place.folder };
  await done(valtronics(['backup', 'restore', made.name, '-i', place.key, '--json'], { env: there }));
  const server = await running(there);
  await signedIn(other, 'ada@example.org');
  await stopped(server);
});
