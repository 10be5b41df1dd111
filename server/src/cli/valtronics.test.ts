import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { valtronics } from '../../../tests/support/program.ts';
import { runCommandLine } from './command-line.ts';

// Exit codes, and what stands on which stream. Nothing here reaches a database.

function anEmptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** In this process, which is the same but for the streams, and saves a second each. */
async function result(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const said = { out: '', err: '' };
  const to = (stream: 'out' | 'err') => ({
    write(text: string) {
      said[stream] += text;
    },
  });
  const code = await runCommandLine(args, { out: to('out'), err: to('err') });
  return { code, ...said };
}

const COMMANDS = [
  'db init',
  'db migrate',
  'users create',
  'users reset-factors',
  'devices create',
  'devices claim',
  'blocks list',
  'blocks lift',
  'firewall',
  'keys status',
  'keys rotate',
  'keys retire',
  'audit verify',
  'audit export',
  'audit prove',
  'audit consistency',
  'audit witness',
  'files encrypt',
  'files decrypt',
  'simulate',
  'replay',
  'demo attack',
  'demo',
];

describe('help', () => {
  test('lists every command and every setting, and is no error', async () => {
    const { code, out, err } = await result(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const name of [...COMMANDS, 'VALTRONICS_DATA_DIR', 'DATABASE_URL']) expect(out).toContain(name);
  });

  test.each(COMMANDS)('of "%s" shows usage, options and an example', async (name) => {
    const { code, out, err } = await result([...name.split(' '), '--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`Usage:\n  valtronics ${name}`);
    expect(out).toMatch(/Options:\n(.*\n)*.*--json/);
    expect(out).toContain(`Examples:\n  valtronics ${name}`);
  });

  test('without a command it is shown as an error', async () => {
    const { code, out, err } = await result([]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Commands:');
  });
});

describe('wrong usage ends with 2 and a hint, and says nothing on standard output', () => {
  test.each<[string[], string]>([
    [['user', 'create'], 'did you mean "users create"?'],
    [['users'], 'there is users create'],
    [['keys'], 'there is keys status, keys rotate, keys retire'],
    [['files'], 'there is files encrypt, files decrypt'],
    [['keys', 'retire'], 'KID|EPOCH is missing'],
    [['keys', 'rotate', '--resume'], '--resume goes with --data'],
    [['keys', 'rotate', '--data', '--now'], '--now does not go with --data'],
    [['nonsense'], '--help lists them'],
    [['users', 'create', '--emial', 'a@example.org'], 'did you mean --email?'],
    [['users', 'create', '--role', 'admin'], '--email is missing'],
    [['users', 'create', '--email', 'nobody', '--role', 'admin'], '--email: '],
    [['users', 'create', '--email', 'a@example.org', '--role', 'The boss'], '--role: '],
    [['users', 'create', '--email'], "'--email <value>' argument missing"],
    [['devices', 'create', '--name', 'x', '--type', 'No Such!'], '--type: '],
    [['devices', 'create', '--name', 'x', '--type', 'y', 'more'], '"more" is one word too many'],
    [['blocks', 'lift'], 'ID|ADDRESS is missing'],
    [['firewall', '--socket', 'run/firewall.sock'], '--socket: not an absolute path'],
    [['devices', 'claim', '--type', 'No Such!'], '--type: '],
    [['devices', 'claim', '--type', 'x', '--count', '501'], '--count takes a whole number from 1 to 500'],
    [['replay'], 'FILE.csv is missing'],
    [['replay', import.meta.filename], '--device-token-file'],
    [['replay', import.meta.filename, '--speed', '-1'], '--speed'],
    [['replay', import.meta.filename, '--speed', 'fast'], '--speed takes a number above 0, or max'],
    [['simulate', '--devices', '0'], '--devices takes a whole number from 1 to 10000'],
    [['simulate', '--demo', '--devices', '3'], 'exclude each other'],
    [['simulate', '--email', 'a@example.org'], '--email needs --password-stdin'],
    [['simulate', '--url', 'ftp://localhost'], '--url takes an address'],
    [['simulate', '--url', 'http://example.org'], 'would carry tokens in clear'],
    [['simulate'], 'no device is known yet'],
  ])('%j', async (args, hint) => {
    const { code, out, err } = await result([...args, '--json'], { VALTRONICS_DATA_DIR: anEmptyFolder() });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(hint);
    expect(err.split('\n')[0]).toMatch(/^valtronics: [^\n]{5,300}$/);
  });
});

describe('what cannot be done ends with 1 and one line', () => {
  test('an unknown setting, with the one that was meant', async () => {
    const { code, out, err } = await result(['db', 'migrate'], { VALTRONICS_HTTP_PROT: '8000' });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe('valtronics: VALTRONICS_HTTP_PROT is not a setting: did you mean VALTRONICS_HTTP_PORT?\n');
  });

  test('"db init" without a database of your own', async () => {
    const { code, out, err } = await result(['db', 'init', '--json'], { VALTRONICS_DATA_DIR: anEmptyFolder() });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^valtronics: DATABASE_URL is not set; [^\n]+\n$/);
  });

  test('a recording or a file of tokens that cannot be read', async () => {
    const folder = anEmptyFolder();
    const missing = await result(['replay', join(folder, 'none.csv')]);
    expect(missing).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^valtronics: [^\n]+does not exist\n$/),
    });
    writeFileSync(join(folder, 'tokens.json'), '{"devices": 1}');
    const broken = await result(['simulate', '--tokens', join(folder, 'tokens.json')]);
    expect(broken).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^valtronics: [^\n]+does not hold what "simulate --tokens" writes\n$/),
    });
  });
});

describe('as a process', () => {
  test('the exit code and the streams are those of the command', async () => {
    const [help, wrong] = await Promise.all([
      valtronics(['--help']).finished(),
      valtronics(['users', 'create', '--json']).finished(),
    ]);
    expect(help).toMatchObject({ code: 0, err: '', out: expect.stringContaining('users create') });
    expect(wrong).toMatchObject({ code: 2, out: '', err: expect.stringContaining('valtronics: --email is missing\n') });
  });

  test('a server that is not there', async () => {
    const { code, out, err } = await valtronics(
      ['simulate', '--url', 'https://localhost:1', '--email', 'a@example.org', '--password-stdin'],
      { input: 'secret\n' },
    ).finished();
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe('valtronics: nothing listens on https://localhost:1: is the server running?\n');
  });

  test('the demo on a data folder that is not its own, which it leaves as it was', async () => {
    const folder = anEmptyFolder();
    writeFileSync(join(folder, 'something'), 'of yours');
    const { code, out, err } = await valtronics(['demo'], { env: { VALTRONICS_DATA_DIR: folder } }).finished();
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^valtronics: the data folder [^\n]+ does not belong to the demo: [^\n]+\n$/);
    expect(readdirSync(folder)).toEqual(['something']);
  });

  test('an attack where there is no demo', async () => {
    const { code, err } = await result(['demo', 'attack'], { VALTRONICS_DATA_DIR: anEmptyFolder() });
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/^valtronics: there is no demo in [^\n]+\n$/),
    });
  });

  test('the demo on a database of your own', async () => {
    const { code, err } = await valtronics(['demo'], {
      env: { DATABASE_URL: 'postgres://u:p@127.0.0.1/x', VALTRONICS_DATA_DIR: anEmptyFolder() },
    }).finished();
    expect(code).toBe(1);
    expect(err).toMatch(/^valtronics: the demo brings its own database: [^\n]+\n$/);
  });
});
