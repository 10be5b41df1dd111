import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { aTransitServer, type TransitServer } from '../../../../tests/support/transit-server.ts';
import { loadConfig } from '../../platform/config/config.ts';
import { newRootKeyText, openRootKey } from './root-key.ts';
import { createTransit } from './transit.ts';
import { unlockRootKey } from './unlock-root-key.ts';

let vault: TransitServer;
beforeEach(async () => {
  vault = await aTransitServer();
});
afterEach(() => vault.close());

const aDataDir = (): string => join(mkdtempSync(join(tmpdir(), 'valtronics-transit-')), 'data');
const withFile = (dataDir: string) => loadConfig({ VALTRONICS_DATA_DIR: dataDir });
const withVault = (dataDir: string, env: Record<string, string> = {}) =>
  loadConfig({
    VALTRONICS_DATA_DIR: dataDir,
    VALTRONICS_TRANSIT_KEY: vault.keyUrl(),
    VALTRONICS_TRANSIT_TOKEN: vault.token,
    ...env,
  });
/** Everything in the data folder, to see that a refusal changed nothing. */
const contentOf = (dataDir: string): Record<string, string> =>
  existsSync(dataDir)
    ? Object.fromEntries(readdirSync(dataDir).map((name) => [name, readFileSync(join(dataDir, name), 'utf8')]))
    : {};

async function refusal(work: Promise<unknown>): Promise<{ problem: string; message: string }> {
  try {
    await work;
  } catch (error) {
    const { problem, message } = error as Error & { problem: string };
    return { problem, message };
  }
  throw new Error('it was accepted');
}

test('the first start leaves only ciphertext on the host, the next one unwraps the same key', async () => {
  const dataDir = aDataDir();
  const first = (await unlockRootKey(withVault(dataDir))).deriveKey('test');
  expect(readdirSync(dataDir).sort()).toEqual(['root.key.check', 'root.key.transit']);
  expect(statSync(join(dataDir, 'root.key.transit')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(dataDir, 'root.key.transit'), 'utf8')).toMatch(/^vault:v1:[\w+/=]+\n$/);
  expect((await unlockRootKey(withVault(dataDir))).deriveKey('test').equals(first)).toBe(true);
});

test('two first starts at once agree on one key', async () => {
  const dataDir = aDataDir();
  const keys = await Promise.all([unlockRootKey(withVault(dataDir)), unlockRootKey(withVault(dataDir))]);
  const [one, two] = keys.map((key) => key.deriveKey('test').toString('hex'));
  expect(one).toBe(two);
  expect((await unlockRootKey(withVault(dataDir))).deriveKey('test').toString('hex')).toBe(one);
});

test('a running key moves off the host: it is wrapped, proven, and then its file may go', async () => {
  const dataDir = aDataDir();
  const before = openRootKey(withFile(dataDir)).deriveKey('test');
  expect((await unlockRootKey(withVault(dataDir))).deriveKey('test').equals(before)).toBe(true);
  unlinkSync(join(dataDir, 'root.key'));
  expect((await unlockRootKey(withVault(dataDir))).deriveKey('test').equals(before)).toBe(true);
});

test('a rotated Transit key still unwraps; one whose old versions were disallowed says so', async () => {
  const dataDir = aDataDir();
  const before = (await unlockRootKey(withVault(dataDir))).deriveKey('test');
  vault.rotate();
  expect((await unlockRootKey(withVault(dataDir))).deriveKey('test').equals(before)).toBe(true);
  vault.disallowOldVersions();
  expect(await refusal(unlockRootKey(withVault(dataDir)))).toMatchObject({
    problem: 'refused',
    message: expect.stringContaining('too old'),
  });
});

