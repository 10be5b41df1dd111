// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what attacks look like
import { deviceTopics } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aLiveClient } from '../support/live.ts';
import { anMqttClient, eventually } from '../support/mqtt-client.ts';

// The inspection at the three doors of a real server: what it refuses, what it only tells, what it leaves alone.

const ATTACK = "x' union select email, password_hash from users --";
let app: TestApp;
let admin: Person;
let device: { id: string; token: string };

beforeAll(async () => {
  app = await anApp();
  admin = await app.aPerson('admin');
  device = await app.aDevice(admin);
});
afterAll(() => app?.stop());

interface Row {
  action: string;
  reason: string;
  user_id: string | null;
  device_id: string | null;
  transport: string;
  details: { class: string; where: string; score: number; excerpt: string };
}
/** What was reported from that address, once it is in the table. */
async function told(address: string): Promise<Row[]> {
  let rows: Row[] = [];
  await eventually('the event is in the table', async () => {
    const found = await app.database.admin.query<Row>(
      `select action, reason, user_id, device_id, transport, details from security_events
       where host(source_address) = $1 and action like 'request.%' order by position`,
      [address],
    );
    rows = found.rows;
    return rows.length > 0;
  });
  return rows;
}

describe('HTTP', () => {
  it('refuses an attack in the query, and says where it stood', async () => {
    const from = freshAddress();
    const answer = await app.call('GET', `/api/v1/devices?text=${encodeURIComponent(ATTACK)}`, {
      token: admin.accessToken,
      from,
    });
    expectProblem(answer, 403, 'request_blocked');
    expect(answer.json.detail).toBe('What stands in query.text looks like an attack.');
    expect(answer.text).not.toContain('sql');
    const [event] = await told(from);
    expect(event).toMatchObject({
      action: 'request.blocked',
      user_id: admin.userId,
      transport: 'http',
      details: { class: 'sql_injection', where: 'query.text' },
    });
    expect(event?.reason).toMatch(/^sql\./);
    expect(event?.details.excerpt).not.toContain('email');
  });

  it.each([
    ['a header', { headers: { 'x-api-version': '${jndi:dns://x.example/a}' } }, 'jndi_injection'],
    ['the name of a tool', { headers: { 'user-agent': 'sqlmap/1.7.2#stable (https://sqlmap.org)' } }, 'scanner'],
    [
      'a body',
      { method: 'POST', body: { name: '<img src=x onerror=alert(1)>', type: 'pump' } },
      'cross_site_scripting',
    ],
    [
      'a key of a body',
      { method: 'POST', body: { name: 'pump', type: 'pump', metadata: { $where: '1' } } },
      'nosql_injection',
    ],
  ])(
    'refuses it in %s',
    async (_, {
      method = 'GET',
      ...options
    }: { method?: string; headers?: Record<string, string>; body?: unknown }, attackClass) => {
      const from = freshAddress();
      const answer = await app.call(method, '/api/v1/devices', { token: admin.accessToken, from, ...options });
      expectProblem(answer, 403, 'request_blocked');
      expect(await told(from)).toMatchObject([{ action: 'request.blocked', details: { class: attackClass } }]);
    },
  );

  it('refuses it before anybody is asked who they are, and where nothing is', async () => {
    for (const [path, status, code] of [
      ['/api/v1/devices?id=1%20or%201=1--', 403, 'request_blocked'],
      // What is not there answers like everything that is not there.
      ['/nothing/..%2f..%2f..%2fetc/passwd', 404, 'not_found'],
      ['/devices?text=<script>alert(1)</script>', 404, 'not_found'],
    ] as const) {
      const from = freshAddress();
      expectProblem(await app.call('GET', path, { from }), status, code);
      expect(await told(from)).toMatchObject([{ action: 'request.blocked', user_id: null }]);
    }
  });

  it('tells of a scanner’s path, which is missing like any other', async () => {
    const from = freshAddress();
    expectProblem(await app.call('GET', '/phpmyadmin/index.php', { from }), 404, 'not_found');
    expect(await told(from)).toMatchObject([{ action: 'request.suspicious', reason: 'scanner.path' }]);
  });

  it('a body that cannot be read is refused for that, and what it was meant to be is told', async () => {
    const from = freshAddress();
    const rawBody = '{"name": {"__proto__": {"isAdmin": true}}, "type": "pump"}';
    const headers = { 'content-type': 'application/json' };
    const answer = await app.call('POST', '/api/v1/devices', { token: admin.accessToken, from, rawBody, headers });
    expectProblem(answer, 400, 'invalid_request');
    const events = await told(from);
    expect(events).toContainEqual(
      expect.objectContaining({ action: 'request.suspicious', reason: 'pollution.prototype' }),
    );
  });

  it('a password may be anything, and is compared as it was typed', async () => {
    const password = `' or 1=1 -- <script>alert("${ATTACK}")</script>`;
    const from = freshAddress();
    const change = await app.call('POST', '/api/v1/auth/password', {
      token: admin.accessToken,
      from,
      body: { currentPassword: admin.password, newPassword: password },
    });
    expect(change.status, change.text).toBe(204);
    const login = await app.call('POST', '/api/v1/auth/login', {
      from: freshAddress(),
      body: { email: admin.email, password },
    });
    expect(login.status, login.text).toBe(200);
    admin = { ...admin, accessToken: login.json.accessToken, password };
    const wrong = await app.call('POST', '/api/v1/auth/login', {
      from,
      body: { email: admin.email, password: ATTACK },
    });
    expectProblem(wrong, 401, 'invalid_credentials');
  });

  it('what a technician writes down is taken, and told', async () => {
    const from = freshAddress();
    const description = 'reset with: x; cat /etc/passwd | sh';
    const answer = await app.call('PATCH', `/api/v1/devices/${device.id}`, {
      token: admin.accessToken,
      from,
      body: { description },
    });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json.description).toBe(description);
    expect(await told(from)).toMatchObject([{ action: 'request.suspicious', details: { where: 'body.description' } }]);
  });

  it('of measurements with an attack among them that one is refused, and all of them where nothing else is left', async () => {
    const from = freshAddress();
    const send = (points: unknown) =>
      app.call('POST', '/api/v1/telemetry', { token: device.token, from, body: { points } });
    expect((await send([{ metric: 'temperature', value: 1 }])).status).toBe(200);
    expect((await send([{ metric: 'state', value: "O'Brien's mode: 5 °C & up", unit: '%' }])).status).toBe(200);
    const mixed = await send([
      { metric: 'a', value: 1 },
      { metric: 'state', value: ATTACK },
      { metric: 'a', value: 2 },
    ]);
    expect(mixed.status, mixed.text).toBe(200);
    expect(mixed.json).toMatchObject({ accepted: 2, rejected: [{ index: 1, code: 'request_blocked' }] });
    expect(mixed.text).not.toContain('union');
    expect(await told(from)).toMatchObject([
      { action: 'request.blocked', device_id: device.id, details: { where: 'body.points[1].value' } },
    ]);
    expectProblem(await send([{ metric: 'state', value: ATTACK }]), 403, 'request_blocked');
    const many = Array.from({ length: 12 }, () => ({ metric: 'state', value: ATTACK }));
    expectProblem(await send([...many, { metric: 'a', value: 3 }]), 403, 'request_blocked');
    const { rows } = await app.database.admin.query(
      `select 1 from points p join series s on s.id = p.series_id where device_id = $1 and metric in ('a', 'state')`,
      [device.id],
    );
    expect(rows).toHaveLength(3);
  });
});

