import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Problem } from '../lib/problem.ts';
import { askServer, ControlRefusedError } from './control-client.ts';
import { openControlServer } from './control-server.ts';
import type { HostCommands } from './host-commands.ts';
import { ControlSocketError, socketPlace } from './socket-place.ts';

const uid = process.getuid?.() ?? 0;
const person = { email: 'ada@example.org', role: 'admin' } as const;

function aDataFolder(...below: string[]): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'valtronics-control-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const dataDir = join(folder, ...below);
  mkdirSync(dataDir, { recursive: true });
  return dataDir;
}

/** A server whose commands only note what they were asked. */
async function aControlServer(dataDir: string, fails?: unknown) {
  const asked: { uid: number; input: unknown }[] = [];
  const logged: object[] = [];
  const commands: HostCommands = {
    async 'users.create'(by, input) {
      asked.push({ uid: by, input });
      if (fails !== undefined) throw fails;
      return { user: { id: 'u1', email: input.email, role: input.role, status: 'active' }, invitation: null };
    },
    'users.reset-factors': () => Promise.reject(new Error('not in this test')),
    'devices.create': () => Promise.reject(new Error('not in this test')),
    'blocks.list': () => Promise.reject(new Error('not in this test')),
    'blocks.lift': () => Promise.reject(new Error('not in this test')),
    'keys.status': () => Promise.reject(new Error('not in this test')),
    'keys.rotate': () => Promise.reject(new Error('not in this test')),
    'keys.retire': () => Promise.reject(new Error('not in this test')),
    'keys.rotate-data': () => Promise.reject(new Error('not in this test')),
    'keys.rotate-data.progress': () => Promise.reject(new Error('not in this test')),
    'keys.retire-data': () => Promise.reject(new Error('not in this test')),
    'keys.subjects.backup': () => Promise.reject(new Error('not in this test')),
    'keys.subjects.destroy': () => Promise.reject(new Error('not in this test')),
    'keys.subjects.lost': () => Promise.reject(new Error('not in this test')),
    'keys.subjects.accept-loss': () => Promise.reject(new Error('not in this test')),
    'backups.damaged': () => Promise.reject(new Error('not in this test')),
    'backups.drill-failed': () => Promise.reject(new Error('not in this test')),
    'database.place': () => Promise.reject(new Error('not in this test')),
    'devices.claim': () => Promise.reject(new Error('not in this test')),
  };
  const control = await openControlServer({ dataDir, commands, log: { error: (fields) => logged.push(fields) } });
  onTestFinished(() => control.close());
  return { ...control, asked, logged };
}

/** What somebody sends who does not use our client. */
async function post(socketPath: string, path: string, body: string | Buffer) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: unknown }>();
  const asking = request({ socketPath, path, method: 'POST' }, (response) => {
    json(response).then((read) => resolve({ status: response.statusCode, body: read }), reject);
  });
  asking.on('error', reject);
  asking.end(body);
  return promise;
}

describe('the control socket', () => {
  test('carries a command to the running server, with who typed it', async () => {
    const dataDir = aDataFolder();
    const server = await aControlServer(dataDir);
    const created = await askServer(dataDir, 'users.create', { uid, input: person });
    expect(created).toMatchObject({ user: { email: person.email, status: 'active' }, invitation: null });
    expect(server.asked).toEqual([{ uid, input: person }]);
  });

  test('can be opened by the user of the server only', async () => {
    const dataDir = aDataFolder();
    const { socket } = await aControlServer(dataDir);
    expect(socket).toBe(join(dataDir, 'run/valtronics.sock'));
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
  });

  test('a folder that was open to others is closed before the socket is in it', async () => {
    const dataDir = aDataFolder();
    mkdirSync(join(dataDir, 'run'));
    chmodSync(join(dataDir, 'run'), 0o777);
    await aControlServer(dataDir);
    expect(statSync(join(dataDir, 'run')).mode & 0o777).toBe(0o700);
  });

  test('a faulty command is refused with its fields, and never reaches the work', async () => {
    const dataDir = aDataFolder();
    const server = await aControlServer(dataDir);
    const asking = askServer(dataDir, 'users.create', { uid, input: { email: 'nobody', role: 'No role', more: 1 } });
    await expect(asking).rejects.toThrow(ControlRefusedError);
    await expect(asking).rejects.toThrow(/email: .*role: /);
    expect(server.asked).toEqual([]);
  });

  test('a problem is told; anything else only says to look into the log, where it stands', async () => {
    const told = aDataFolder();
    await aControlServer(told, new Problem('conflict', { detail: 'ada has an account.' }));
    await expect(askServer(told, 'users.create', { uid, input: person })).rejects.toThrow('ada has an account.');

    const hidden = aDataFolder();
    const server = await aControlServer(hidden, new Error('password is hunter2'));
    const asking = askServer(hidden, 'users.create', { uid, input: person });
    await expect(asking).rejects.toThrow('the server failed: see its log');
    await expect(asking).rejects.not.toThrow('hunter2');
    expect(server.logged).toHaveLength(1);
  });

  test('whoever claims to be another user is refused: the audit log would name the wrong one', async () => {
    const dataDir = aDataFolder();
    const server = await aControlServer(dataDir);
    const asking = askServer(dataDir, 'users.create', { uid: uid + 4711, input: person });
    await expect(asking).rejects.toThrow('this is not your server');
    expect(server.asked).toEqual([]);
  });

  test.each([
    ['another version', '/2/users.create', '{}', 404],
    ['a command there is not', '/1/users.delete', '{}', 404],
    ['the name of something every object has', '/1/constructor', '{}', 404],
    ['no JSON', '/1/users.create', 'uid=0', 400],
    ['more than 64 KiB', '/1/users.create', JSON.stringify({ uid, input: 'x'.repeat(70_000) }), 400],
  ])('refuses %s', async (_, path, body, status) => {
    const dataDir = aDataFolder();
    const server = await aControlServer(dataDir);
    const answer = await post(server.socket, path, body).catch(() => ({ status: 400, body: {} }));
    expect(answer.status).toBe(status);
    expect(server.asked).toEqual([]);
  });

  test('a connection that says nothing does not hold it', async () => {
    const dataDir = aDataFolder();
    const { socket } = await aControlServer(dataDir);
    const silent = connect(socket).resume();
    const closed = new Promise((resolve) => silent.once('close', resolve));
    silent.once('connect', () => silent.write('POST /1/users.create HTTP/1.1\r\n'));
    await closed;
    await expect(askServer(dataDir, 'users.create', { uid, input: person })).resolves.not.toBeNull();
  });
});

