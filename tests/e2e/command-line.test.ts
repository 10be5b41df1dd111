import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { auditEventsList, devicesList } from '@valtronics/contract';
import { describe, expect, onTestFinished, test } from 'vitest';
import { aDebianPostgres, debianPostgresInstalled } from '../support/database-debian.ts';
import { freePorts } from '../support/free-ports.ts';
import { done, newAdministrator, PASSWORD, signedIn } from '../support/people-at-the-command-line.ts';
import { aPlace, databaseProcesses, stopped } from '../support/place.ts';
import { aServer, valtronics } from '../support/program.ts';

// The command and the server as processes on one data folder, with the embedded database: what a person at the machine does.

const uid = process.getuid?.() ?? 0;

describe('the same commands with a running server and without', () => {
  test('create accounts and devices, audited as who typed them', { timeout: 180_000 }, async () => {
    const place = await aPlace();
    const { env } = place;
    const newDevice = (name: string) => ['devices', 'create', '--name', name, '--type', 'temperature', '--json'];

    // No server: the command starts the platform, without a port, and ends it.
    const alone = await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
    expect(alone.json).toMatchObject({ user: { email: 'ada@example.org', status: 'active' }, invitation: null });
    const first = await done(valtronics(newDevice('Before'), { env }));
    expect(databaseProcesses(place.dataDir)).toEqual([]);

    const server = aServer({ env });
    await server.says('Valtronics is running on');
    // There is an administrator, so there is no link for the first one.
    expect(server.out()).not.toContain('Create the first administrator');

    // With the server: it does it, and needs no restart to know.
    const asked = await done(valtronics(newAdministrator('bob@example.org'), { env, input: `${PASSWORD}\n` }));
    expect(asked.json).toMatchObject({ user: { email: 'bob@example.org', status: 'active' } });
    const second = await done(valtronics(newDevice('Meanwhile'), { env }));
    const taken = await valtronics(newAdministrator('ADA@example.org'), { env, input: `${PASSWORD}\n` }).finished();
    expect(taken).toMatchObject({ code: 1, out: '' });
    expect(taken.err).toMatch(/^valtronics: [^\n]*already has an account\.\n$/);

    expect((await done(valtronics(['blocks', 'list', '--json'], { env }))).json).toEqual({ items: [] });
    const free = await valtronics(['blocks', 'lift', '203.0.113.9', '--json'], { env }).finished();
    expect(free).toMatchObject({ code: 1, out: '', err: 'valtronics: Nothing in force blocks 203.0.113.9.\n' });
    // The keys that sign tokens: too early for a rotation that nobody notices, so it says how long to wait.
    const soon = await valtronics(['keys', 'rotate'], { env }).finished();
    expect(soon).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/Wait \d+ s, or .* --now/) });
    const rotated = JSON.parse((await valtronics(['keys', 'rotate', '--now', '--json'], { env }).finished()).out);
    const stages = rotated.keys.map(({ status }: { status: string }) => status).sort();
    expect(stages).toEqual(['active', 'next', 'retiring']);
    const { kid } = rotated.keys.find(({ status }: { status: string }) => status === 'retiring');
    const ended = await valtronics(['keys', 'retire', '--', kid], { env }).finished();
    expect(ended.out).toContain(`${kid}  ES256  retired   ended `);
    const shown = await valtronics(['keys', 'status'], { env }).finished();
    expect(shown).toMatchObject({
      code: 0,
      out: expect.stringMatching(/active .*signs since .*\n(.*\n)*Next rotation: /),
    });

    const ada = await signedIn(place, 'ada@example.org');
    await (await signedIn(place, 'bob@example.org')).signOut();
    const { items: devices } = await ada.call(devicesList, { query: {} });
    expect(devices.map(({ name }) => name).sort()).toEqual(['Before', 'Meanwhile']);
    expect(devices.map(({ id }) => id).sort()).toEqual([first.json.device?.id, second.json.device?.id].sort());
    const { items: events } = await ada.call(auditEventsList, { query: { actorId: `cli:${uid}` } });
    expect(events.map(({ event }) => event).sort()).toEqual([
      'device.registered',
      'device.registered',
      'user.created',
      'user.created',
    ]);
    await ada.signOut();
    expect(await stopped(server)).toBe(0);
    expect(databaseProcesses(place.dataDir)).toEqual([]);
    expect(existsSync(join(place.dataDir, 'run/valtronics.sock'))).toBe(false);
  });

  test('a link of the command opens the account; a server that was killed is no obstacle', {
    timeout: 180_000,
  }, async () => {
    const place = await aPlace();
    const { env } = place;
    const killed = aServer({ env });
    await killed.says('Create the first administrator');
    killed.child.kill('SIGKILL');
    await killed.finished();
    expect(existsSync(join(place.dataDir, 'run/valtronics.sock'))).toBe(true);

    const { json } = await done(
      valtronics(['users', 'create', '--email', 'ada@example.org', '--role', 'operator', '--json'], { env }),
    );
    expect(json).toMatchObject({ user: { status: 'invited', role: 'operator' } });
    expect(json.invitation?.url).toMatch(new RegExp(`^${place.url}/accept-invitation#token=vti_[\\w-]{43}$`));
    const days = (Date.parse(json.invitation?.expiresAt ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(6.9);
    expect(days).toBeLessThanOrEqual(7);
    // It ended the database that the killed server had left behind.
    expect(databaseProcesses(place.dataDir)).toEqual([]);
    await done(valtronics(['db', 'migrate', '--json'], { env }));
  });
});

