import { copyFileSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { incidentsList, securityEventsList } from '@valtronics/contract';
import { generateIdentity } from 'age-encryption';
import { expect, test } from 'vitest';
import { askServer } from '../../server/src/control/control-client.ts';
import { loadConfig } from '../../server/src/platform/config/config.ts';
import { withClient } from '../../server/src/platform/db/with-client.ts';
import { adminBeside } from '../../server/src/start-database.ts';
import { aBackupPlace, flip, running } from '../support/backup-place.ts';
import { aDebianPostgres, debianPostgresInstalled } from '../support/database-debian.ts';
import { done, newAdministrator, PASSWORD, signedIn } from '../support/people-at-the-command-line.ts';
import { databaseProcesses, stopped } from '../support/place.ts';
import { type Finished, valtronics } from '../support/program.ts';

// Drills as whoever runs the platform makes them: processes of their own, beside a running server and without one.

const GOOD = [
  { check: 'rows', outcome: 'passed', detail: expect.stringMatching(/^\d+ rows in \d+ tables$/) },
  { check: 'audit_log', outcome: 'passed', detail: expect.any(String) },
  { check: 'sealed_values', outcome: 'passed', detail: expect.any(String) },
  { check: 'erasures', outcome: expect.any(String), detail: expect.any(String) },
];

test('beside a running server: of a good backup, of damaged ones, and after it was killed', {
  timeout: 400_000,
}, async () => {
  const place = await aBackupPlace();
  const { env, folder, key, dataDir } = place;
  const command = (...args: string[]): Promise<Finished> => valtronics(args, { env }).finished();
  const made = async (): Promise<string> => (await done(valtronics(['backup', 'create', '--json'], { env }))).json.name;
  await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
  let server = await running(env);
  const ada = await signedIn(place, 'ada@example.org');
  const { host } = (await askServer(dataDir, 'database.place', { uid: process.getuid?.() ?? 0, input: {} })) ?? {};
  const asked = (statement: string) =>
    withClient(adminBeside({ ...loadConfig({}), dataDir }, { host })('valtronics'), async (client) =>
      (await client.query<{ value: unknown }>(statement)).rows.map(({ value }) => value),
    );
  const databases = () => asked('select datname as value from pg_database order by 1');
  const without = ['postgres', 'template0', 'template1', 'valtronics'];

  const good = await made();
  const first = await done(valtronics(['backup', 'drill', '-i', key, '--json'], { env }));
  expect(first.json).toMatchObject({ backup: good, place: folder, passed: true, checks: GOOD });
  expect(await databases()).toEqual(without);
  const report = readdirSync(folder).find((file) => file.startsWith(`${good}.drill-`)) ?? '';
  const [heading, line, , signature] = readFileSync(join(folder, report), 'utf8').split('\n');
  expect(heading).toBe('valtronics-drill/1');
  expect(JSON.parse(line ?? '')).toEqual(first.json);
  expect(signature).toMatch(/^— localhost:\d+\/audit\/[0-9a-f]{12} \S+$/);
  const recorded = `select details as value from audit_events where event = 'backup.drilled' and resource_id = '${good}'`;
  expect(await asked(recorded)).toEqual([first.json]);
  expect((await ada.call(securityEventsList, { query: { action: 'backup.drill_failed' } })).items).toEqual([]);

  // A backup from before the keys were rotated opens after it.
  await done(valtronics(['keys', 'rotate', '--data', '--json'], { env }));
  expect((await done(valtronics(['backup', 'drill', good, '-i', key, '--json'], { env }))).json.passed).toBe(true);

  const [flipped, short] = [await made(), await made()];
  flip(join(folder, `${flipped}.tar.zst.age`));
  truncateSync(join(folder, `${short}.tar.zst.age`), 1_000);
  const stranger = join(folder, '../stranger.txt');
  writeFileSync(stranger, `${await generateIdentity()}\n`, { mode: 0o600 });
  const failing = [
    [flipped, key, /its file was altered|is not the backup that was made/],
    [short, key, /is not the backup that was made/],
  ] as const;
  for (const [name, identity, message] of failing) {
    const failed = await command('backup', 'drill', name, '-i', identity);
    expect(failed).toMatchObject({ code: 1, err: expect.stringMatching(message) });
    expect(failed.err).toMatch(new RegExp(`^valtronics: ${name} cannot be relied on: load: [^\n]+\n$`));
    expect(failed.out).toMatch(/NOT GOOD/);
    expect(failed.out).toMatch(message);
  }
  // That says nothing about the backup.
  const unopened = await command('backup', 'drill', good, '-i', stranger);
  expect(unopened).toMatchObject({ code: 1, out: '', err: expect.stringContaining(`${good} cannot be opened`) });
  expect(await databases()).toEqual(without);
  const heard = async (action: string) =>
    (await ada.call(securityEventsList, { query: { action } })).items.map(({ details }) => details.backup).sort();
  await expect.poll(() => heard('backup.drill_failed'), { timeout: 20_000 }).toEqual([flipped, short].sort());
  expect(await heard('backup.tampered')).toEqual([flipped, short].sort());
  await expect
    .poll(async () => (await ada.call(incidentsList, { query: {} })).items.map(({ severity }) => severity), {
      timeout: 20_000,
    })
    .toContain('critical');

  // Ctrl-C leaves nothing; kill -9 leaves its database, which the next start throws away.
  const seen = async (program: ReturnType<typeof valtronics>) => {
    await expect.poll(databases, { timeout: 30_000, interval: 20 }).toContain('valtronics_drill');
    return program;
  };
  const interrupted = await seen(valtronics(['backup', 'drill', good, '-i', key], { env }));
  const second = await command('backup', 'drill', good, '-i', key);
  expect(second).toMatchObject({ code: 1, err: 'valtronics: another drill is under way: one at a time\n' });
  interrupted.child.kill('SIGINT');
  const ended = await interrupted.finished();
  // It may have been done before it heard.
  if (ended.code !== 0) expect(ended).toMatchObject({ code: 1, err: 'valtronics: stopped: there is no report\n' });
  expect(await databases()).toEqual(without);
  const killed = await seen(valtronics(['backup', 'drill', good, '-i', key], { env }));
  killed.child.kill('SIGKILL');
  await killed.finished();
  expect(await databases()).toContain('valtronics_drill');
  await stopped(server, 'SIGKILL');
  server = await running(env);
  expect(await databases()).toEqual(without);
  await stopped(server);

  // Without a server, and with the identity that the settings name.
  const named = { ...env, VALTRONICS_BACKUP_DRILL_IDENTITY: key };
  expect((await done(valtronics(['backup', 'drill', good, '--json'], { env: named }))).json.passed).toBe(true);
  expect(databaseProcesses(dataDir)).toEqual([]);
});

test('on another machine, which has the root key, and with another root key', { timeout: 200_000 }, async () => {
  const place = await aBackupPlace();
  await done(valtronics(newAdministrator('ada@example.org'), { env: place.env, input: `${PASSWORD}\n` }));
  const { json: made } = await done(valtronics(['backup', 'create', '--json'], { env: place.env }));
  const other = await aBackupPlace();
  const there = { ...other.env, VALTRONICS_BACKUP_FOLDER: place.folder };
  mkdirSync(other.dataDir, { recursive: true });
  copyFileSync(join(place.dataDir, 'root.key'), join(other.dataDir, 'root.key'));
  const drill = ['backup', 'drill', '-i', place.key, '--json'];
  expect((await done(valtronics(drill, { env: there }))).json).toMatchObject({ backup: made.name, passed: true });

  const stranger = await aBackupPlace();
  const failed = await valtronics(drill, {
    env: { ...stranger.env, VALTRONICS_BACKUP_FOLDER: place.folder },
  }).finished();
  expect(failed).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('the root key of this data folder does not open'),
  });
});

