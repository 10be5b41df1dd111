import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../../server/src/lib/clock.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../../support/app.ts';
import { rawRequest } from '../../support/raw-http.ts';

// What ASVS asks of HTTP as a whole and no other file proves: the platform at a host name of its own, as it is deployed.

const HOST = 'telemetry.example.org';
const clock = manualClock(Date.now());
const logged: Record<string, unknown>[] = [];
let app: TestApp;
let admin: Person;
let webFolder: string;

beforeAll(async () => {
  webFolder = mkdtempSync(join(tmpdir(), 'valtronics-web-'));
  mkdirSync(join(webFolder, 'assets'));
  writeFileSync(join(webFolder, 'index.html'), '<!doctype html><title>Größe</title>');
  writeFileSync(join(webFolder, 'assets/app-abc123.js'), 'export const answer = 42;');
  app = await anApp({
    clock,
    webFolder,
    env: { VALTRONICS_PUBLIC_URL: `https://${HOST}`, VALTRONICS_LOG_LEVEL: 'warn' },
    onLogLine: (line) => logged.push(JSON.parse(line)),
  });
  admin = await app.aPerson('admin');
});
beforeEach(() => clock.advance(5_000));
afterAll(async () => {
  await app?.stop();
  rmSync(webFolder, { recursive: true, force: true });
});

const asAdmin = (method: string, path: string, options = {}) =>
  app.call(method, `/api/v1${path}`, { token: admin.accessToken, ...options });

async function everyKindOfAnswer(): Promise<[string, Answer][]> {
  const broken = await rawRequest(app, 'HACK / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return [
    ['200', await asAdmin('GET', '/auth/me')],
    ['400', await asAdmin('POST', '/devices', { body: {} })],
    ['401', await app.call('GET', '/api/v1/auth/me', { from: freshAddress() })],
    ['404', await app.call('GET', '/api/v1/nothing', { from: freshAddress() })],
    ['not HTTP', { ...broken, text: broken.body, json: undefined }],
    ['page', await app.call('GET', '/')],
    ['script', await app.call('GET', '/assets/app-abc123.js')],
    ['docs', await app.call('GET', '/docs')],
    ['openapi', await app.call('GET', '/api/v1/openapi.json')],
    ['keys', await app.call('GET', '/.well-known/jwks.json')],
  ];
}

describe('every answer', () => {
  it('[ASVS 3.4.1] makes browsers use HTTPS for two years, on this host and below it', async () => {
    for (const [kind, { headers }] of await everyKindOfAnswer())
      expect([kind, headers['strict-transport-security']]).toEqual([kind, 'max-age=63072000; includeSubDomains']);
  });

  it('[ASVS 3.4.2] is for no other site to read, whatever Origin it names', async () => {
    for (const origin of ['https://evil.example', 'null', `https://${HOST}.evil.example`, `https://${HOST}`]) {
      for (const method of ['GET', 'OPTIONS']) {
        const headers = { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-a' };
        const answer = await asAdmin(method, '/auth/me', { headers });
        const allowed = Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'));
        expect([origin, method, allowed]).toEqual([origin, method, []]);
      }
    }
  });

  it('[ASVS 4.1.1] says what it is, and in which characters where that is not said by the type', async () => {
    for (const [kind, { headers, text }] of await everyKindOfAnswer()) {
      const type = String(headers['content-type']);
      expect([kind, text.length > 0]).toEqual([kind, true]);
      // A problem is JSON, which is UTF-8 by definition (RFC 8259, 8.1); the type has no charset (RFC 9457, 6.1).
      expect([kind, type]).toEqual([kind, expect.stringMatching(/; charset=utf-8$|^application\/problem\+json$/)]);
      if (/json/.test(type)) expect(() => JSON.parse(text)).not.toThrow();
      if (/^text\/html/.test(type)) expect(text).toMatch(/^<!doctype html>/i);
    }
  });

  it('[ASVS 3.2.1] of the API is inert where a browser is made to show it', async () => {
    const { headers } = await asAdmin('GET', '/auth/me');
    expect(String(headers['content-security-policy']).split('; ')).toEqual(
      expect.arrayContaining(["default-src 'none'", "frame-ancestors 'none'", 'sandbox']),
    );
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('[ASVS 14.3.2] with data of somebody is kept by no cache', async () => {
    for (const path of ['/auth/me', '/devices', '/users', '/audit-events', '/auth/sessions', '/auth/factors']) {
      const { status, headers } = await asAdmin('GET', path);
      expect([path, status, headers['cache-control']]).toEqual([path, 200, 'no-store']);
    }
  });

  it('[ASVS 3.5.6] is JSON and never a call of a function the caller names', async () => {
    for (const name of ['callback', 'jsonp', 'cb']) {
      const answer = await asAdmin('GET', `/auth/me?${name}=alert`);
      expect([name, answer.text.includes('alert(')]).toEqual([name, false]);
      expect(String(answer.headers['content-type'])).toMatch(/^application\/(problem\+)?json/);
    }
  });

  it('[ASVS 3.5.7] that is a script is the same bytes for everybody', async () => {
    const path = '/assets/app-abc123.js';
    const [stranger, known] = [await app.call('GET', path), await app.call('GET', path, { token: admin.accessToken })];
    expect([known.status, known.text]).toEqual([200, stranger.text]);
  });
});

it('[ASVS 4.1.2, 12.2.1] plain HTTP on the port of HTTPS is neither served nor sent elsewhere', async () => {
  const socket = connect(app.httpPort, '127.0.0.1');
  const said = await new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
    socket.write(`GET /api/v1/auth/me HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  });
  expect(said).not.toMatch(/HTTP\/1|location:/i);
});

it('[ASVS 3.3.5] a cookie is far below the 4096 bytes browsers keep', async () => {
  const { email, password } = admin;
  const headers = { origin: `https://${HOST}` };
  const answer = await app.call('POST', '/api/v1/auth/session', { body: { email, password }, headers });
  const cookies = answer.headers['set-cookie'] as string[];
  expect([answer.status, cookies.length]).toEqual([200, 2]);
  for (const cookie of cookies) expect(cookie.split(';', 1)[0]?.length).toBeLessThan(256);
});

it('[ASVS 16.3.2] who is refused for want of a right is in the log, with who, what and from where', async () => {
  const person = await app.aPerson('user');
  const from = freshAddress();
  expect((await app.call('GET', '/api/v1/users', { token: person.accessToken, from })).status).toBe(403);
  expect(logged.at(-1)).toMatchObject({
    event: 'access.refused',
    route: '/users',
    address: from,
    principal: expect.stringContaining(person.userId),
  });
});

it('[ASVS 13.4.2, 16.3.4, 16.5.1, 16.5.4] a fault nobody foresaw is told in general words, logged in particular, and survived', async () => {
  await app.database.admin.query('alter table devices rename to devices_away');
  const failed = await asAdmin('GET', '/devices');
  await app.database.admin.query('alter table devices_away rename to devices');
  expect([failed.status, failed.json.code]).toEqual([500, 'internal']);
  expect(failed.text).not.toMatch(/devices|relation|select|\.ts|stack/i);
  const line = logged.find(({ requestId }) => requestId === failed.json.requestId);
  expect(JSON.stringify(line)).toContain('devices');
  expect((await asAdmin('GET', '/devices')).status).toBe(200);
});