describe('without a server', () => {
  test('there is nobody to ask: no data folder, no socket, or one whose server was killed', async () => {
    const ask = (dataDir: string) => askServer(dataDir, 'users.create', { uid, input: person });
    await expect(ask('/nonexistent')).resolves.toBeNull();
    const dataDir = aDataFolder();
    await expect(ask(dataDir)).resolves.toBeNull();
    await leaveStaleSocket(dataDir);
    await expect(ask(dataDir)).resolves.toBeNull();
  });

  test('the socket of a killed server is replaced; that of a living one is not', async () => {
    const dataDir = aDataFolder();
    await leaveStaleSocket(dataDir);
    await aControlServer(dataDir);
    await expect(askServer(dataDir, 'users.create', { uid, input: person })).resolves.not.toBeNull();

    const second = openControlServer({ dataDir, commands: {} as HostCommands, log: { error: () => undefined } });
    await expect(second).rejects.toThrow(ControlSocketError);
    await expect(second).rejects.toThrow(/another server runs on the data folder/);
    await expect(askServer(dataDir, 'users.create', { uid, input: person })).resolves.not.toBeNull();
  });

  test('a file in its place is left alone', async () => {
    const dataDir = aDataFolder();
    mkdirSync(join(dataDir, 'run'));
    writeFileSync(join(dataDir, 'run/valtronics.sock'), 'mine');
    await expect(aControlServer(dataDir)).rejects.toThrow(/is in the way/);
    expect(statSync(join(dataDir, 'run/valtronics.sock')).size).toBe(4);
  });
});

describe('a data folder too deep for a socket', () => {
  const deep = () => aDataFolder('x'.repeat(120));

  test('has it in a short, closed folder, which goes away with the server', async () => {
    const dataDir = deep();
    const server = await aControlServer(dataDir);
    expect(Buffer.byteLength(server.socket)).toBeLessThanOrEqual(103);
    expect(lstatSync(dirname(server.socket)).mode & 0o777).toBe(0o700);
    await expect(askServer(dataDir, 'users.create', { uid, input: person })).resolves.not.toBeNull();
    await server.close();
    expect(existsSync(dirname(server.socket))).toBe(false);
    expect(socketPlace(dataDir)).toBeUndefined();
  });

  test('a remembered folder that others could have put there is not believed', async () => {
    const dataDir = deep();
    const open = mkdtempSync(join(tmpdir(), 'valtronics-open-'));
    onTestFinished(() => rmSync(open, { recursive: true, force: true }));
    chmodSync(open, 0o777);
    mkdirSync(join(dataDir, 'run'), { mode: 0o700 });
    writeFileSync(join(dataDir, 'run/socket-location'), `${open}\n`);
    expect(socketPlace(dataDir)).toBeUndefined();
    const server = await aControlServer(dataDir);
    expect(dirname(server.socket)).not.toBe(open);
  });
});

/** As kill -9 leaves it: a socket that nobody listens on. */
async function leaveStaleSocket(dataDir: string): Promise<void> {
  const folder = join(dataDir, 'run');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const inHand = join(folder, 'before');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(inHand, resolve));
  // Closing removes the name it was opened under; under another it stays.
  renameSync(inHand, join(folder, 'valtronics.sock'));
  await new Promise((resolve) => server.close(resolve));
}