test.skipIf(!debianPostgresInstalled())('beside a database of your own', { timeout: 200_000 }, async () => {
  const postgres = await aDebianPostgres();
  const place = await aBackupPlace();
  const env = {
    ...place.env,
    DATABASE_URL: postgres.url('localhost', `?sslmode=verify-full&sslrootcert=${postgres.caFile}`),
  };
  try {
    await done(valtronics(['db', 'init', '--json'], { env }));
    await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
    await done(valtronics(['backup', 'create', '--json'], { env }));
    const { json } = await done(valtronics(['backup', 'drill', '-i', place.key, '--json'], { env }));
    expect(json).toMatchObject({ passed: true, checks: GOOD });
  } finally {
    await postgres.stop();
  }
});

test('a backup of a database whose rows do not fit together has failed its drill, as the report says', {
  timeout: 300_000,
}, async () => {
  const { env, dataDir, folder, key } = await aBackupPlace();
  await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
  const server = await running(env);
  const { host } = (await askServer(dataDir, 'database.place', { uid: process.getuid?.() ?? 0, input: {} })) ?? {};
  await withClient(adminBeside({ ...loadConfig({}), dataDir }, { host })('valtronics'), (client) =>
    client.query(
      `begin; set local session_replication_role = replica;
       insert into devices (id, organisation_id, name, type) values (gen_random_uuid(), 4711, 'Press 1', 'pressure'); commit`,
    ),
  );
  const { json: made } = await done(valtronics(['backup', 'create', '--json'], { env }));
  const failed = await valtronics(['backup', 'drill', '-i', key, '--json'], { env }).finished();
  expect(failed).toMatchObject({ code: 1, err: expect.stringContaining(`${made.name} cannot be relied on: load: `) });
  expect(JSON.parse(failed.out)).toMatchObject({
    backup: made.name,
    passed: false,
    checks: [
      { check: 'load', outcome: 'failed', detail: expect.stringContaining('devices refer to rows that are not') },
    ],
  });
  expect(readdirSync(folder).filter((file) => file.startsWith(`${made.name}.drill-`))).toHaveLength(1);
  await stopped(server);
});
