import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../platform/config/config.ts';
import { givenSecrets } from '../../platform/config/secret-settings.ts';
import { commonPasswords } from '../crypto/common-passwords.ts';
import { openRootKey } from '../crypto/root-key.ts';
import { checkSecrets } from './check-secrets.ts';

const RANDOM = 'vS0c9Yk3qT7mWx1LzR8bNf4hJd2pGa6E';

function aPlace() {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const dataDir = join(folder, 'data');
  openRootKey({ dataDir, rootKeyFile: join(dataDir, 'root.key') });
  const file = (name: string, text: string, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    chmodSync(path, mode);
    return path;
  };
  return { folder, dataDir, file };
}

async function found(dataDir: string, settings: Record<string, string> = {}) {
  const env = { VALTRONICS_DATA_DIR: dataDir, ...settings };
  const secrets = givenSecrets(env);
  const findings = checkSecrets({ config: loadConfig(env), secrets, common: await commonPasswords() });
  return findings.map(({ kind, where }) => [kind, where]);
}

test('what is as it should be is not complained of', async () => {
  const { dataDir, file } = aPlace();
  expect(
    await found(dataDir, {
      VALTRONICS_METRICS_TOKEN_FILE: file('token', `${RANDOM}\n`),
      REDIS_URL_FILE: file('redis', `redis://:${RANDOM.toLowerCase()}x@localhost:6379\n`),
      VALTRONICS_LOG_LEVEL: 'info',
    }),
  ).toEqual([]);
});

describe('who else can read it', () => {
  test.each([
    ['read by the group', 0o640],
    ['read by anybody', 0o604],
    ['written by anybody', 0o602],
  ])('a file of the data folder, %s', async (_, mode) => {
    const { dataDir } = aPlace();
    mkdirSync(join(dataDir, 'tls'));
    const key = join(dataDir, 'tls', 'server.key');
    writeFileSync(key, 'x');
    chmodSync(key, mode);
    expect(await found(dataDir)).toEqual([['file_open', key]]);
    chmodSync(key, 0o600);
    expect(await found(dataDir)).toEqual([]);
  });

  test('a certificate is for everybody to read, a key beside it or a hand that writes it is not', async () => {
    const { dataDir } = aPlace();
    const file = join(dataDir, 'ca.pem');
    const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    writeFileSync(file, certificate);
    chmodSync(file, 0o644);
    expect(await found(dataDir)).toEqual([]);
    chmodSync(file, 0o666);
    expect(await found(dataDir)).toEqual([['file_open', file]]);
    writeFileSync(file, `${certificate}-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n`);
    chmodSync(file, 0o644);
    expect(await found(dataDir)).toEqual([['file_open', file]]);
  });

  test('the data folder itself', async () => {
    const { dataDir } = aPlace();
    chmodSync(dataDir, 0o755);
    expect(await found(dataDir)).toEqual([['folder_open', dataDir]]);
    chmodSync(dataDir, 0o700);
    expect(await found(dataDir)).toEqual([]);
  });

  test('a root key elsewhere, once although it is also one of the folder', async () => {
    const { dataDir, file, folder } = aPlace();
    const elsewhere = file('root.key', 'x', 0o644);
    expect(await found(dataDir, { VALTRONICS_ROOT_KEY: elsewhere })).toEqual([['file_open', elsewhere]]);
    chmodSync(join(dataDir, 'root.key'), 0o644);
    expect(await found(dataDir)).toEqual([['file_open', join(dataDir, 'root.key')]]);
    const link = join(folder, 'link');
    symlinkSync(elsewhere, link);
    expect(await found(dataDir, { VALTRONICS_ROOT_KEY: link })).toContainEqual(['file_open', link]);
  });

  test('the file of a setting, and the private key of the certificate', async () => {
    const { dataDir, file } = aPlace();
    const token = file('token', RANDOM, 0o644);
    const key = file('tls.key', 'x', 0o640);
    const certificate = file('tls.crt', 'x', 0o644);
    expect(
      await found(dataDir, {
        VALTRONICS_METRICS_TOKEN_FILE: token,
        VALTRONICS_TLS: 'files',
        VALTRONICS_TLS_KEY: key,
        VALTRONICS_TLS_CERT: certificate,
      }),
    ).toEqual([
      ['file_open', key],
      ['file_open', token],
    ]);
  });
});

describe('what can be guessed', () => {
  test.each([
    ['VALTRONICS_METRICS_TOKEN', 'aaaaaaaaaaaaaaaaaaaaaaaa'],
    ['VALTRONICS_METRICS_TOKEN', 'passwordpassword'],
    ['DATABASE_URL', 'postgres://valtronics:postgres@localhost/valtronics'],
    ['DATABASE_URL', 'postgres://valtronics:Change%2DMe1!@localhost/valtronics'],
    ['REDIS_URL', 'redis://:qwerty123@localhost:6379'],
  ])('%s: %s', async (name, value) => {
    const { dataDir, file } = aPlace();
    expect(await found(dataDir, { [`${name}_FILE`]: file('value', value) })).toEqual([['guessable', name]]);
  });

  test('a URL without a password has none to guess', async () => {
    const { dataDir } = aPlace();
    expect(await found(dataDir, { REDIS_URL: 'redis://localhost:6379' })).toEqual([]);
  });
});

test('the same secret twice, also where one is part of a URL', async () => {
  const { dataDir, file } = aPlace();
  expect(
    await found(dataDir, {
      VALTRONICS_METRICS_TOKEN_FILE: file('token', RANDOM),
      DATABASE_URL_FILE: file('database', `postgres://valtronics:${RANDOM}@localhost/valtronics`),
    }),
  ).toEqual([['reused', 'DATABASE_URL, VALTRONICS_METRICS_TOKEN']]);
});

test('a secret in the environment itself', async () => {
  const { dataDir } = aPlace();
  expect(await found(dataDir, { VALTRONICS_METRICS_TOKEN: RANDOM })).toEqual([
    ['in_environment', 'VALTRONICS_METRICS_TOKEN'],
  ]);
});

test('no value is part of what is found', async () => {
  const { dataDir, file } = aPlace();
  const env = {
    VALTRONICS_DATA_DIR: dataDir,
    VALTRONICS_METRICS_TOKEN: 'passwordpassword',
    DATABASE_URL_FILE: file('database', 'postgres://valtronics:passwordpassword@localhost/valtronics', 0o644),
  };
  const findings = checkSecrets({
    config: loadConfig(env),
    secrets: givenSecrets(env),
    common: await commonPasswords(),
  });
  expect(findings.map(({ kind }) => kind)).toEqual(['file_open', 'guessable', 'guessable', 'in_environment', 'reused']);
  expect(JSON.stringify(findings)).not.toContain('passwordpassword');
});
