import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SecurityEventBody } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newId } from '../../server/src/lib/ids.ts';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aLiveClient } from '../support/live.ts';
import { anMqttClient } from '../support/mqtt-client.ts';
import { aSocket } from '../support/raw-http.ts';

// What every door says of what it turned away, read as an administrator reads it, and what is concluded from it.

let app: TestApp;
let admin: Person;
let user: Person;
let stranger: Person;
beforeAll(async () => {
  app = await anApp();
  admin = await app.aPerson('admin');
  user = await app.aPerson('user');
  stranger = await app.aPerson('admin', await app.anotherOrganisation());
});
afterAll(() => app?.stop());

const listed = async (query: string, as = admin): Promise<SecurityEventBody[]> => {
  const answer = await app.call('GET', `/api/v1/security-events?${query}`, { token: as.accessToken });
  expect(answer.status).toBe(200);
  return answer.json.items;
};
/** The one event of this kind from this address, once it is written. */
const oneFrom = (from: string, action: string, as = admin) =>
  vi.waitFor(
    async () => {
      const found = await listed(`address=${from}&action=${action}`, as);
      expect(found).toHaveLength(1);
      return found[0] as SecurityEventBody;
    },
    { timeout: 3_000, interval: 30 },
  );
const detections = async (query: string) =>
  (await app.call('GET', `/api/v1/detections?${query}`, { token: admin.accessToken })).json.items;
const eventually = <T>(look: () => Promise<T>) => vi.waitFor(look, { timeout: 5_000, interval: 30 });

