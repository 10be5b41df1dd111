import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Endpoint, endpoints } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, type CallOptions, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { expectProblem, securityHeaders } from '../support/expect-problem.ts';
import { eventually } from '../support/mqtt-client.ts';
import { rawRequest } from '../support/raw-http.ts';

// What strangers, broken devices and scanners send around a body: addresses, methods, headers. Whatever it is, the answer is a problem that says what is wrong, carries the security
// headers, names no software, and is never a 500.

const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
let device: { id: string; token: string };
let webFolder: string;

beforeAll(async () => {
  webFolder = mkdtempSync(join(tmpdir(), 'valtronics-web-'));
  mkdirSync(join(webFolder, 'assets'));
  mkdirSync(join(webFolder, '.git'));
  for (const [name, text] of [
    ['index.html', '<!doctype html><title>Valtronics</title><style nonce="__CSP_NONCE__"></style>'],
    ['assets/app-abc123.js', 'export const answer = 42;'],
    ['assets/app-abc123.js.map', '{"sources":[]}'],
    ['index.html~', 'old'],
    ['index.html.bak', 'old'],
    ['.env', 'SECRET=1'],
    ['.git/config', '[core]'],
    ['favicon.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
  ] as const)
    writeFileSync(join(webFolder, name), text);
  app = await anApp({ clock, webFolder });
  admin = await app.aPerson('admin');
  device = await app.aDevice(admin);
});
beforeEach(() => clock.advance(2_000));
afterAll(async () => {
  await app?.stop();
  rmSync(webFolder, { recursive: true, force: true });
});

const asAdmin = (method: string, path: string, options: CallOptions = {}): Promise<Answer> =>
  app.call(method, `/api/v1${path}`, { token: admin.accessToken, ...options });
const newDevice = (body: unknown) => asAdmin('POST', '/devices', { body });
const newDeviceRaw = (rawBody: string | Buffer, headers: Record<string, string> = {}) =>
  asAdmin('POST', '/devices', { rawBody, headers });

describe('an address', () => {
  it.each([
    '/.env',
    '/.git/config',
    '/index.html~',
    '/index.html.bak',
    '/index.html',
    '/assets/',
    '/assets/app-abc123.js.map',
    '/assets/nothing.js',
    '/assets/../../package.json',
    '/assets/..%2f..%2fpackage.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/..%5c..%5cpackage.json',
    '/../../../../etc/passwd',
    '//etc/passwd',
    '/wp-login.php',
    '/server-status.',
    '/api/v1/../../.env',
    '/api/v1/nothing',
    '/API/v1/auth/me',
    '/api/v1/auth/me/',
    '/api/v1//auth/me',
    '/api/v2/auth/me',
    '/package.json',
    '/data/root.key',
    `/api/v1/devices/${'a'.repeat(300)}`,
  ])('[ASVS 5.3.2, 13.4.1, 13.4.3, 13.4.7] that is not there is not there: %s', async (path) => {
    // From ever new addresses: one that asks for all of these is soon banned.
    const answer = await app.call('GET', path, { token: admin.accessToken, from: freshAddress() });
    expectProblem(answer, 404, 'not_found');
    expect(answer.text).not.toMatch(/SECRET|\[core\]|root:|sources/);
  });

  it.each(['/%', '/%zz', '/api/v1/devices/%ff', '/%c0%ae%c0%ae/', '/api/v1/devices/%00'])(
    'that is no URL is refused: %s',
    async (path) => {
      const answer = await app.call('GET', path, { token: admin.accessToken, from: freshAddress() });
      expect([400, 404]).toContain(answer.status);
      expectProblem(answer, answer.status, answer.status === 400 ? 'invalid_request' : 'not_found');
    },
  );

  it('of the interface gives the page, with a nonce of its own each time', async () => {
    const [one, two] = [await app.call('GET', '/devices/0198'), await app.call('GET', '/')];
    for (const answer of [one, two]) {
      expect(answer).toMatchObject({
        status: 200,
        headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
      });
      expect(answer.headers).toMatchObject(securityHeaders);
      const nonce = /style nonce="([\w-]{22})"/.exec(answer.text)?.[1];
      expect(answer.headers['content-security-policy']).toContain(`'nonce-${nonce}'`);
    }
    expect(one.text).not.toBe(two.text);
  });

  it('of an asset gives the asset, which may be kept and cannot run as a page', async () => {
    const answer = await app.call('GET', '/assets/app-abc123.js');
    expect(answer).toMatchObject({
      status: 200,
      text: 'export const answer = 42;',
      headers: {
        ...securityHeaders,
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': 'public, max-age=31536000, immutable',
      },
    });
    const again = await app.call('GET', '/assets/app-abc123.js', {
      headers: { 'if-none-match': String(answer.headers['etag']) },
    });
    expect([again.status, again.text]).toEqual([304, '']);
  });
});

describe('a method', () => {
  it.each(['TRACE', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'PURGE', 'LOCK', 'SEARCH', 'QUERY'])(
    '[ASVS 4.1.4, 13.4.4] that an address does not have finds nothing there: %s',
    async (method) => {
      for (const path of ['/api/v1/auth/me', '/', '/health/live', '/assets/app-abc123.js']) {
        const answer = await app.call(method, path, { token: admin.accessToken, headers: { 'x-echo': 'canary' } });
        expect([method, path, answer.status]).toEqual([method, path, 404]);
        expectProblem(answer, 404, 'not_found');
        expect(answer.text).not.toContain('canary');
        expect(answer.headers['access-control-allow-origin']).toBeUndefined();
      }
    },
  );

  it('that does not exist is not HTTP', async () => {
    const answer = await rawRequest(app, 'HACK / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expectProblem({ ...answer, json: JSON.parse(answer.body) }, 400, 'invalid_request');
  });

  it('HEAD is GET without the body, and asks for the same rights', async () => {
    for (const [, endpoint] of Object.entries(endpoints) as [string, Endpoint][]) {
      if (endpoint.method !== 'GET' || endpoint.params) continue;
      const path = `${endpoint.root ? '' : '/api/v1'}${endpoint.path}`;
      clock.advance(200);
      const stranger = await app.call('HEAD', path);
      clock.advance(200);
      const asked = await app.call('GET', path);
      expect([path, stranger.status, stranger.text]).toEqual([path, asked.status, '']);
      expect(stranger.headers).toMatchObject(securityHeaders);
      expect((await app.call('HEAD', path, { token: admin.accessToken })).status).not.toBe(401);
    }
    const page = await app.call('HEAD', '/');
    expect([page.status, page.text]).toEqual([200, '']);
  });
});

describe('headers', () => {
  it('of a request are bounded', async () => {
    const answer = await rawRequest(
      app,
      `GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
    );
    expectProblem({ ...answer, json: JSON.parse(answer.body) }, 431, 'headers_too_large');
  });

  it.each([
    [
      'two lengths',
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}',
    ],
    [
      'two equal lengths',
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}',
    ],
    [
      'a length and chunks',
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'an odd transfer coding',
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'a coding below the chunks',
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    ],
    ['a length that is none', 'POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: +2\r\n\r\n{}'],
    ['a negative length', 'POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{}'],
    ['a folded line', 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n  2\r\nContent-Length : 1\r\n\r\n'],
    ['a bare line feed', 'GET /health/live HTTP/1.1\nHost: localhost\nX: \0\n\n'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['binary', Buffer.from('16030100c8010000c40303', 'hex')],
  ])('[ASVS 4.2.1] that could be read in two ways are refused, and the connection ends: %s', async (_, bytes) => {
    const answer = await rawRequest(app, bytes);
    expect([answer.status, answer.headers['connection']]).toEqual([400, 'close']);
    expect(answer.text).not.toMatch(/\r\n(server|x-powered-by):/i);
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-type': 'application/problem+json',
    });
  });

  it('without a host are refused (RFC 9112, 3.2)', async () => {
    const answer = await rawRequest(app, 'GET /health/live HTTP/1.1\r\n\r\n');
    expect([answer.status, answer.headers.connection]).toEqual([400, 'close']);
  });

  it('that expect something are answered as if they did not', async () => {
    const head = (expectation: string) =>
      `POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nExpect: ${expectation}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
    expect((await rawRequest(app, head('100-continue'), freshAddress())).status).toBe(400);
    const odd = await rawRequest(app, head('the unexpected'), freshAddress());
    expect([odd.status, JSON.parse(odd.body).code]).toEqual([400, 'invalid_request']);
  });

  it('[ASVS 4.1.3, 15.3.4] cannot make an address up: X-Forwarded-For and its kin are not believed', async () => {
    const from = freshAddress();
    const body = { email: 'nobody@example.org', password: 'x' };
    const answers = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      const forged = `203.0.113.${attempt}`;
      const headers = {
        'x-forwarded-for': forged,
        'x-real-ip': forged,
        forwarded: `for=${forged}`,
        'cf-connecting-ip': forged,
      };
      answers.push(
        await app.call('POST', '/api/v1/auth/refresh', {
          body: {},
          headers,
          from,
        }),
      );
    }
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 429, 429]);
    clock.advance(5_000);
    await app.call('POST', '/api/v1/auth/login', { body, headers: { 'x-forwarded-for': '203.0.113.99' }, from });
    const recorded = await app.database.admin.query(
      `select host(address) as address from audit_events order by at desc limit 1`,
    );
    expect(recorded.rows).toEqual([{ address: from }]);
  });

  it('of a request never decide links: a forged Host is ignored', async () => {
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example' };
    const answer = await asAdmin('POST', '/users', { body: { email: 'linked@example.org', role: 'user' }, headers });
    expect(new URL(answer.json.invitation.url).origin).toBe(app.origin);
  });

  it('[ASVS 3.4.4, 3.4.5, 3.4.6, 3.4.8, 3.5.8, 13.4.6] of every kind of answer protect, name no software, and let localhost be used for other things', async () => {
    const flooder = freshAddress();
    const refused = await Promise.all(
      Array.from({ length: 8 }, () => app.call('POST', '/api/v1/auth/refresh', { body: {}, from: flooder })),
    );
    const answers: Record<string, Answer> = {
      '200': await asAdmin('GET', '/auth/me'),
      '201': await newDevice({ name: 'a', type: 't' }),
      '204': await asAdmin('DELETE', `/devices/${(await newDevice({ name: 'a', type: 't' })).json.device.id}`),
      '400': await newDevice({}),
      '401': await app.call('GET', '/api/v1/auth/me'),
      '403': await app.call('GET', '/api/v1/auth/me', { token: device.token }),
      '404': await app.call('GET', '/api/v1/nothing'),
      '413': await newDevice({ name: 'x'.repeat(70_000) }),
      '415': await newDeviceRaw('x', { 'content-type': 'text/plain' }),
      '429': refused.find(({ status }) => status === 429) as Answer,
      html: await app.call('GET', '/'),
      asset: await app.call('GET', '/favicon.svg'),
      health: await app.call('GET', '/health/live'),
      docs: await app.call('GET', '/docs'),
      openapi: await app.call('GET', '/api/v1/openapi.json'),
      jwks: await app.call('GET', '/.well-known/jwks.json'),
      metrics: await app.call('GET', '/metrics', { token: admin.accessToken }),
    };
    for (const [kind, answer] of Object.entries(answers)) {
      if (/^\d+$/.test(kind)) expect([kind, answer.status]).toEqual([kind, Number(kind)]);
      else expect([kind, answer.status]).toEqual([kind, 200]);
      expect([kind, answer.headers]).toEqual([kind, expect.objectContaining(securityHeaders)]);
      for (const name of ['server', 'x-powered-by', 'via', 'strict-transport-security', 'access-control-allow-origin'])
        expect([kind, name, answer.headers[name]]).toEqual([kind, name, undefined]);
      expect([kind, answer.text]).not.toEqual([kind, expect.stringMatching(/fastify|node_modules|\bat .*\.ts:/i)]);
    }
  });
});