describe('a start that cannot be ends with 1, one clear line, and nothing left running', () => {
  test('a second server on the same data folder, or on the same ports, which disturbs the first in nothing', {
    timeout: 180_000,
  }, async () => {
    const place = await aPlace();
    const first = aServer({ env: place.env });
    await first.says('Valtronics is running on');
    const other = await aPlace();
    const sameFolder = await aServer({ env: { ...other.env, VALTRONICS_DATA_DIR: place.dataDir } }).finished();
    expect(sameFolder).toMatchObject({ code: 1, out: '' });
    expect(sameFolder.err).toMatch(/^valtronics: the data folder [^\n]+ is in use by process \d+: [^\n]+\n$/);
    for (const name of ['VALTRONICS_HTTP_PORT', 'VALTRONICS_MQTT_PORT']) {
      const port = place.env[name] ?? '';
      const samePort = await aServer({ env: { ...other.env, [name]: port } }).finished();
      expect(samePort).toMatchObject({ code: 1, out: '' });
      expect(samePort.err).toMatch(new RegExp(`^valtronics: port ${port} is taken on 127\\.0\\.0\\.1: [^\\n]+\\n$`));
      // Said before anything was made.
      expect(existsSync(other.dataDir)).toBe(false);
    }
    await done(valtronics(['devices', 'create', '--name', 'x', '--type', 'y', '--json'], { env: place.env }));
    expect(await stopped(first, 'SIGINT')).toBe(0);
  });

  test('an unknown setting, and a root key that others can read', { timeout: 180_000 }, async () => {
    const place = await aPlace();
    const unknown = await aServer({ env: { ...place.env, VALTRONICS_HTTP_PROT: '1' } }).finished();
    expect(unknown).toMatchObject({ code: 1, out: '' });
    expect(unknown.err).toMatch(/^valtronics: VALTRONICS_HTTP_PROT is not a setting: [^\n]+\n$/);
    expect(existsSync(place.dataDir)).toBe(false);

    await done(valtronics(['db', 'migrate', '--json'], { env: place.env }));
    chmodSync(join(place.dataDir, 'root.key'), 0o644);
    const open = await aServer({ env: place.env }).finished();
    expect(open).toMatchObject({ code: 1, out: '' });
    expect(open.err.trimEnd().split('\n').at(-1)).toMatch(/^valtronics: \S+root\.key can be read by others [^\n]+$/);
  });

  test('Ctrl-C in the middle of the start leaves no database behind', { timeout: 180_000 }, async () => {
    const place = await aPlace();
    const server = aServer({ env: place.env });
    const deadline = Date.now() + 60_000;
    while (databaseProcesses(place.dataDir).length === 0 && Date.now() < deadline) await delay(10);
    expect(databaseProcesses(place.dataDir)).not.toEqual([]);
    expect(await stopped(server, 'SIGINT')).toBe(0);
    expect(server.err()).toBe('');
    expect(databaseProcesses(place.dataDir)).toEqual([]);
  });
});