describe('HTTP', () => {
  const byToken = (person: Person, from: string) => ({ token: person.accessToken, from });
  const cases: [string, string, (from: string) => Promise<unknown>, object][] = [
    [
      'a path that does not exist',
      'path.unknown',
      (from) => app.call('GET', '/wp-login.php?secret=1', { from, headers: { 'user-agent': 'a scanner' } }),
      {
        category: 'authorization',
        outcome: 'failure',
        level: 'warning',
        http: { method: 'GET', route: '/wp-login.php', status: 404 },
        reason: 'not_found',
        ofInstance: true,
        details: { userAgent: 'a scanner' },
      },
    ],
    [
      'a guess at a page, by what is no browser',
      'path.unknown',
      (from) => app.call('GET', '/backup', { from }),
      { http: { method: 'GET', route: '/backup', status: 200 }, reason: 'no_navigation' },
    ],
    [
      'a path that a page elsewhere makes a browser ask for',
      'path.unknown',
      (from) => app.call('GET', '/x.png', { from, headers: { 'sec-fetch-site': 'cross-site', 'user-agent': 'b' } }),
      { ofInstance: true, details: { browser: true, userAgent: 'b' } },
    ],
    [
      'an attack that a page elsewhere makes a browser send',
      'request.blocked',
      (from) =>
        app.call('GET', '/x.png?q=%3Cscript%3Ealert(1)%3C/script%3E', {
          from,
          headers: { 'sec-fetch-site': 'cross-site' },
        }),
      { ofInstance: true, details: { browser: true, where: 'query.q' } },
    ],
    [
      'an id that is nobody’s',
      'resource.missing',
      (from) => app.call('GET', `/api/v1/devices/${newId()}`, byToken(user, from)),
      { ofInstance: false, http: { method: 'GET', route: '/api/v1/devices/:id', status: 404 } },
    ],
    [
      'what one may not do',
      'access.refused',
      (from) => app.call('GET', '/api/v1/users', byToken(user, from)),
      { reason: 'forbidden', ofInstance: false },
    ],
    [
      'a token that is not good',
      'credential.refused',
      (from) => app.call('GET', '/api/v1/users', { token: 'vta_nonsense', from }),
      { category: 'authentication', reason: 'not_authenticated', ofInstance: true },
    ],
    [
      'a refresh token that is not good',
      'credential.refused',
      (from) => app.call('POST', '/api/v1/auth/refresh', { body: { refreshToken: `vtr_${'A'.repeat(43)}` }, from }),
      { category: 'authentication' },
    ],
    [
      'a sign-in from another site',
      'origin.refused',
      (from) =>
        app.call('POST', '/api/v1/auth/session', {
          body: { email: 'a@example.org', password: 'x'.repeat(20) },
          headers: { origin: 'https://evil.example' },
          from,
        }),
      { reason: 'origin_refused' },
    ],
    [
      'a body that is not JSON',
      'request.malformed',
      (from) => app.call('POST', '/api/v1/auth/login', { rawBody: '{"email":', from }),
      { reason: 'malformed_json' },
    ],
    [
      'what is not HTTP',
      'request.malformed',
      async (from) => {
        const socket = await aSocket(app, from);
        socket.end('nonsense\r\n\r\n');
      },
      { reason: 'invalid_request' },
    ],
    [
      'a wrong password, under the name the audit log has for it',
      'session.refused',
      (from) => app.call('POST', '/api/v1/auth/login', { body: { email: user.email, password: 'y'.repeat(20) }, from }),
      { category: 'authentication', outcome: 'failure', level: 'warning', user: expect.anything() },
    ],
    [
      'a name nobody has, as a pseudonym',
      'session.refused',
      (from) =>
        app.call('POST', '/api/v1/auth/login', {
          body: { email: 'nobody@example.org', password: 'y'.repeat(20) },
          from,
        }),
      { user: null, details: { account: expect.stringMatching(/^[\w-]{22}$/) } },
    ],
  ];

  test.each(cases)('%s: %s', async (_what, action, act, said) => {
    const from = freshAddress();
    await act(from);
    expect(await oneFrom(from, action)).toMatchObject({ action, transport: 'http', address: from, count: 1, ...said });
  });

  test('a page that a browser opens is no event', async () => {
    const from = freshAddress();
    await app.call('GET', '/devices', { from, headers: { 'sec-fetch-mode': 'navigate' } });
    await app.call('GET', '/devices.php', { from });
    await oneFrom(from, 'path.unknown');
    expect((await listed(`address=${from}`)).map(({ http }) => http?.route)).not.toContain('/devices');
  });

  test('who signs in is an event of the organisation, with the person', async () => {
    const from = freshAddress();
    await app.call('POST', '/api/v1/auth/login', { body: { email: user.email, password: user.password }, from });
    expect(await oneFrom(from, 'session.created')).toMatchObject({
      outcome: 'success',
      level: 'info',
      user: { id: user.userId, label: user.email },
    });
  });

  test('beyond the limit, counted and not listed one by one', async () => {
    const from = freshAddress();
    await Promise.all(Array.from({ length: 200 }, () => app.call('GET', '/api/v1/auth/providers', { from })));
    const found = await eventually(async () => {
      const events = await listed(`address=${from}&action=rate.exceeded`);
      expect(events.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(100);
      return events;
    });
    expect(found.length).toBeLessThan(8);
  });

  test('while its address is blocked', async () => {
    const from = freshAddress();
    for (let n = 0; n < 5; n += 1)
      await app.call('POST', '/api/v1/auth/refresh', { body: { refreshToken: `vtr_${'A'.repeat(43)}` }, from });
    await app.call('GET', '/api/v1/auth/providers', { from });
    expect(await oneFrom(from, 'block.enforced')).toMatchObject({ reason: 'address_blocked' });
  });

  test('a session that moves to another network', async () => {
    const person = await app.aPerson('user');
    const [one, other] = ['127.9.1.1', '127.9.2.1'];
    await app.call('GET', '/api/v1/auth/me', { token: person.accessToken, from: one });
    await app.call('GET', '/api/v1/auth/me', { token: person.accessToken, from: other });
    expect(await oneFrom(other, 'session.moved')).toMatchObject({
      details: { from: '127.9.1.0/24', to: '127.9.2.0/24' },
    });
    await app.call('GET', '/api/v1/auth/me', { token: person.accessToken, from: one });
    const raised = await eventually(async () => {
      const items = await detections(`scenario=session-from-two-networks&subject=${person.userId}`);
      expect(items).toHaveLength(1);
      return items;
    });
    expect(raised[0]).toMatchObject({ severity: 'high', count: 2, subject: { scope: 'user', value: person.userId } });
  });
});

describe('MQTT', () => {
  test('a device comes, reaches for a topic of another, and is turned away', async () => {
    const from = freshAddress();
    const device = await app.aDevice(admin);
    const client = await anMqttClient(app.mqttPort, {
      username: device.id,
      password: device.token,
      localAddress: from,
    } as object);
    await client.publish(`valtronics/devices/${newId()}/telemetry`, '{}', 0);
    await client.closed;
    const about = { transport: 'mqtt', deviceId: device.id, ofInstance: false };
    expect(await oneFrom(from, 'device.connected')).toMatchObject({ ...about, outcome: 'success' });
    expect(await oneFrom(from, 'topic.refused')).toMatchObject({
      ...about,
      reason: 'forbidden',
      details: { foreign: true },
    });
    expect(await oneFrom(from, 'device.disconnected')).toMatchObject({ ...about, details: { goodbye: false } });
  });

  test('a credential that is not good, of a device that is only claimed', async () => {
    const from = freshAddress();
    const device = await app.aDevice(admin);
    const options = { username: device.id, password: 'vtd_wrong', localAddress: from } as object;
    await expect(anMqttClient(app.mqttPort, options)).rejects.toThrow();
    expect(await oneFrom(from, 'credential.refused')).toMatchObject({
      transport: 'mqtt',
      ofInstance: true,
      deviceId: device.id,
      details: { why: 'the token is not good' },
    });
  });

  test('messages that are taken are no events', async () => {
    const from = freshAddress();
    const device = await app.aDevice(admin);
    const options = { username: device.id, password: device.token, localAddress: from } as object;
    const client = await anMqttClient(app.mqttPort, options);
    for (let n = 0; n < 20; n += 1)
      await client.publish(
        `valtronics/devices/${device.id}/telemetry`,
        JSON.stringify({ metric: 'temperature', value: n }),
      );
    await client.end();
    await oneFrom(from, 'device.disconnected');
    const actions = (await listed(`address=${from}`)).map(({ action }) => action);
    expect(actions.sort()).toEqual(['device.connected', 'device.disconnected']);
  });
});

describe('WebSocket and command line', () => {
  test('a token that is not good', async () => {
    const client = await aLiveClient(app, 'vta_nonsense');
    await client.closed;
    await eventually(async () =>
      expect((await listed('action=credential.refused')).map(({ transport }) => transport)).toContain('websocket'),
    );
  });

  test('what is done at the machine', async () => {
    await app.app.hostCommands['users.create'](4711, { email: 'by-cli@example.org', role: 'user' });
    await eventually(async () =>
      expect(await listed('userId=cli:4711')).toMatchObject([
        { transport: 'cli', action: 'user.invited', category: 'configuration' },
      ]),
    );
  });
});

describe('who sees what', () => {
  test('what belongs to no organisation is for the one that runs the instance', async () => {
    const from = freshAddress();
    await app.call('GET', '/unknown', { from });
    await oneFrom(from, 'path.unknown');
    expect(await listed(`address=${from}`, stranger)).toEqual([]);
  });

  test('what belongs to another organisation is for that one alone', async () => {
    const from = freshAddress();
    await app.call('GET', `/api/v1/devices/${newId()}`, { token: stranger.accessToken, from });
    await oneFrom(from, 'resource.missing', stranger);
    expect(await listed(`address=${from}`)).toEqual([]);
  });

  test('who is limited to device groups sees what is about a device they see, and what is about nothing of theirs not', async () => {
    const limited = await app.aPerson('admin');
    const [inside, outside] = [await app.aDevice(admin), await app.aDevice(admin)];
    const by = (method: string, path: string, body?: unknown, as = admin) =>
      app.call(method, `/api/v1${path}`, { token: as.accessToken, from: freshAddress(), ...(body ? { body } : {}) });
    await app.freshProof(admin);
    const group = await by('POST', '/device-groups', { name: 'Ward 7', deviceIds: [inside.id] });
    expect(group.status).toBe(201);
    const scope = { deviceScope: 'limited', deviceGroupIds: [group.json.id] };
    expect((await by('PATCH', `/users/${limited.userId}`, scope)).status).toBe(200);
    const subjects = [
      ['device', inside.id],
      ['device', outside.id],
      ['ip', '192.0.2.77'],
    ];
    for (const [scope, subject] of subjects) {
      const values = [scope, subject, admin.userId];
      await app.database.admin.query(
        `with mine as (select organisation_id from users where id = $3::uuid),
         event as (insert into security_events (id, at, organisation_id, category, action, outcome, level, transport, device_id, reason)
           select gen_random_uuid(), now(), organisation_id, 'incident', 'detection.raised', 'success', 'info', 'system',
             case when $1 = 'device' then $2::text::uuid end, 'of-groups' from mine),
         detection as (insert into detections (id, at, organisation_id, scenario, severity, scope, subject, first_at, last_at, count, events, answered_at)
           select gen_random_uuid(), now(), organisation_id, 'of-groups', 'low', $1, $2, now(), now(), 1, '{}', now() from mine)
         insert into incidents (id, organisation_id, title, severity, status, scope, subject, opened_at, opened_by_hand, first_at, last_at)
           select gen_random_uuid(), organisation_id, 'of groups', 'low', 'open', $1, $2, now(), false, now(), now() from mine`,
        values,
      );
    }
    const aboutDevices = (
      items: { device?: { id: string } | null; deviceId?: string | null; subject?: { value: string } }[],
    ) => items.map(({ deviceId, subject }) => subject?.value ?? deviceId ?? null).toSorted();
    const seenBy = async (as: Person) => {
      const lists = [
        '/detections?scenario=of-groups',
        '/security-events?action=detection.raised&limit=1000',
        '/incidents',
      ];
      const answers = await Promise.all(lists.map((path) => by('GET', path, undefined, as)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      const [detections, events, incidents] = answers.map(({ json }) => json.items);
      return [
        aboutDevices(detections),
        aboutDevices(events.filter(({ reason }: SecurityEventBody) => reason === 'of-groups')),
        aboutDevices(incidents.filter(({ title }: { title: string }) => title === 'of groups')),
      ];
    };
    const all = ['192.0.2.77', inside.id, outside.id].toSorted();
    expect(await seenBy(admin)).toEqual([all, [null, inside.id, outside.id].toSorted(), all]);
    // An incident is also opened by hand, about an address, and is everybody's; what was concluded by itself is not.
    expect(await seenBy(limited)).toEqual([[inside.id], [inside.id], ['192.0.2.77', inside.id].toSorted()]);
  });

  test('pages follow each other without a gap', async () => {
    const from = freshAddress();
    for (let n = 0; n < 7; n += 1) await app.call('GET', `/page-${n}`, { from });
    await eventually(async () => expect(await listed(`address=${from}`)).toHaveLength(7));
    const routes: string[] = [];
    let cursor = '';
    do {
      const path = `/api/v1/security-events?address=${from}&limit=3${cursor && `&cursor=${cursor}`}`;
      const answer = await app.call('GET', path, { token: admin.accessToken });
      routes.push(...answer.json.items.map((item: SecurityEventBody) => item.http?.route));
      cursor = answer.json.nextCursor ?? '';
    } while (cursor !== '');
    expect(routes).toEqual(['/page-6', '/page-5', '/page-4', '/page-3', '/page-2', '/page-1', '/page-0']);
  });

  test('live, as it happens, to the organisation it belongs to', async () => {
    const mine = await aLiveClient(app, admin.accessToken);
    const theirs = await aLiveClient(app, stranger.accessToken);
    for (const client of [mine, theirs]) {
      client.say({ type: 'subscribe', id: 1, channel: 'security' });
      await vi.waitFor(() => expect(client.received).toContainEqual({ type: 'subscribed', id: 1 }));
    }
    const from = freshAddress();
    await eventually(async () => {
      await app.call('GET', '/live-check', { from });
      const heard = mine.received.filter(({ type }) => type === 'security');
      expect(heard.some(({ event }) => (event as SecurityEventBody).address === from)).toBe(true);
    });
    expect(JSON.stringify(theirs.received)).not.toContain(from);
    for (const client of [mine, theirs]) client.socket.close();
  });

  test('the file has a line for each, for its owner’s eyes', async () => {
    const from = freshAddress();
    await app.call('GET', '/in-the-file', { from });
    await oneFrom(from, 'path.unknown');
    const path = join(app.dataDir, 'logs', 'security.jsonl');
    const lines = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ source }) => source?.ip === from)).toMatchObject([
      {
        url: { path: '/in-the-file' },
        event: { action: 'path.unknown', outcome: 'failure' },
        log: { level: 'warning' },
      },
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe('what is concluded', () => {
  test('a scan through the real door is a detection with its events behind it', async () => {
    const from = freshAddress();
    for (let n = 0; n < 20; n += 1) await app.call('GET', `/scan-${n}`, { from });
    const [raised] = await eventually(async () => {
      const items = await detections(`scenario=scanning&subject=${from}`);
      expect(items).toHaveLength(1);
      return items;
    });
    expect(raised).toMatchObject({
      name: 'Scanning',
      technique: 'T1595.003',
      count: 20,
      simulated: false,
      ofInstance: true,
    });
    const behind = await listed(`detectionId=${raised.id}`);
    expect(behind).toHaveLength(20);
    expect(behind.every(({ address, action }) => address === from && action === 'path.unknown')).toBe(true);
    await eventually(async () =>
      expect(await listed(`action=detection.raised&address=${from}`)).toMatchObject([
        { id: raised.id, reason: 'scanning', category: 'incident', level: 'warning' },
      ]),
    );
    await eventually(async () => expect((await detections(`subject=${from}`))[0].answeredAt).not.toBeNull());
  });

  test('what a page elsewhere makes browsers ask for is told, and keeps nobody of that address out', async () => {
    const from = freshAddress();
    const headers = { 'sec-fetch-site': 'cross-site' };
    for (let n = 0; n < 3; n += 1)
      await app.call('GET', '/x.png?q=%3Cscript%3Ealert(1)%3C/script%3E', { from, headers });
    for (let n = 0; n < 25; n += 1) await app.call('GET', `/api/a${n}`, { from, headers });
    await eventually(async () => {
      const [raised, ...more] = await detections(`subject=${from}`);
      expect(raised).toMatchObject({ scenario: 'injection-by-browser' });
      expect(raised.answeredAt).not.toBeNull();
      expect(more).toEqual([]);
    });
    expect((await app.call('GET', '/api/v1/auth/providers', { from })).status).toBe(200);
    // The same from a tool.
    for (let n = 0; n < 3; n += 1) await app.call('GET', '/x.png?q=%3Cscript%3Ealert(1)%3C/script%3E', { from });
    await eventually(async () =>
      expect((await app.call('GET', '/api/v1/auth/providers', { from })).json.code).toBe('banned'),
    );
  });

  test('a slow line keeps nobody out of its address whose devices, people and browsers are known; a stranger who trickles is', async () => {
    const device = await app.aDevice(admin);
    const [site, elsewhere] = [freshAddress(), freshAddress()];
    const slow = async (from: string, path: string, ...headers: string[]) => {
      const socket = await aSocket(app, from);
      const head = [`POST /api/v1${path} HTTP/1.1`, 'Host: localhost', 'Content-Type: application/json', ...headers];
      socket.write(`${[...head, 'Content-Length: 400'].join('\r\n')}\r\n\r\n{`);
      socket.resume();
      await once(socket, 'close');
    };
    const each = (count: number, one: () => Promise<void>) => Array.from({ length: count }, one);
    await Promise.all([
      ...each(24, () => slow(site, '/telemetry', `Authorization: Bearer ${device.token}`)),
      ...each(24, () => slow(site, '/devices', `Authorization: Bearer ${admin.accessToken}`)),
      ...each(24, () => slow(site, '/auth/login', 'Sec-Fetch-Site: same-origin')),
      ...each(24, () => slow(elsewhere, '/auth/login')),
    ]);
    await eventually(async () =>
      expect(await detections(`subject=${elsewhere}`)).toMatchObject([{ scenario: 'slow-requests' }]),
    );
    await eventually(async () =>
      expect((await app.call('GET', '/api/v1/auth/providers', { from: elsewhere })).json.code).toBe('banned'),
    );
    expect(await detections(`subject=${site}`)).toEqual([]);
    expect((await app.call('GET', '/api/v1/auth/providers', { from: site })).status).toBe(200);
    const told = (await listed(`address=${site}&action=request.malformed&limit=100`)).filter(
      ({ reason }) => reason === 'request_timeout',
    );
    expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(72);
    expect(told.some(({ deviceId }) => deviceId === device.id)).toBe(true);
    expect(told.some(({ user }) => user?.id === admin.userId)).toBe(true);
  });

  test('an id that was guessed too often, by somebody who is signed in', async () => {
    const person = await app.aPerson('user');
    for (let n = 0; n < 40; n += 1) await app.call('GET', `/api/v1/devices/${newId()}`, { token: person.accessToken });
    await eventually(async () =>
      expect(await detections(`subject=${person.userId}`)).toMatchObject([{ scenario: 'enumeration' }]),
    );
  });

  test('a refresh token that was used before', async () => {
    const person = await app.aPerson('user');
    const refresh = (refreshToken: string) =>
      app.call('POST', '/api/v1/auth/refresh', { body: { refreshToken }, from: freshAddress() });
    const second = (await refresh(person.refreshToken)).json.refreshToken;
    await refresh(second);
    expect((await refresh(person.refreshToken)).status).toBe(401);
    await eventually(async () =>
      expect(await detections(`subject=${person.userId}`)).toMatchObject([{ scenario: 'refresh-token-reuse' }]),
    );
  });

  test('an administrator who was invited and acts at once', async () => {
    const invited = await app.call('POST', '/api/v1/users', {
      token: admin.accessToken,
      body: { email: 'new-admin@example.org', role: 'admin' },
    });
    expect(invited.status).toBe(201);
    const token = new URL(invited.json.invitation.url).hash.split('=').pop() ?? '';
    const accepted = await app.call('POST', '/api/v1/auth/invitations/accept', {
      body: { token, password: 'quiet lamps of the seventh night' },
      headers: { origin: app.origin },
    });
    expect(accepted.status).toBe(200);
    const cookie = String(accepted.headers['set-cookie']).split(';')[0] ?? '';
    const made = await app.call('POST', '/api/v1/users', {
      cookie,
      body: { email: 'friend@example.org', role: 'user' },
      headers: { origin: app.origin },
    });
    expect(made.status).toBe(201);
    await eventually(async () =>
      expect(await detections(`subject=${invited.json.user.id}`)).toMatchObject([
        { scenario: 'new-administrator-acts' },
      ]),
    );
  });

  test('a device that comes and goes', async () => {
    const device = await app.aDevice(admin);
    for (let n = 0; n < 10; n += 1) {
      const client = await anMqttClient(app.mqttPort, { username: device.id, password: device.token });
      await client.end();
    }
    await eventually(async () =>
      expect(await detections(`subject=${device.id}`)).toMatchObject([
        { scenario: 'device-flapping', severity: 'low' },
      ]),
    );
  });

  test('a credential of a device in two places', async () => {
    const device = await app.aDevice(admin);
    const send = (from: string) =>
      app.call('POST', '/api/v1/telemetry', {
        token: device.token,
        body: { points: [{ metric: 't', value: 1 }] },
        from,
      });
    for (const from of ['127.9.3.1', '127.9.4.1', '127.9.3.1']) expect((await send(from)).status).toBe(200);
    await eventually(async () =>
      expect(await detections(`subject=${device.id}`)).toMatchObject([{ scenario: 'device-token-in-two-places' }]),
    );
  });

  test('figures are what the list counts', async () => {
    const answer = await app.call('GET', '/api/v1/security-events/statistics?range=24h', { token: admin.accessToken });
    const { failedAttempts, suspicious, events, from, to } = answer.json;
    const failed = await listed(`category=authentication&outcome=failure&from=${from}&to=${to}&limit=1000`);
    expect(failedAttempts.total).toBe(failed.reduce((sum, { count }) => sum + count, 0));
    expect(failedAttempts.uniqueAddresses).toBe(new Set(failed.map(({ address }) => address)).size);
    expect(failedAttempts.trend).toBe('increasing');
    expect(failedAttempts.peakHour).not.toBeNull();
    const all = await detections(`from=${from}&to=${to}&limit=1000`);
    expect(suspicious.total).toBe(all.length);
    expect(suspicious.byType.scanning).toBe(
      all.filter(({ scenario }: { scenario: string }) => scenario === 'scanning').length,
    );
    expect(events.byAction['device.connected']).toBeGreaterThan(0);
    // Of one that somebody made by hand it is not where they are.
    await app.freshProof(admin);
    const made = { scope: 'ip', value: '192.0.2.77', kind: 'block', seconds: 60, reason: 'seen in a test' };
    const ask = (method: string, path: string, body?: object) =>
      app.call(method, `/api/v1${path}`, { token: admin.accessToken, ...(body && { body }) });
    expect((await ask('POST', '/blocks', made)).status).toBe(201);
    const { blocked, ...span } = (await ask('GET', '/security-events/statistics?range=24h')).json;
    const query = `state=all&scope=ip&from=${span.from}&to=${span.to}&limit=1000`;
    const values = (await ask('GET', `/blocks?${query}`)).json.items.map(({ value }: { value: string }) => value);
    expect(values).toContain('192.0.2.77');
    expect([blocked.addresses, values.length > 1]).toEqual([new Set(values).size, true]);
    const theirs = await app.call('GET', '/api/v1/security-events/statistics', { token: stranger.accessToken });
    expect(theirs.json.failedAttempts.total).toBe(0);
  });
});

describe('a scenario', () => {
  const change = (person: Person, id: string, simulated: boolean) =>
    app.call('PATCH', `/api/v1/detection-scenarios/${id}`, { token: person.accessToken, body: { simulated } });

  test('is put into simulation by who has just proven who they are, recorded, and its detections say so', async () => {
    await app.database.admin.query("update sessions set verified_at = now() - interval '1 hour' where user_id = $1", [
      admin.userId,
    ]);
    expect((await change(admin, 'slow-requests', true)).json.code).toBe('step_up_required');
    await app.freshProof(admin);
    expect((await change(admin, 'device-flapping', true)).json).toMatchObject({
      id: 'device-flapping',
      simulated: true,
    });
    const { items } = (await app.call('GET', '/api/v1/detection-scenarios', { token: admin.accessToken })).json;
    expect(items.find(({ id }: { id: string }) => id === 'device-flapping').simulated).toBe(true);
    expect(items.length).toBeGreaterThanOrEqual(17);
    await eventually(async () =>
      expect(await listed('action=detection_scenario.changed')).toMatchObject([{ details: { simulated: true } }]),
    );
    const device = await app.aDevice(admin);
    for (let n = 0; n < 10; n += 1) {
      const client = await anMqttClient(app.mqttPort, { username: device.id, password: device.token });
      await client.end();
    }
    await eventually(async () =>
      expect(await detections(`subject=${device.id}`)).toMatchObject([
        { scenario: 'device-flapping', simulated: true },
      ]),
    );
  });

  test('is not for another organisation to change, nor is one that is not there', async () => {
    await app.freshProof(stranger);
    expect((await change(stranger, 'scanning', true)).status).toBe(403);
    await app.freshProof(admin);
    expect((await change(admin, 'no-such-scenario', true)).status).toBe(404);
  });
});