describe('a sender that stops in the middle', () => {
  it('of its head is told so after 5 seconds, and that is reported; who never began is not', async () => {
    const [slow, silent] = [freshAddress(), freshAddress()];
    const answers = await Promise.all([
      rawRequest(app, 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: a', slow),
      rawRequest(app, '', silent),
    ]);
    for (const answer of answers) expectProblem({ ...answer, json: JSON.parse(answer.body) }, 408, 'request_timeout');
    const reported = async (): Promise<unknown[]> => {
      const { rows } = await app.database.admin.query(
        `select host(source_address) as address, action, reason from security_events
         where host(source_address) = any($1) order by position`,
        [[slow, silent]],
      );
      return rows;
    };
    await eventually('the slow one is in the table', async () => (await reported()).length > 0);
    expect(await reported()).toEqual([{ address: slow, action: 'request.malformed', reason: 'request_timeout' }]);
  });

  it('of its body is told so after 8 seconds, and nothing it sent took effect', async () => {
    const before = (await app.database.admin.query('select count(*)::int as n from devices')).rows[0].n;
    const body = JSON.stringify({ name: 'Half', type: 'temperature' });
    const answer = await rawRequest(
      app,
      `POST /api/v1/devices HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${admin.accessToken}\r\nContent-Type: application/json\r\nContent-Length: ${body.length + 10}\r\n\r\n${body}`,
    );
    expectProblem({ ...answer, json: JSON.parse(answer.body) }, 408, 'request_timeout');
    expect((await app.database.admin.query('select count(*)::int as n from devices')).rows[0].n).toBe(before);
  });
});
