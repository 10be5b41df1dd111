import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp, type TestKey } from '../support/app.ts';
import { callAsDevice, type Identity } from '../support/device-certificates.ts';
import { howLiveCloses } from '../support/live.ts';
import { aSelfSignedCertificate } from '../support/self-signed-certificate.ts';

// API keys bound to a certificate (RFC 8705): whoever has copied the key alone has nothing.

const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
let own: Identity;
let others: Identity;
let bound: TestKey;
let unbound: TestKey;

beforeAll(async () => {
  app = await anApp({
    clock,
    env: {
      VALTRONICS_KEY_PORT: '0',
      VALTRONICS_DEVICE_PORT: '0',
      VALTRONICS_LOG_LEVEL: 'fatal',
      VALTRONICS_ACCESS_TOKEN_MINUTES: '60',
    },
  });
  admin = await app.aPerson('admin');
  [own, others] = [aSelfSignedCertificate('program.example.org'), aSelfSignedCertificate('program.example.org')];
  bound = await app.aKey(admin, 'operator', ['device:read'], { certificate: own.cert });
  unbound = await app.aKey(admin, 'operator', ['device:read']);
});
beforeEach(async () => {
  clock.advance(5_000);
  await app.freshProof(admin);
});
afterAll(() => app?.stop());

const said = ({ status, json }: Answer) => `${status} ${json?.code ?? ''}`.trim();
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const onKeyPort = (identity: Partial<Identity>, secret: string | undefined, path = '/api/v1/devices', method = 'GET') =>
  callAsDevice(app, identity, method, path, {
    port: app.keyPort,
    ...(secret === undefined ? {} : { headers: bearer(secret) }),
  });
const onMainPort = (secret: string) => app.call('GET', '/api/v1/devices', { token: secret, from: freshAddress() });
const made = (certificate: string, more: Record<string, unknown> = {}) =>
  app.call('POST', '/api/v1/auth/api-keys', {
    token: admin.accessToken,
    from: freshAddress(),
    body: { label: 'Bound', permissions: ['device:read'], certificate, ...more },
  });

describe('a key that is bound to a certificate', () => {
  it('is good with it, and its fingerprint is listed', async () => {
    expect(said(await onKeyPort(own, bound.secret))).toBe('200');
    const listed = await app.call('GET', '/api/v1/api-keys', { token: admin.accessToken });
    const fingerprint = new X509Certificate(own.cert).fingerprint256.replaceAll(':', '').toLowerCase();
    expect(listed.json.items.find(({ id }: { id: string }) => id === bound.id).certificateSha256).toBe(fingerprint);
  });

  it('is not good with another of the same name', async () => {
    expect(said(await onKeyPort(others, bound.secret))).toBe('401 not_authenticated');
  });

  it('is not good where nobody is asked for one, nor afterwards held against who has it', async () => {
    const answer = await onMainPort(bound.secret);
    expect([said(answer), answer.json.detail]).toEqual([
      '401 not_authenticated',
      expect.stringContaining('certificate'),
    ]);
    expect(said(await onKeyPort(own, bound.secret))).toBe('200');
  });

  it('opens no live connection, where none is shown', async () => {
    expect(await howLiveCloses(app, bound.secret)).toEqual([4401, 'credentials bound to a key are not taken here']);
  });

  it('ends when it is revoked, on connections that are open', async () => {
    const key = await app.aKey(admin, 'operator', ['device:read'], { certificate: own.cert });
    const socket = connect({ host: '127.0.0.1', port: app.keyPort, servername: 'localhost', ca: app.ca, ...own });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const ask = () =>
      callAsDevice(app, own, 'GET', '/api/v1/devices', { port: app.keyPort, socket, headers: bearer(key.secret) });
    expect(said(await ask())).toBe('200');
    await app.call('DELETE', `/api/v1/api-keys/${key.id}`, { token: admin.accessToken });
    expect(said(await ask())).toBe('401 not_authenticated');
    socket.destroy();
  });

  it('ends no later than the certificate', async () => {
    const { json } = await made(own.cert, { expiresInDays: 30 });
    expect(json.key.expiresAt).toBe(new X509Certificate(own.cert).validToDate.toISOString());
  });
});

describe('the port for keys', () => {
  it('lets nobody in without a certificate', async () => {
    await expect(onKeyPort({}, bound.secret)).rejects.toThrow();
  });

  it.each([
    ['keys', () => app.keyPort, 'No client certificate CA names sent'],
    ['devices', () => app.devicePort, 'Acceptable client certificate CA names'],
  ])('what is asked for at the port for %s is what it takes: clients heed it', async (_, port, words) => {
    const shown = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port()}`, '-servername', 'localhost'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(await text(shown.stdout)).toContain(words);
  });

  it('refuses a key that is bound to none, so that nobody takes it for bound', async () => {
    expect(said(await onKeyPort(own, unbound.secret))).toBe('401 not_authenticated');
    expect(said(await onMainPort(unbound.secret))).toBe('200');
  });

  it.each([
    ['an access token', () => admin.accessToken],
    ['nothing', () => undefined],
    ['an unknown key', () => `vtk_${'A'.repeat(43)}`],
  ])('refuses %s', async (_, token) => {
    expect(said(await onKeyPort(own, token()))).toBe('401 not_authenticated');
  });

  it.each([
    ['POST', '/api/v1/auth/login'],
    ['GET', '/health/live'],
    ['GET', '/'],
    ['GET', '/api/v1/auth/providers'],
  ])('has nothing open: %s %s is not there', async (method, path) => {
    expect(said(await onKeyPort(own, bound.secret, path, method))).toBe('404 not_found');
  });

  it('is not the port for devices: a certificate nobody signed ends there at the handshake', async () => {
    await expect(callAsDevice(app, own, 'GET', '/api/v1/devices', { headers: bearer(bound.secret) })).rejects.toThrow();
  });
});

describe('what a key is bound to', () => {
  const weak = () =>
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-subj', '/CN=weak', '-keyout', '/dev/null'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );

  it.each<[string, () => string, RegExp]>([
    ['holds a private key too', () => `${own.cert}${own.key}`, /private key/],
    ['is two certificates', () => `${own.cert}${others.cert}`, /one certificate/],
    ['is no certificate', () => 'MIIB', /one certificate/],
    ['is a certificate in name only', () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /one/],
    ['has a weak key', weak, /2,048 bits/],
  ])('is refused if it %s', async (_, pem, words) => {
    const answer = await made(pem());
    expect(said(answer)).toBe('400 invalid_request');
    expect(answer.json.errors).toEqual([{ path: 'certificate', message: expect.stringMatching(words) }]);
  });

  it('is refused where no port asks for it', async () => {
    const elsewhere = await anApp();
    try {
      const person = await elsewhere.aPerson('admin');
      const answer = await elsewhere.call('POST', '/api/v1/auth/api-keys', {
        token: person.accessToken,
        body: { label: 'Bound', permissions: ['device:read'], certificate: own.cert },
      });
      expect(answer.json.errors).toEqual([
        { path: 'certificate', message: expect.stringContaining('VALTRONICS_KEY_PORT') },
      ]);
    } finally {
      await elsewhere.stop();
    }
  });
});
