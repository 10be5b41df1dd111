import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDatabaseFolder } from '../../support/database-folders.ts';
import { aRealServer, type RealServer } from '../../support/real-server.ts';

// Real tools of attackers against a real server: each is detected, named, kept out and let in again, while somebody else notices nothing.
// All of it stays on loopback. The server trusts a proxy there, so that each tool has an address of its own.

const tools = ['ffuf', 'sqlmap', 'slowhttptest'];
const missing = tools.filter((tool) => spawnSync('which', [tool]).status !== 0);
if (missing.length > 0) {
  if (process.env['CI']) throw new Error(`not installed, and CI skips nothing: ${missing.join(', ')}`);
  console.error(`SKIPPED, not installed: ${missing.join(', ')}`);
}

const AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36';
const NORMAL = '127.0.0.9';
const dataFolder = newDatabaseFolder('valtronics-attacked-');
const folder = mkdtempSync(join(tmpdir(), 'valtronics-attacks-'));
let server: RealServer;
let token: string;

/** A tool, ended after so many seconds at most; what it prints is nobody's business but a failing test's. */
async function run(tool: string, parameters: string[], seconds: number): Promise<string> {
  const child = spawn(tool, parameters, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-4_000);
    });
  const end = setTimeout(() => child.kill('SIGKILL'), seconds * 1_000);
  await once(child, 'exit');
  clearTimeout(end);
  return said;
}