test.skipIf(!debianPostgresInstalled())(
  'a database of your own is prepared once, and then served',
  {
    timeout: 240_000,
  },
  async () => {
    const place = await aPlace();
    const debian = await aDebianPostgres();
    onTestFinished(() => debian.stop());
    const parameters = `?sslmode=verify-full&sslrootcert=${debian.caFile}`;
    const env = { ...place.env, DATABASE_URL: debian.url('localhost', parameters) };

    const early = await aServer({ env }).finished();
    expect(early).toMatchObject({ code: 1, out: '' });
    expect(early.err.trimEnd().split('\n').at(-1)).toMatch(/^valtronics: [^\n]+ run "valtronics db init" once[^\n]+$/);

    const prepared = await done(valtronics(['db', 'init', '--json'], { env }));
    expect(prepared.json.applied).toContain('0001-foundation.sql');
    const migrated = await done(valtronics(['db', 'migrate', '--json'], { env }));
    expect(migrated.json).toEqual({ applied: [] });
    await done(valtronics(['devices', 'create', '--name', 'x', '--type', 'y', '--json'], { env }));
    const server = aServer({ env });
    await server.says('Valtronics is running on');
    // The database is somebody else's, but the data folder has one server all the same.
    const [http, mqtt] = await freePorts(2);
    const ports = { VALTRONICS_HTTP_PORT: String(http), VALTRONICS_MQTT_PORT: String(mqtt) };
    const second = await aServer({ env: { ...env, ...ports } }).finished();
    expect(second.err.trimEnd().split('\n').at(-1)).toMatch(
      /^valtronics: another server runs on the data folder [^\n]+$/,
    );
    expect(second.code).toBe(1);
    expect(await stopped(server)).toBe(0);
  },
);

test('simulate and replay reach a server with what the commands gave them', { timeout: 240_000 }, async () => {
  const place = await aPlace();
  const { env } = place;
  const work = mkdtempSync(join(tmpdir(), 'valtronics-cli-work-'));
  onTestFinished(() => rmSync(work, { recursive: true, force: true }));
  const server = aServer({ env });
  await server.says('Valtronics is running on');
  const invite = ['users', 'create', '--email', 'op@example.org', '--role', 'operator', '--password-stdin', '--json'];
  await done(valtronics(invite, { env, input: PASSWORD }));

  const tokens = join(work, 'fleet.json');
  const fleet = ['simulate', '--devices', '5', '--tokens', tokens, '--json'];
  const signedInOnce = ['--email', 'op@example.org', '--password-stdin', '--seconds', '1'];
  await done(valtronics([...fleet, ...signedInOnce], { env, input: PASSWORD }));
  // With the tokens of the first run nobody has to sign in any more; no device is doubled. The slowest measures every 15 s.
  const run = await done(valtronics([...fleet, '--seconds', '16'], { env }));
  expect(run.json).toMatchObject({ devices: 5, refused: 0, rejected: 0, dropped: 0 });
  expect(Number(run.json.acknowledged)).toBeGreaterThanOrEqual(5);

  const card = await valtronics(['devices', 'create', '--name', 'Fridge', '--type', 'temperature', '--json'], {
    env,
  }).finished();
  writeFileSync(join(work, 'fridge.json'), card.out, { mode: 0o600 });
  const recording = join(work, 'recording.csv');
  writeFileSync(
    recording,
    'timestamp,metric,value,device\n2026-01-01T00:00:00Z,t,1.5,Fridge\n2026-01-01T00:00:01Z,t,x y,Fridge\n2026-01-01T00:00:02Z,t,2.5,Nobody\n',
  );
  const withToken = await done(
    valtronics(
      [
        'replay',
        join(import.meta.dirname, '../../simulator/samples/freezer-door.csv'),
        '--device-token-file',
        join(work, 'fridge.json'),
        '--speed',
        'max',
        '--end-now',
        '--json',
      ],
      { env },
    ),
  );
  expect(withToken.json).toMatchObject({ sent: 790, acknowledged: 790, rejected: 0, badLines: 0 });

  const byName = await done(
    valtronics(
      ['replay', recording, '--speed', 'max', '--end-now', '--email', 'op@example.org', '--password-stdin', '--json'],
      { env, input: PASSWORD },
    ),
  );
  expect(byName.json).toMatchObject({ sent: 2, acknowledged: 2, badLines: 1, devices: 1 });
  expect(await stopped(server)).toBe(0);
});