describe('MQTT and WebSocket', () => {
  it('a handshake is read like any request: its address line and its headers', async () => {
    const handshake = async (path: string, from: string, headers: Record<string, string> = {}): Promise<number> => {
      const answer = await app.call('GET', path, {
        from,
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          ...headers,
        },
      });
      return answer.status;
    };
    const inHeader = freshAddress();
    expect(await handshake('/api/v1/live', inHeader, { 'x-api-version': '${jndi:dns://x.example/a}' })).toBe(403);
    expect(await told(inHeader)).toMatchObject([
      {
        action: 'request.blocked',
        transport: 'websocket',
        details: { class: 'jndi_injection', where: 'header.x-api-version' },
      },
    ]);
    const inQuery = freshAddress();
    expect(await handshake(`/api/v1/live?text=${encodeURIComponent(ATTACK)}`, inQuery)).toBe(404);
    expect(await told(inQuery)).toMatchObject([
      { action: 'request.blocked', transport: 'websocket', details: { where: 'query.text' } },
    ]);
  });

  it('a message with an attack is acknowledged, told on the errors topic and not stored', async () => {
    const client = await anMqttClient(app.mqttPort, { username: device.id, password: device.token, ca: app.ca });
    const errors = deviceTopics.errors.pattern.replace('{deviceId}', device.id);
    await client.subscribe(errors);
    const topic = `valtronics/devices/${device.id}/telemetry`;
    await client.publish(topic, JSON.stringify({ points: [{ metric: 'mqtt_state', value: ATTACK }] }), 1);
    await client.publish(topic, JSON.stringify({ points: [{ metric: 'mqtt_state', value: 'fine' }] }), 1);
    await eventually('the problem is told', () => client.received.length > 0);
    expect(JSON.parse(client.received[0]?.text ?? '')).toMatchObject({ code: 'request_blocked', topic });
    const { rows } = await app.database.admin.query(
      `select txt from points p join series s on s.id = p.series_id where device_id = $1 and metric = 'mqtt_state'`,
      [device.id],
    );
    expect(rows).toEqual([{ txt: 'fine' }]);
    await client.end();
  });

  it('a request over the WebSocket with an attack is answered with the problem, and the connection goes on', async () => {
    const client = await aLiveClient(app, device.token);
    client.say({ type: 'publish', id: 1, points: [{ metric: 'live_state', value: ATTACK }] });
    expect(await client.next()).toMatchObject({ type: 'error', id: 1, problem: { code: 'request_blocked' } });
    const points = [ATTACK, 'fine'].map((value) => ({ metric: 'live_state', value }));
    client.say({ type: 'publish', id: 2, points });
    expect(await client.next()).toMatchObject({
      id: 2,
      accepted: 1,
      rejected: [{ index: 0, code: 'request_blocked' }],
    });
    client.say({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
    client.socket.close();
  });
});
