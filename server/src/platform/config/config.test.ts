import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { Environment } from './raw-settings.ts';
import { settings, settingsHelp } from './settings.ts';

const cwd = mkdtempSync(join(tmpdir(), 'valtronics-config-'));

function refusal(env: Environment): string {
  try {
    loadConfig(env, { cwd });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

function fileHolding(text: string): string {
  const file = join(mkdtempSync(join(cwd, 'value-')), 'value');
  writeFileSync(file, text);
  return file;
}

describe('defaults', () => {
  test('an empty environment is the documented configuration', () => {
    const config = loadConfig({ HOME: '/root', REDIS_PORT: 'not ours' }, { cwd });
    expect({
      ...config,
      publicUrl: config.publicUrl.href,
      trustedProxies: config.trustedProxies.cidrs,
      allowList: config.allowList.cidrs,
    }).toEqual({
      dataDir: join(cwd, 'data'),
      publicUrl: 'https://localhost:8000/',
      http: { host: '127.0.0.1', port: 8000 },
      devicePort: undefined,
      keyPort: undefined,
      dpopRequired: false,
      mqtt: { host: '127.0.0.1', port: 8883, plainPort: undefined },
      tls: { mode: 'auto', certFile: undefined, keyFile: undefined },
      databaseUrl: undefined,
      redisUrl: undefined,
      smtpUrl: undefined,
      backups: {
        bucket: undefined,
        folder: undefined,
        recipients: [],
        drillIdentity: undefined,
        everyHours: 24,
        drillEveryDays: 7,
        pointInTimeDays: 7,
        keep: { daily: 7, weekly: 5, monthly: 12 },
      },
      trustedProxies: [],
      allowList: [],
      firewallSocket: undefined,
      secondEngine: true,
      admin: undefined,
      mfaRequiredRoles: ['admin', 'operator'],
      passkeyRequiredRoles: [],
      accessTokenMinutes: 15,
      audit: { retentionDays: 400, checkpointFile: undefined },
      sessionTimes: { idleMs: 3_600_000, absoluteMs: 43_200_000 },
      signingKeys: { algorithm: 'ES256', everyDays: 30 },
      rootKeyFile: join(cwd, 'data', 'root.key'),
      rootKey: undefined,
      transit: undefined,
      keyStoreCopies: { folder: undefined, days: 7 },
      ingestRate: { perSecond: 100, burst: 1000 },
      metricsToken: undefined,
      logLevel: 'info',
      webhookAllowList: [],
      securityEventDays: 90,
      siemFolders: [],
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('the public URL follows the port unless it is set', () => {
    expect(loadConfig({ VALTRONICS_HTTP_PORT: '9443' }, { cwd }).publicUrl.origin).toBe('https://localhost:9443');
    expect(loadConfig({ VALTRONICS_PUBLIC_URL: 'https://v.example.org' }, { cwd }).publicUrl.origin).toBe(
      'https://v.example.org',
    );
  });

  test('a caller may bring other defaults, and the environment wins over them', () => {
    const defaults = { VALTRONICS_DATA_DIR: 'data-demo', VALTRONICS_HTTP_PORT: '1' };
    const config = loadConfig({ VALTRONICS_HTTP_PORT: '2' }, { cwd, defaults });
    expect([config.dataDir, config.http.port]).toEqual([join(cwd, 'data-demo'), 2]);
  });

  test('no role may be forced to have a second factor, but only when said so', () => {
    expect(loadConfig({ VALTRONICS_MFA_REQUIRED_ROLES: '' }, { cwd }).mfaRequiredRoles).toEqual([]);
    expect(refusal({ VALTRONICS_MFA_REQUIRED_ROLES: 'admn' })).toBe(
      'VALTRONICS_MFA_REQUIRED_ROLES is "admn": give one of admin, operator, analyst, user',
    );
  });
});

describe('values from files', () => {
  test('NAME_FILE is read without its last newline', () => {
    const config = loadConfig({ VALTRONICS_METRICS_TOKEN_FILE: fileHolding('0123456789abcdef \r\n') }, { cwd });
    expect(config.metricsToken?.reveal()).toBe('0123456789abcdef ');
  });

  test('every setting can be given by a file', () => {
    const values: Record<string, string> = {
      VALTRONICS_TLS_CERT: 'c.pem',
      VALTRONICS_TLS_KEY: 'k.pem',
      VALTRONICS_TLS: 'files',
      VALTRONICS_ADMIN_EMAIL: 'a@example.org',
      VALTRONICS_ADMIN_PASSWORD: 'correct horse battery',
      DATABASE_URL: 'postgres://localhost/v',
      REDIS_URL: 'rediss://cache.example.org',
      VALTRONICS_LOG_LEVEL: 'warn',
    };
    const env = Object.fromEntries(
      Object.entries(values).map(([name, text]) => [`${name}_FILE`, fileHolding(`${text}\n`)]),
    );
    const config = loadConfig(env, { cwd });
    expect(config.tls).toEqual({ mode: 'files', certFile: join(cwd, 'c.pem'), keyFile: join(cwd, 'k.pem') });
    expect(config.admin?.password.reveal()).toBe('correct horse battery');
    expect([config.databaseUrl?.reveal(), config.redisUrl?.reveal(), config.logLevel]).toEqual([
      'postgres://localhost/v',
      'rediss://cache.example.org',
      'warn',
    ]);
  });

  test('both forms at once, a missing, huge or special file are refused', () => {
    expect(refusal({ VALTRONICS_HTTP_PORT: '1', VALTRONICS_HTTP_PORT_FILE: fileHolding('2') })).toMatch(
      /both set: keep one/,
    );
    expect(refusal({ VALTRONICS_HTTP_PORT_FILE: join(cwd, 'absent') })).toMatch(
      /^VALTRONICS_HTTP_PORT_FILE points at .*ENOENT/,
    );
    expect(refusal({ VALTRONICS_METRICS_TOKEN_FILE: fileHolding('x'.repeat(65_537)) })).toMatch(/over 64 KiB/);
    expect(refusal({ VALTRONICS_METRICS_TOKEN_FILE: '/dev/zero' })).toMatch(/not point at a regular file/);
    expect(refusal({ VALTRONICS_METRICS_TOKEN_FILE: fileHolding('two\nlines of a token') })).toMatch(
      /control character/,
    );
  });

  test('the root key is a path in the environment and the key itself in a file', () => {
    expect(loadConfig({ VALTRONICS_ROOT_KEY: '/etc/v/root.key' }, { cwd }).rootKeyFile).toBe('/etc/v/root.key');
    expect(loadConfig({ VALTRONICS_ROOT_KEY_FILE: fileHolding('the key\n') }, { cwd }).rootKey?.reveal()).toBe(
      'the key',
    );
    expect(refusal({ VALTRONICS_ROOT_KEY: 'valtronics-root-key-1:AAAA' })).not.toContain('AAAA');
  });

  test('a Transit key has a place and a token, and is no second source beside a key in a file', () => {
    const env = {
      VALTRONICS_TRANSIT_KEY: 'https://vault.example.org:8200/v1/team/transit/keys/valtronics?cacert=ca.pem',
      VALTRONICS_TRANSIT_TOKEN_FILE: fileHolding('hvs.canary\n'),
    };
    const { transit } = loadConfig(env, { cwd });
    expect(transit?.key).toEqual({
      origin: 'https://vault.example.org:8200',
      mount: 'team/transit',
      keyName: 'valtronics',
      caFile: join(cwd, 'ca.pem'),
    });
    expect(transit?.token.reveal()).toBe('hvs.canary');
    expect(
      loadConfig({ ...env, VALTRONICS_TRANSIT_KEY: 'http://127.0.0.1:8200/v1/transit/keys/v' }, { cwd }).transit?.key,
    ).toMatchObject({ origin: 'http://127.0.0.1:8200', caFile: undefined });
    expect(refusal({ ...env, VALTRONICS_ROOT_KEY_FILE: fileHolding('the key') })).toMatch(
      /^VALTRONICS_TRANSIT_KEY and VALTRONICS_ROOT_KEY_FILE are both set/,
    );
  });
});

describe('one clear line', () => {
  test('an unknown name is refused with the nearest known one', () => {
    expect(refusal({ VALTRONICS_HTTPPORT: '1' })).toBe(
      'VALTRONICS_HTTPPORT is not a setting: did you mean VALTRONICS_HTTP_PORT?',
    );
    expect(refusal({ VALTRONICS_SOMETHING_ELSE_ENTIRELY: '1' })).toBe(
      'VALTRONICS_SOMETHING_ELSE_ENTIRELY is not a setting: --help lists the settings',
    );
  });

  test.each([
    ['VALTRONICS_HTTP_PORT', '65536'],
    ['VALTRONICS_HTTP_PORT', '0x50'],
    ['VALTRONICS_HTTP_PORT', ''],
    ['VALTRONICS_MQTT_PORT', 'off'],
    ['VALTRONICS_HTTP_HOST', 'a host'],
    ['VALTRONICS_HTTP_HOST', '10.0.0.0/8'],
    ['VALTRONICS_TLS', 'on'],
    ['VALTRONICS_LOG_LEVEL', 'verbose'],
    ['VALTRONICS_ACCESS_TOKEN_MINUTES', '0'],
    ['VALTRONICS_SESSION_IDLE_MINUTES', '4'],
    ['VALTRONICS_SESSION_IDLE_MINUTES', '1441'],
    ['VALTRONICS_SESSION_HOURS', '0'],
    ['VALTRONICS_SESSION_HOURS', '721'],
    ['VALTRONICS_SIGNING_ALGORITHM', 'HS256'],
    ['VALTRONICS_SIGNING_ALGORITHM', 'none'],
    ['VALTRONICS_SECURITY_EVENT_DAYS', '0'],
    ['VALTRONICS_SECURITY_EVENT_DAYS', '3651'],
    ['VALTRONICS_SIGNING_KEY_DAYS', '0'],
    ['VALTRONICS_SIGNING_KEY_DAYS', '366'],
    ['VALTRONICS_KEY_STORE_COPY_DAYS', '8'],
    ['VALTRONICS_KEY_STORE_COPY_FOLDER', './data/copies'],
    ['VALTRONICS_KEY_STORE_COPY_FOLDER', '.'],
    ['VALTRONICS_TRUSTED_PROXIES', '10.0.0.0/33'],
    ['VALTRONICS_TRUSTED_PROXIES', '10.0.0.0/8,,::1'],
    ['VALTRONICS_TRUSTED_PROXIES', '0.0.0.0/0'],
    ['VALTRONICS_TRUSTED_PROXIES', '::/0'],
    ['VALTRONICS_TRUSTED_PROXIES', 'fe80::1%eth0'],
    ['VALTRONICS_WEBHOOK_ALLOW', 'https://hook.example.org'],
    ['VALTRONICS_SIEM_FOLDERS', 'var/log'],
    ['VALTRONICS_SIEM_FOLDERS', '/var/log,/'],
    ['VALTRONICS_BREACHED_PASSWORDS_URL', 'api.pwnedpasswords.com'],
    ['VALTRONICS_BREACHED_PASSWORDS_URL', 'https://ranges.example.org/range?mode=ntlm'],
    ['VALTRONICS_BREACHED_PASSWORDS_URL', 'https://key@ranges.example.org/range'],
    ['VALTRONICS_BREACHED_PASSWORDS_URL', 'https://ranges.example.org/range#a'],
    ['VALTRONICS_METRICS_TOKEN', 'short'],
    ['VALTRONICS_TRANSIT_KEY', 'https://vault.example.org/v1/transit/keys/v'],
    ['VALTRONICS_TRANSIT_KEY', 'https://vault.example.org/v1/transit/encrypt/v'],
    ['VALTRONICS_TRANSIT_KEY', 'https://vault.example.org/v1/../transit/keys/v w'],
    ['VALTRONICS_TRANSIT_KEY', 'https://token@vault.example.org/v1/transit/keys/v'],
    ['VALTRONICS_TRANSIT_KEY', 'https://vault.example.org/v1/transit/keys/v?tls=off'],
    ['VALTRONICS_TRANSIT_KEY', 'http://vault.example.org/v1/transit/keys/v'],
    ['VALTRONICS_TRANSIT_TOKEN', 'hvs.0123456789'],
    ['VALTRONICS_TRANSIT_TOKEN', 'short'],
    ['VALTRONICS_ADMIN_EMAIL', 'a@example.org'],
    ['VALTRONICS_ADMIN_PASSWORD', 'correct horse battery'],
    ['VALTRONICS_TLS_CERT', 'cert.pem'],
    ['VALTRONICS_PUBLIC_URL', 'http://localhost:8000'],
    ['VALTRONICS_PUBLIC_URL', 'https://v.example.org/app'],
    ['VALTRONICS_PUBLIC_URL', 'https://user@v.example.org'],
    ['VALTRONICS_PUBLIC_URL', 'javascript:alert(1)'],
  ])('%s=%j stops the start and is named', (name, text) => {
    expect(refusal({ [name]: text })).toMatch(new RegExp(`^${name} .+: .+$`));
  });

  test('whatever is set, the outcome is a frozen configuration or one bounded line that names a setting', () => {
    const names = fc.constantFrom(
      ...Object.values(settings).flatMap((setting) => [setting.name, `${setting.name}_FILE`]),
      'VALTRONICS_X',
    );
    fc.assert(
      fc.property(fc.dictionary(names, fc.string({ maxLength: 300, unit: 'binary' }), { maxKeys: 4 }), (env) => {
        try {
          expect(Object.isFrozen(loadConfig(env, { cwd }))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          if (!(error instanceof ConfigError)) return;
          expect(error.message).toMatch(/^(VALTRONICS_|DATABASE_URL|REDIS_URL)[^\n\r\0]*$/);
          expect(error.message.length).toBeLessThan(800);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('secrets in the configuration do not print', () => {
  const config = loadConfig(
    { DATABASE_URL: 'postgres://u:canary@localhost/v', VALTRONICS_METRICS_TOKEN: 'canary-canary-canary' },
    { cwd },
  );
  for (const text of [
    JSON.stringify(config),
    inspect(config, { depth: 9, showHidden: true }),
    String(config.databaseUrl),
    `${config.metricsToken}`,
  ]) {
    expect(text).not.toContain('canary');
  }
});

test('the help names every setting once, with its default', () => {
  const help = settingsHelp();
  for (const setting of Object.values(settings)) {
    const lines = help.split('\n').filter((line) => line.trimStart().split(' ')[0] === setting.name);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(setting.description);
  }
});