const as = (from: string, path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${server.httpPort}${path}`, {
    headers: { 'x-forwarded-for': from, ...headers },
    signal: AbortSignal.timeout(10_000),
  });

async function within<T>(seconds: number, look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + seconds * 1_000; Date.now() < deadline; await delay(100)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`did not happen within ${seconds} s`);
}

interface Listed {
  id: string;
  scenario: string | null;
  subject: { value: string };
  kind: string;
}
const listed = async (path: string): Promise<Listed[]> =>
  (await server.call('GET', `/api/v1${path}`, { token })).json.items;

/** The 95th percentile of each of several windows of requests of somebody who does nothing wrong, and the median of those. */
async function normalP95(windows: number): Promise<{ p95: number; errors: number }> {
  const p95s: number[] = [];
  let errors = 0;
  for (let window = 0; window < windows; window += 1) {
    const times: number[] = [];
    for (let count = 0; count < 40; count += 1) {
      const started = performance.now();
      const answer = await as(NORMAL, '/api/v1/devices?limit=10', { authorization: `Bearer ${token}` });
      await answer.arrayBuffer();
      times.push(performance.now() - started);
      if (answer.status !== 200) errors += 1;
      await delay(15);
    }
    p95s.push(times.toSorted((a, b) => a - b)[37] ?? 0);
  }
  return { p95: p95s.toSorted((a, b) => a - b)[windows >> 1] ?? 0, errors };
}

/** The attack, while somebody who does nothing wrong goes on: without an error, and not noticeably slower than before it. */
async function besideSomebody(attack: () => Promise<unknown>): Promise<void> {
  const before = await normalP95(5);
  const attacked = attack();
  const [during] = await Promise.all([normalP95(5), attacked]);
  console.info(`p95 of somebody else: ${before.p95.toFixed(1)} ms before, ${during.p95.toFixed(1)} ms during`);
  expect(before.errors + during.errors).toBe(0);
  // Five milliseconds for what a millisecond of waiting is to a request of three.
  expect(during.p95).toBeLessThanOrEqual(1.5 * before.p95 + 5);
}

/** Passes on what a tool sends that knows no proxy, from an address of its own. */
async function aDetour(from: string): Promise<{ port: number; close(): void }> {
  const ways: Server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: server.httpPort, localAddress: from });
    const end = () => {
      near.destroy();
      far.destroy();
    };
    for (const side of [near, far]) side.on('error', end).on('close', end);
    near.pipe(far).pipe(near);
  });
  ways.listen(0, '127.0.0.1');
  await once(ways, 'listening');
  const address = ways.address();
  if (address === null || typeof address === 'string') throw new Error('the detour has no port');
  return { port: address.port, close: () => ways.close() };
}

/** What a successful answer to an attack is: a detection of that name, a refusal, and after the lift none. */
async function expectStopped(from: string, scenario: string, path = '/api/v1/devices'): Promise<void> {
  const detection = await within(20, async () =>
    (await listed('/detections')).find((each) => each.scenario === scenario && each.subject.value === from),
  );
  expect(detection).toMatchObject({ scenario });
  const [block] = await within(10, async () => {
    const found = await listed(`/blocks?value=${from}`);
    return found.length > 0 ? found : undefined;
  });
  const refused = async () => (await (await as(from, path)).json()) as { code: string };
  expect(['banned', 'address_blocked']).toContain((await refused()).code);
  const lift = await server.call('POST', `/api/v1/blocks/${block?.id}/lift`, { token, body: {} });
  expect(lift.status, JSON.stringify(lift.json)).toBe(200);
  await within(5, async () => (['banned', 'address_blocked'].includes((await refused()).code) ? undefined : true));
}

describe.skipIf(missing.length > 0)('an attack', () => {
  beforeAll(async () => {
    server = await aRealServer(dataFolder, { VALTRONICS_TRUSTED_PROXIES: '127.0.0.1/32' });
    await server.start();
    token = await server.signIn();
  }, 180_000);
  afterAll(async () => {
    await server?.stop();
    for (const each of [folder, dataFolder]) rmSync(each, { recursive: true, force: true });
  }, 60_000);

  const list = (name: string, words: string[]): string => {
    const file = join(folder, name);
    writeFileSync(file, words.join('\n'));
    return file;
  };
  const ffuf = (from: string, file: string, path: string, more: string[], seconds: number) =>
    run(
      'ffuf',
      // biome-ignore format: one option each
      ['-w', file, '-u', `http://127.0.0.1:${server.httpPort}${path}`, '-H', `X-Forwarded-For: ${from}`, '-H', `User-Agent: ${AGENT}`, '-mc', 'all', '-s', ...more],
      seconds,
    );

  it('of a scanner with a word list', async () => {
    const words = Array.from({ length: 120 }, (_, index) => `backup-${index}`);
    await besideSomebody(() => ffuf('127.0.0.66', list('paths', words), '/FUZZ', ['-t', '2', '-p', '0.05'], 30));
    await expectStopped('127.0.0.66', 'scanning');
  }, 120_000);

  it('of somebody who guesses passwords', async () => {
    const words = Array.from({ length: 8 }, (_, index) => `lamp of the night ${index}`);
    const guess = '{"email":"nobody@example.org","password":"FUZZ"}';
    // biome-ignore format: one option each
    const options = ['-t', '1', '-p', '0.5', '-X', 'POST', '-H', 'Content-Type: application/json', '-d', guess];
    await besideSomebody(() => ffuf('127.0.0.67', list('passwords', words), '/api/v1/auth/login', options, 60));
    await expectStopped('127.0.0.67', 'brute-force');
  }, 120_000);

  it('with sqlmap', async () => {
    await besideSomebody(() =>
      run(
        'sqlmap',
        // biome-ignore format: one option each
        ['-u', `http://127.0.0.1:${server.httpPort}/api/v1/devices?text=pump`, '--batch', '--flush-session', '--headers', 'X-Forwarded-For: 127.0.0.68', '--user-agent', AGENT, '--ignore-code', '401', '--timeout', '5', '--retries', '0', '--output-dir', join(folder, 'sqlmap')],
        45,
      ),
    );
    await expectStopped('127.0.0.68', 'injection-probing');
  }, 120_000);

  it('with slow headers (slow-loris)', async () => {
    const detour = await aDetour('127.0.0.69');
    try {
      await besideSomebody(() =>
        run(
          'slowhttptest',
          // biome-ignore format: one option each
          ['-H', '-c', '60', '-r', '30', '-i', '2', '-x', '10', '-p', '3', '-l', '12', '-u', `http://127.0.0.1:${detour.port}/api/v1/devices`],
          40,
        ),
      );
    } finally {
      detour.close();
    }
    await expectStopped('127.0.0.69', 'slow-requests');
  }, 120_000);
});