describe('starts nothing, names the remedy and damages nothing', () => {
  test.each([
    ['sealed', 'sealed', /unseal it/],
    ['maintenance', 'unavailable', /answers 503 \(server is shutting down\)/],
    ['standby', 'unavailable', /standby/],
    ['garbage', 'bad-answer', /does not answer as Transit/],
    ['flood', 'bad-answer', /does not answer as Transit/],
    ['decrypt-forbidden', 'forbidden', /VALTRONICS_TRANSIT_TOKEN/],
    ['other-plaintext', 'malformed', /.+/],
  ] as const)('Vault is %s', async (how, problem, words) => {
    const dataDir = aDataDir();
    // On the very first start, on the one that moves a key, and on every later one.
    for (const prepare of [
      () => undefined,
      () => void openRootKey(withFile(dataDir)),
      () => unlockRootKey(withVault(dataDir)),
    ]) {
      vault.misbehave(undefined);
      await prepare();
      const before = contentOf(dataDir);
      vault.misbehave(how);
      const refused = await refusal(unlockRootKey(withVault(dataDir)));
      expect(refused).toMatchObject({ problem, message: expect.stringMatching(words) });
      expect(refused.message).not.toMatch(/\n/);
      expect(contentOf(dataDir)).toEqual(before);
    }
    vault.misbehave(undefined);
    await unlockRootKey(withVault(dataDir));
  });

  test('an outage', async () => {
    const dataDir = aDataDir();
    await unlockRootKey(withVault(dataDir));
    const [config, before] = [withVault(dataDir), contentOf(dataDir)];
    await vault.close();
    expect(await refusal(unlockRootKey(config))).toMatchObject({
      problem: 'unavailable',
      message: expect.stringMatching(/nobody listens.*start again once Vault answers/),
    });
    expect(contentOf(dataDir)).toEqual(before);
  });

  test('a Vault that is too slow', async () => {
    const { transit } = withVault(aDataDir());
    if (transit === undefined) throw new Error('not configured');
    vault.misbehave('slow');
    expect(await refusal(createTransit({ ...transit, timeoutMs: 100 }).decrypt('vault:v1:AAAA'))).toMatchObject({
      problem: 'unavailable',
      message: expect.stringContaining('did not answer within 0.1 s'),
    });
  });

  test('a wrong token, which no message repeats', async () => {
    const dataDir = aDataDir();
    await unlockRootKey(withVault(dataDir));
    const before = contentOf(dataDir);
    const refused = await refusal(unlockRootKey(withVault(dataDir, { VALTRONICS_TRANSIT_TOKEN: 'hvs.canary-canary' })));
    expect(refused.problem).toBe('forbidden');
    expect(refused.message).not.toContain('canary');
    expect(contentOf(dataDir)).toEqual(before);
  });

  test('another Transit key, one that is not there, and another engine', async () => {
    const dataDir = aDataDir();
    await unlockRootKey(withVault(dataDir));
    const before = contentOf(dataDir);
    const at = (url: string) => refusal(unlockRootKey(withVault(dataDir, { VALTRONICS_TRANSIT_KEY: url })));
    expect(await at(vault.keyUrl('other'))).toMatchObject({
      problem: 'refused',
      message: expect.stringContaining('message authentication failed'),
    });
    expect((await at(vault.keyUrl('absent'))).problem).toBe('refused');
    expect((await at(`${vault.origin}/v1/kv/keys/valtronics`)).problem).toBe('missing');
    expect(contentOf(dataDir)).toEqual(before);
  });

  test('a wrapped key of another installation', async () => {
    const [dataDir, otherDir] = [aDataDir(), aDataDir()];
    await unlockRootKey(withVault(dataDir));
    await unlockRootKey(withVault(otherDir));
    const wrapped = readFileSync(join(otherDir, 'root.key.transit'), 'utf8');
    writeFileSync(join(dataDir, 'root.key.transit'), wrapped, { mode: 0o600 });
    expect((await refusal(unlockRootKey(withVault(dataDir)))).problem).toBe('mismatch');
  });

  test('a wrong key in the file is not wrapped, and a lost one not replaced', async () => {
    const dataDir = aDataDir();
    openRootKey(withFile(dataDir));
    writeFileSync(join(dataDir, 'root.key'), newRootKeyText(), { mode: 0o600 });
    expect((await refusal(unlockRootKey(withVault(dataDir)))).problem).toBe('mismatch');
    unlinkSync(join(dataDir, 'root.key'));
    expect((await refusal(unlockRootKey(withVault(dataDir)))).problem).toBe('missing');
    expect(vault.requests).toEqual([]);
    expect(readdirSync(dataDir)).toEqual(['root.key.check']);
  });

  test('settings that were forgotten after the move', async () => {
    const dataDir = aDataDir();
    await unlockRootKey(withVault(dataDir));
    expect(await refusal(unlockRootKey(withFile(dataDir)))).toMatchObject({
      problem: 'missing',
      message: expect.stringContaining('set VALTRONICS_TRANSIT_KEY'),
    });
    expect(existsSync(join(dataDir, 'root.key'))).toBe(false);
  });
});
