import { describe, expect, test } from 'vitest';
import { loadConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { Environment } from './raw-settings.ts';

const cwd = '/srv/valtronics';

function refusal(env: Environment): string {
  try {
    loadConfig(env, { cwd });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('transport safety', () => {
  test('MQTT without TLS is for loopback only', () => {
    expect(loadConfig({ VALTRONICS_MQTT_PLAIN_PORT: '1883' }, { cwd }).mqtt.plainPort).toBe(1883);
    expect(refusal({ VALTRONICS_MQTT_PLAIN_PORT: '1883', VALTRONICS_HTTP_HOST: '0.0.0.0' })).toMatch(
      /^VALTRONICS_MQTT_PLAIN_PORT would carry/,
    );
    expect(refusal({ VALTRONICS_MQTT_PLAIN_PORT: '1883', VALTRONICS_MQTT_HOST: '::' })).toMatch(
      /^VALTRONICS_MQTT_PLAIN_PORT/,
    );
  });

  test('[ASVS 4.4.1, 12.2.1] TLS is off on loopback or behind a named proxy only', () => {
    const off = { VALTRONICS_TLS: 'off' };
    expect(loadConfig(off, { cwd }).publicUrl.origin).toBe('http://localhost:8000');
    expect(refusal({ ...off, VALTRONICS_HTTP_HOST: '0.0.0.0' })).toMatch(
      /^VALTRONICS_TLS is off while listening on 0.0.0.0/,
    );
    expect(refusal({ ...off, VALTRONICS_MQTT_HOST: '192.168.1.2' })).toMatch(/^VALTRONICS_TLS is off/);
    const proxied = { ...off, VALTRONICS_HTTP_HOST: '0.0.0.0', VALTRONICS_TRUSTED_PROXIES: '172.18.0.0/16' };
    expect(loadConfig({ ...proxied, VALTRONICS_PUBLIC_URL: 'https://v.example.org' }, { cwd }).tls.mode).toBe('off');
    expect(refusal({ ...proxied, VALTRONICS_PUBLIC_URL: 'http://v.example.org' })).toMatch(
      /^VALTRONICS_PUBLIC_URL is http/,
    );
  });

  test('a listener that this version does not have is refused, not silently absent', () => {
    expect(loadConfig({ VALTRONICS_DEVICE_PORT: 'off' }, { cwd }).devicePort).toBeUndefined();
    expect(loadConfig({ VALTRONICS_DEVICE_PORT: '8444' }, { cwd }).devicePort).toBe(8444);
    expect(refusal({ VALTRONICS_DEVICE_PORT: '8444', VALTRONICS_TLS: 'off' })).toMatch(
      /^VALTRONICS_DEVICE_PORT needs TLS that ends here/,
    );
  });

  test('TLS from files needs both files', () => {
    expect(refusal({ VALTRONICS_TLS: 'files', VALTRONICS_TLS_CERT: 'c' })).toMatch(/^VALTRONICS_TLS_KEY is missing/);
    expect(refusal({ VALTRONICS_TLS: 'files', VALTRONICS_TLS_KEY: 'k' })).toMatch(/^VALTRONICS_TLS_CERT is missing/);
  });

  test('two listeners cannot share a port, but any number may ask for a free one', () => {
    expect(refusal({ VALTRONICS_HTTP_PORT: '8883' })).toMatch(
      /^VALTRONICS_MQTT_PORT is 8883, the same as VALTRONICS_HTTP_PORT/,
    );
    expect(
      loadConfig({ VALTRONICS_HTTP_PORT: '0', VALTRONICS_MQTT_PORT: '0', VALTRONICS_MQTT_PLAIN_PORT: '0' }, { cwd })
        .mqtt.port,
    ).toBe(0);
  });

  test('only the named proxies are trusted, also when a dual-stack socket spells them differently', () => {
    const { trustedProxies } = loadConfig({ VALTRONICS_TRUSTED_PROXIES: '10.1.0.0/16, fd00::/8' }, { cwd });
    expect(['10.1.2.3', '::ffff:10.1.2.3', 'fd12::1'].map(trustedProxies.contains)).toEqual([true, true, true]);
    expect(['10.2.0.1', '::ffff:10.2.0.1', 'fe80::1', '', '10.1.2.3, 8.8.8.8'].map(trustedProxies.contains)).toEqual(
      Array(5).fill(false),
    );
  });

  test.each([
    ['DATABASE_URL', 'postgres://u:pw@db.example.org/v'],
    ['DATABASE_URL', 'postgres://u:pw@db.example.org/v?sslmode=require'],
    ['DATABASE_URL', 'postgres://u:pw@db.example.org/v?sslmode=verify-full&ssl=0'],
    ['DATABASE_URL', 'postgres://u:pw@db.example.org/v?sslmode=verify-full&sslmode=disable'],
    ['DATABASE_URL', 'postgres://u:pw@localhost/v?host=db.example.org'],
    ['DATABASE_URL', 'postgres:///v'],
    ['DATABASE_URL', 'mysql://localhost/v'],
    ['REDIS_URL', 'redis://:pw@cache.example.org'],
    ['REDIS_URL', 'redis://:pw@192.0.2.7'],
    ['REDIS_URL', 'redis://:pw@localhost.example.org'],
    ['REDIS_URL', 'redis://:pw@localhost?cacert=ca.pem'],
    ['REDIS_URL', 'rediss://:pw@cache.example.org?tls=no'],
    ['REDIS_URL', 'rediss://:pw@cache.example.org?cacert=a.pem&cacert=b.pem'],
    ['REDIS_URL', 'rediss://:pw@cache.example.org/name'],
    ['REDIS_URL', 'rediss://:pw@cache.example.org/0#part'],
    ['REDIS_URL', 'redis:///0?pw'],
    ['REDIS_URL', 'unix:///run/pw.sock'],
    ['VALTRONICS_SMTP_URL', 'smtp://u:pw@mail.example.org'],
    ['VALTRONICS_SMTP_URL', 'smtp://u:pw@mail.example.org?requireTLS=false'],
    ['VALTRONICS_SMTP_URL', 'smtps://u:pw@mail.example.org?tls.rejectUnauthorized=false'],
    ['VALTRONICS_S3_URL', 'http://k:pw@store.example.org/b'],
    ['VALTRONICS_S3_URL', 'https://k:pw@store.example.org'],
    ['VALTRONICS_S3_URL', 'https://k:pw@store.example.org/b/a%20b'],
    ['VALTRONICS_S3_URL', 'https://k:pw@store.example.org/b?tls=off'],
    ['VALTRONICS_S3_URL', 'http://k:pw@localhost/b?cacert=ca.pem'],
    ['VALTRONICS_S3_URL', 'https://:pw@store.example.org/b'],
    ['VALTRONICS_S3_URL', 'https://k:pw@store.example.org/b#part'],
  ])('%s=%s is refused without repeating the password', (name, text) => {
    const line = refusal({ [name]: text });
    expect(line).toMatch(new RegExp(`^${name} `));
    expect(line).not.toContain('pw');
  });

  test.each([
    ['DATABASE_URL', 'postgres://u:pw@127.0.0.1:5432/v'],
    ['DATABASE_URL', 'postgres://u:pw@[::1]/v'],
    ['DATABASE_URL', 'postgresql://u@localhost/v?host=/var/run/postgresql'],
    ['DATABASE_URL', 'postgres://u:pw@%2Fvar%2Frun%2Fpostgresql/v'],
    ['DATABASE_URL', 'postgres://u:pw@db.example.org/v?sslmode=verify-full&sslrootcert=/etc/ca.pem'],
    ['REDIS_URL', 'redis://localhost:6379'],
    ['REDIS_URL', 'redis://[::1]/1'],
    ['REDIS_URL', 'rediss://:pw@cache.example.org'],
    ['REDIS_URL', 'rediss://user:pw@cache.example.org:6380/15?cacert=/etc/ca.pem'],
    ['VALTRONICS_SMTP_URL', 'smtp://127.0.0.1:2525'],
    ['VALTRONICS_SMTP_URL', 'smtps://u:pw@mail.example.org'],
    ['VALTRONICS_SMTP_URL', 'smtp://u:pw@mail.example.org:587?requireTLS=true'],
    ['VALTRONICS_S3_URL', 'https://k:pw@store.example.org/b'],
    ['VALTRONICS_S3_URL', 'http://k:pw@[::1]:9000/b'],
    ['VALTRONICS_S3_URL', 'https://k:pw@store.example.org/b/site-7/nightly?region=eu-central-1&cacert=ca.pem'],
  ])('%s=%s is safe', (name, text) => {
    expect(() => loadConfig({ [name]: text }, { cwd })).not.toThrow();
  });
});
