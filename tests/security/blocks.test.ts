import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { deviceTopics, telemetryTopics } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { manualClock } from '../../server/src/lib/clock.ts';
import { tokenPrefixes } from '../../server/src/security/crypto/tokens.ts';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { anMqttClient } from '../support/mqtt-client.ts';

// What is decided about addresses, people and devices, at the doors of two servers. How decisions come about is tested beside them
// (server/src/security/shield/decisions.test.ts).

const clock = manualClock(Date.now());
let app: TestApp;
let beside: TestApp;
let admin: Person;
let device: { id: string; token: string };

beforeAll(async () => {
  const env = {
    VALTRONICS_TRUSTED_PROXIES: '127.250.0.0/16',
    VALTRONICS_ALLOW_LIST: '127.251.0.1',
    VALTRONICS_ACCESS_TOKEN_MINUTES: '60',
  };
  app = await anApp({ clock, env, webFolder: import.meta.dirname });
  beside = await anApp({ clock, env, webFolder: import.meta.dirname, beside: app });
  admin = await app.aPerson('admin');
  device = await app.aDevice(admin);
});
beforeEach(async () => {
  clock.advance(5_000);
  await app.freshProof(admin);
});
afterAll(async () => {
  await beside?.stop();
  await app?.stop();
});

const api = (method: string, path: string, body?: unknown, as: Person = admin, at: TestApp = app) =>
  at.call(method, `/api/v1${path}`, { token: as.accessToken, ...(body === undefined ? {} : { body }) });
const decide = async (scope: string, value: string, kind: 'block' | 'ban', seconds = 3_600) => {
  const made = await api('POST', '/blocks', { scope, value, kind, seconds, reason: 'seen in a test' });
  expect([made.status, made.text]).toEqual([201, expect.any(String)]);
  return made.json;
};
const lift = (id: string) => api('POST', `/blocks/${id}/lift`, {});
const me = (from: string, token: string, at: TestApp = app) => at.call('GET', '/api/v1/auth/me', { token, from });
const signIn = (from: string, at: TestApp = app) =>
  at.call('POST', '/api/v1/auth/login', { body: { email: admin.email, password: admin.password }, from });
async function within<T>(ms: number, look: () => Promise<T> | T, expected: T): Promise<void> {
  const deadline = Date.now() + ms;
  let seen = await look();
  while (Date.now() < deadline && JSON.stringify(seen) !== JSON.stringify(expected)) {
    await sleep(20);
    seen = await look();
  }
  expect(seen).toEqual(expected);
}
function live(at: TestApp, from: string, token: string): Promise<{ socket: WebSocket; closed: Promise<number> }> {
  const socket = new WebSocket(`wss://127.0.0.1:${at.httpPort}/api/v1/live`, {
    rejectUnauthorized: false,
    localAddress: from,
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'auth', token })));
    socket.once('open', () => socket.send(JSON.stringify({ type: 'ping' })));
    socket.once('message', () => resolve({ socket, closed }));
  });
}
const mqtt = (at: TestApp, from: string, as = device) =>
  anMqttClient(at.mqttPort, { username: as.id, password: as.token, localAddress: from } as Parameters<
    typeof anMqttClient
  >[1]);
const inTime = (closed: Promise<unknown>) =>
  Promise.race([closed, sleep(1_000).then(() => 'still open after a second')]);

describe('a blocked address', () => {
  it('lets what was let in before go on, on every transport, and nobody new in', async () => {
    const from = freshAddress();
    const [socket, client] = [await live(app, from, admin.accessToken), await mqtt(app, from)];
    const block = await decide('ip', from, 'block');
    await sleep(300);
    expect([(await me(from, admin.accessToken)).status, (await signIn(from)).json.code]).toEqual([
      200,
      'address_blocked',
    ]);
    expect((await app.call('GET', '/api/v1/auth/me', { from })).json.code).toBe('address_blocked');
    expect(socket.socket.readyState).toBe(WebSocket.OPEN);
    await client
      .publish(telemetryTopics.points.pattern.replace('{deviceId}', device.id), '{"points":[]}')
      .catch(() => undefined);
    expect(client.client.connected).toBe(true);
    // A device with a good token comes in, as a token does over HTTP.
    await (await mqtt(app, from)).end();
    socket.socket.close();
    await lift(block.id);
    expect((await signIn(from)).status).toBe(200);
  });
});

describe('a banned address', () => {
  it('is shut out within a second on both servers: sessions, sockets, devices, pages and probes', async () => {
    const from = freshAddress();
    const sockets = [await live(app, from, admin.accessToken), await live(beside, from, admin.accessToken)];
    const clients = [await mqtt(app, from), await mqtt(beside, from, await app.aDevice(admin))];
    const block = await decide('ip', from, 'ban');
    const ends = await Promise.all([...sockets, ...clients].map(({ closed }) => inTime(closed)));
    expect(ends).toEqual([4403, 4403, undefined, undefined]);
    for (const at of [app, beside]) {
      await within(1_000, async () => (await me(from, admin.accessToken, at)).json.code, 'banned');
      const refused = await me(from, admin.accessToken, at);
      expect([refused.status, refused.json.detail]).toEqual([403, expect.stringMatching(/until \S+Z: seen in a test/)]);
      expect((await signIn(from, at)).json.code).toBe('banned');
      for (const path of ['/', '/nowhere', '/health/live', '/api/v1/nothing'])
        expect([path, (await at.call('GET', path, { from })).json?.code]).toEqual([path, 'banned']);
      await expect(mqtt(at, from)).rejects.toThrow(/Not authorized/);
      await expect(live(at, from, admin.accessToken)).rejects.toThrow(/403/);
    }
    expect((await me(freshAddress(), admin.accessToken)).status).toBe(200);
    expect((await lift(block.id)).json).toMatchObject({
      state: 'lifted',
      liftedBy: { id: admin.userId, label: admin.email },
    });
    for (const at of [app, beside])
      await within(1_000, async () => (await me(from, admin.accessToken, at)).status, 200);
  });

  it('ends by itself, to the second', async () => {
    const from = freshAddress();
    await decide('ip', from, 'ban', 60);
    clock.advance(59_999);
    expect((await me(from, admin.accessToken)).status).toBe(403);
    clock.advance(1);
    expect((await me(from, admin.accessToken)).status).toBe(200);
  });

  it('by a range is the same, and the allow-list and trusted proxies stay out of it', async () => {
    const refused = await api('POST', '/blocks', {
      scope: 'range',
      value: '127.251.0.0/16',
      kind: 'ban',
      seconds: 60,
      reason: 'x',
    });
    expect([refused.status, refused.json.detail]).toEqual([409, expect.stringContaining('127.251.0.1')]);
    for (const value of ['127.250.7.7', '127.251.0.1', '::ffff:127.251.0.1'])
      expect([
        value,
        (await api('POST', '/blocks', { scope: 'ip', value, kind: 'block', seconds: 60, reason: 'x' })).status,
      ]).toEqual([value, 409]);
    const block = await decide('range', '127.252.16.9/20', 'ban');
    expect(block).toMatchObject({ scope: 'range', value: '127.252.16.0/20' });
    expect((await me('127.252.31.255', admin.accessToken)).json.code).toBe('banned');
    expect((await me('127.252.32.1', admin.accessToken)).status).toBe(200);
    // Behind a proxy it is the client that is banned.
    const behind = { token: admin.accessToken, from: '127.250.0.9' };
    const forwarded = (client: string) =>
      app.call('GET', '/api/v1/auth/me', { ...behind, headers: { 'x-forwarded-for': client } });
    expect([(await forwarded('127.252.16.1')).status, (await forwarded('192.0.2.7')).status]).toEqual([403, 200]);
    await lift(block.id);
  });
});

describe('a person and a device', () => {
  it('are kept out themselves, wherever they come from, with every credential, on both servers', async () => {
    const operator = await app.aPerson('operator');
    const socket = await live(beside, freshAddress(), operator.accessToken);
    const block = await decide('user', operator.userId, 'block');
    expect(block).toMatchObject({ label: operator.email });
    expect(await inTime(socket.closed)).toBe(4403);
    for (const at of [app, beside]) {
      await within(1_000, async () => (await me(freshAddress(), operator.accessToken, at)).json.code, 'blocked');
    }
    await lift(block.id);
    expect((await me(freshAddress(), operator.accessToken)).status).toBe(200);
  });

  it('a person is told at sign-in until when and why, once everything is proven, and is let in nowhere', async () => {
    const operator = await app.aPerson('operator');
    const block = await decide('user', operator.userId, 'block');
    const { email, password } = operator;
    const sessions = async () =>
      (await app.database.admin.query('select 1 from sessions where user_id = $1', [operator.userId])).rows.length;
    const before = await sessions();
    for (const at of [app, beside])
      await within(1_000, async () => (await me(freshAddress(), operator.accessToken, at)).json.code, 'blocked');
    for (const at of [app, beside])
      for (const path of ['/auth/login', '/auth/session']) {
        const attempt = (secret: string) =>
          at.call('POST', `/api/v1${path}`, {
            body: { email, password: secret },
            from: freshAddress(),
            headers: { origin: at.origin },
          });
        const refused = await attempt(password);
        expect([refused.json.code, refused.status, refused.headers['set-cookie']]).toEqual(['blocked', 403, undefined]);
        expect(refused.json.detail).toMatch(/^This account is blocked until .*Z: seen in a test\.$/);
        // Whoever does not know the password is told what everybody is told.
        expect((await attempt(`not ${password}`)).json.code).toBe('invalid_credentials');
      }
    const renewed = (token: string) => app.call('POST', '/api/v1/auth/refresh', { body: { refreshToken: token } });
    expect((await renewed(operator.refreshToken)).json.code).toBe('blocked');
    expect(await sessions()).toBe(before);
    const { rows } = await app.database.admin.query(
      `select details from audit_events where event = 'session.refused' and resource_id = $1 and details ? 'block'`,
      [operator.userId],
    );
    expect(rows.map(({ details }) => details)).toEqual(Array(4).fill({ block: block.id }));
    await lift(block.id);
    expect((await renewed(operator.refreshToken)).status).toBe(200);
    expect((await app.call('POST', '/api/v1/auth/login', { body: { email, password } })).status).toBe(200);
  });

  it('a device is disconnected and refused over MQTT and HTTP, and others are not', async () => {
    const [bad, good] = [await app.aDevice(admin), await app.aDevice(admin)];
    const [client, other] = [await mqtt(beside, freshAddress(), bad), await mqtt(beside, freshAddress(), good)];
    const block = await decide('device', bad.id, 'block');
    expect(block).toMatchObject({ label: 'A device' });
    expect(await inTime(client.closed)).toBeUndefined();
    await expect(mqtt(app, freshAddress(), bad)).rejects.toThrow(/Not authorized/);
    const send = (as: { token: string }) =>
      app.call('POST', '/api/v1/telemetry', {
        token: as.token,
        body: { points: [{ metric: 'temperature', value: 1 }] },
        from: freshAddress(),
      });
    expect([(await send(bad)).json.code, (await send(good)).status]).toEqual(['blocked', 200]);
    expect(other.client.connected).toBe(true);
    expect(await other.subscribe(deviceTopics.errors.pattern.replace('{deviceId}', good.id))).toEqual([1]);
    await other.end();
    await lift(block.id);
    await (await mqtt(app, freshAddress(), bad)).end();
  });

  it('of another organisation, or nobody, or oneself cannot be blocked', async () => {
    const stranger = await app.aPerson('admin', await app.anotherOrganisation());
    for (const value of [stranger.userId, '0198c0de-0000-7000-8000-000000000000', 'nobody'])
      expect(
        (await api('POST', '/blocks', { scope: 'user', value, kind: 'block', seconds: 60, reason: 'x' })).status,
      ).toBe(400);
    const self = await api('POST', '/blocks', {
      scope: 'user',
      value: admin.userId,
      kind: 'ban',
      seconds: 60,
      reason: 'x',
    });
    expect([self.status, self.json.detail]).toEqual([409, 'This would keep out yourself.']);
    const home = await api('POST', '/blocks', {
      scope: 'range',
      value: '127.0.0.0/24',
      kind: 'ban',
      seconds: 60,
      reason: 'x',
    });
    expect(home.status).toBe(409);
    const host = await api('POST', '/blocks', {
      scope: 'ip',
      value: '127.0.0.1',
      kind: 'ban',
      seconds: 60,
      reason: 'x',
    });
    expect(host.json.detail).toMatch(/^A ban of the host itself/);
  });
});

describe('the lists', () => {
  it('show what is in force, what ended and why, a page at a time, and by address the networks it is in', async () => {
    const [one, two] = [freshAddress(), '127.253.4.9'];
    const first = await decide('ip', one, 'ban');
    clock.advance(1_000);
    const range = await decide('range', `${two}/24`, 'block');
    await lift(first.id);
    const find = async (query: string) =>
      (await api('GET', `/blocks?${query}`)).json.items.map(({ id }: { id: string }) => id);
    expect(await find(`value=${one}`)).toEqual([]);
    expect(await find(`value=${one}&state=ended`)).toEqual([first.id]);
    expect(await find(`value=${two}`)).toEqual([range.id]);
    expect(await find(`scope=range&state=all&value=${two}`)).toEqual([range.id]);
    expect(await find(`state=all&from=${range.createdAt}`)).toEqual([range.id]);
    expect(await find(`state=all&to=${range.createdAt}&value=${one}`)).toEqual([first.id]);
    const page = (await api('GET', '/blocks?state=all&limit=1')).json;
    const next = (await api('GET', `/blocks?state=all&limit=1&cursor=${page.nextCursor}`)).json;
    expect([page.items[0].id, next.items[0].id]).toEqual([range.id, first.id]);
    expect((await api('GET', `/blocks/${first.id}`)).json).toMatchObject({
      scope: 'ip',
      value: one,
      kind: 'ban',
      origin: 'manual',
      state: 'lifted',
      reason: 'seen in a test',
      nth: 1,
      createdBy: { id: admin.userId, label: admin.email },
      graceUntil: new Date(clock.now() + 600_000).toISOString(),
    });
    expect((await lift(first.id)).status).toBe(409);
    expect((await lift('0198c0de-0000-7000-8000-000000000000')).status).toBe(404);
    const events = await app.database.admin.query(
      `select event, actor_id, details->>'scope' as scope, details->>'value' as value from audit_events
       where resource_id = $1 order by at`,
      [first.id],
    );
    const by = { actor_id: admin.userId, scope: 'ip', value: one };
    expect(events.rows).toEqual([
      { event: 'block.created', ...by },
      { event: 'block.lifted', ...by },
    ]);
    await lift(range.id);
  });

  it('of addresses are for who runs the instance; another organisation sees and makes its own only', async () => {
    const from = freshAddress();
    const block = await decide('ip', from, 'block');
    const elsewhere = await app.anotherOrganisation();
    const [stranger, theirs] = [await app.aPerson('admin', elsewhere), await app.aPerson('user', elsewhere)];
    await app.freshProof(stranger);
    const ask = (method: string, path: string, body?: unknown) => api(method, path, body, stranger);
    expect((await ask('GET', '/blocks?state=all')).json.items).toEqual([]);
    expect([
      (await ask('GET', `/blocks/${block.id}`)).status,
      (await ask('POST', `/blocks/${block.id}/lift`, {})).status,
    ]).toEqual([404, 404]);
    const made = await ask('POST', '/blocks', {
      scope: 'ip',
      value: freshAddress(),
      kind: 'block',
      seconds: 60,
      reason: 'x',
    });
    expect([made.status, made.json.code]).toEqual([403, 'forbidden']);
    expect((await ask('POST', '/allow-list', { network: from })).status).toBe(403);
    expect((await ask('GET', '/allow-list')).json.items).toEqual([]);
    expect((await ask('POST', '/bouncers', { name: 'x' })).status).toBe(403);
    const own = await ask('POST', '/blocks', {
      scope: 'user',
      value: theirs.userId,
      kind: 'block',
      seconds: 60,
      reason: 'x',
    });
    expect([own.status, (await ask('GET', '/blocks')).json.items.length]).toEqual([201, 1]);
    expect((await api('GET', `/blocks/${own.json.id}`)).status).toBe(404);
    await lift(block.id);
  });

  it('the server cannot lift for nobody: what runs for strangers can block and no more', async () => {
    const block = await decide('ip', freshAddress(), 'block');
    const asNobody = await app.database.server.query(
      `update blocks set lifted_at = now(), lifted_by = 'x' where id = $1 returning id`,
      [block.id],
    );
    expect(asNobody.rows).toEqual([]);
    await lift(block.id);
  });

  it('on the host every block is listed and lifted, whoever made it', async () => {
    const from = freshAddress();
    const block = await decide('ip', from, 'ban');
    const listed = await app.app.hostCommands['blocks.list'](0, {});
    expect(listed.items).toContainEqual(
      expect.objectContaining({ id: block.id, kind: 'ban', origin: 'manual', nth: 1 }),
    );
    await app.app.hostCommands['blocks.lift'](0, { which: from });
    expect((await me(from, admin.accessToken)).status).toBe(200);
    expect((await api('GET', `/blocks/${block.id}`)).json).toMatchObject({
      state: 'lifted',
      liftedBy: { id: 'cli:0' },
    });
  });
});

describe('the allow-list', () => {
  it('lifts what is in force, wins from then on, and is audited; settings stand in it and cannot be removed', async () => {
    const from = freshAddress();
    const block = await decide('ip', from, 'ban');
    const around = await decide('range', `${from}/30`, 'ban');
    const added = await api('POST', '/allow-list', { network: from, note: 'the clinic' });
    expect(added.json).toMatchObject({ lifted: 2, entry: { network: from, source: 'managed', note: 'the clinic' } });
    for (const { id } of [block, around]) expect((await api('GET', `/blocks/${id}`)).json.state).toBe('lifted');
    for (const at of [app, beside])
      await within(1_000, async () => (await me(from, admin.accessToken, at)).status, 200);
    expect(
      (await api('POST', '/blocks', { scope: 'ip', value: from, kind: 'ban', seconds: 60, reason: 'x' })).status,
    ).toBe(409);
    for (let n = 0; n < 6; n += 1) {
      clock.advance(1_000);
      const guess = { refreshToken: `${tokenPrefixes.refresh}${'A'.repeat(43)}` };
      expect((await app.call('POST', '/api/v1/auth/refresh', { body: guess, from })).status).toBe(401);
    }
    expect((await api('POST', '/allow-list', { network: from })).status).toBe(409);
    const { items } = (await api('GET', '/allow-list')).json;
    expect(
      items.map(({ network, source, id }: { network: string; source: string; id: string | null }) => [
        network,
        source,
        id !== null,
      ]),
    ).toEqual([
      ['127.250.0.0/16', 'trusted_proxy', false],
      ['127.251.0.1', 'setting', false],
      [from, 'managed', true],
    ]);
    for (const network of ['0.0.0.0/0', '10.0.0.0/7', 'everybody', '::/8'])
      expect([network, (await api('POST', '/allow-list', { network })).status]).toEqual([network, 400]);
    expect((await api('DELETE', `/allow-list/${added.json.entry.id}`)).status).toBe(204);
    expect((await api('DELETE', `/allow-list/${added.json.entry.id}`)).status).toBe(404);
    const again = await decide('ip', from, 'ban');
    await within(1_000, async () => (await me(from, admin.accessToken, beside)).json.code, 'banned');
    await lift(again.id);
  });
});

describe('firewalls elsewhere', () => {
  const gateway = `gateway ${randomUUID()}`;
  const ask = (key: string, query = '') =>
    app.call('GET', `/v1/decisions/stream${query}`, { headers: { 'x-api-key': key, 'user-agent': 'a-bouncer/1.0' } });

  /** Long enough that nothing from before is told again. */
  const settled = async (key: string) => {
    for (let n = 0; n < 2; n += 1) {
      clock.advance(40_000);
      await ask(key);
    }
  };

  it('are told again what they may not have heard: one answer may be lost, and another server may have had the question', async () => {
    const { key, bouncer } = (await api('POST', '/bouncers', { name: `deaf ${gateway}` })).json;
    const from = freshAddress();
    const early = await decide('ip', from, 'ban');
    await ask(key, '?startup=true');
    await settled(key);
    clock.advance(60_000);
    const late = await decide('ip', freshAddress(), 'ban');
    await lift(early.id);
    const answer = { new: [{ value: late.value }], deleted: [{ value: from }] };
    clock.advance(1_000);
    expect((await ask(key)).json).toMatchObject(answer);
    // As if that had never arrived; this firewall asks seldom.
    clock.advance(60_000);
    expect((await ask(key)).json).toMatchObject(answer);
    clock.advance(60_000);
    await ask(key);
    clock.advance(60_000);
    expect((await ask(key)).json).toEqual({ new: [], deleted: [] });
    const elsewhere = await beside.call('GET', '/v1/decisions/stream', { headers: { 'x-api-key': key } });
    for (const [told, value] of [
      [elsewhere.json.new, late.value],
      [elsewhere.json.deleted, from],
    ])
      expect(told.map((one: { value: string }) => one.value)).toContain(value);
    await app.freshProof(admin);
    await api('DELETE', `/bouncers/${bouncer.id}`);
    await lift(late.id);
  });

  it('are told of bans of addresses and networks, all of them at first, then what came and went', async () => {
    const made = await api('POST', '/bouncers', { name: gateway });
    expect(made.json).toMatchObject({
      key: expect.stringMatching(/^vtb_/),
      bouncer: { name: gateway, lastSeenAt: null },
    });
    const { key, bouncer } = made.json;
    const from = freshAddress();
    const [ban, soft] = [await decide('ip', from, 'ban'), await decide('ip', freshAddress(), 'block')];
    const range = await decide('range', '203.0.113.0/24', 'ban');
    const six = await decide('ip', '2001:db8:7:1::9', 'ban');
    const person = await decide('user', (await app.aPerson('user')).userId, 'ban');
    const all = (await ask(key, '?startup=true')).json;
    const values = ({ new: fresh }: { new: { scope: string; value: string }[] }) =>
      fresh.map(({ scope, value }) => [scope, value]).sort();
    expect(values(all)).toEqual(
      [
        ['Ip', from],
        ['Range', '2001:db8:7:1::/64'],
        ['Range', '203.0.113.0/24'],
      ].sort(),
    );
    expect(all.deleted).toEqual([]);
    expect(all.new[0]).toEqual({
      id: expect.any(Number),
      origin: 'valtronics',
      type: 'ban',
      scope: expect.any(String),
      value: expect.any(String),
      scenario: 'valtronics/manual',
      duration: '3600s',
    });
    expect(values((await ask(key, '?startup=true&scopes=ip')).json)).toEqual([['Ip', from]]);
    await settled(key);
    expect((await ask(key)).json).toEqual({ new: [], deleted: [] });
    clock.advance(10_000);
    const next = await decide('ip', freshAddress(), 'ban', 100);
    await lift(ban.id);
    const delta = (await ask(key)).json;
    expect(values(delta)).toEqual([['Ip', next.value]]);
    expect(delta.deleted).toMatchObject([
      { scope: 'Ip', value: from, id: all.new.find((one: { value: string }) => one.value === from).id },
    ]);
    await settled(key);
    clock.advance(30_000);
    expect((await ask(key)).json.deleted).toMatchObject([{ value: next.value, duration: '-10s' }]);
    await settled(key);
    await app.freshProof(admin);
    // What a network on the allow-list touches is not for firewalls to drop.
    await api('POST', '/allow-list', { network: '203.0.113.8' });
    expect((await ask(key)).json.deleted).toMatchObject([{ value: '203.0.113.0/24' }]);
    expect((await api('GET', '/bouncers')).json.items).toMatchObject([
      { id: bouncer.id, userAgent: 'a-bouncer/1.0', lastAddress: '127.0.0.1' },
    ]);
    const hashes = await app.database.admin.query('select encode(key_hash, $1) as hash from bouncers', ['hex']);
    expect(hashes.rows[0].hash).toMatch(/^[0-9a-f]{64}$/);
    await api('DELETE', `/bouncers/${bouncer.id}`);
    expect((await ask(key)).status).toBe(401);
    for (const { id } of [soft, six, person]) await lift(id);
    expect((await lift(range.id)).status).toBe(409);
  });

  it('are let in by their key alone, and their key opens nothing else', async () => {
    const { key } = (await api('POST', '/bouncers', { name: `another ${gateway}` })).json;
    for (const bad of ['', 'x', `vtb_${'A'.repeat(43)}`, key.slice(0, -1)])
      expect([bad, (await ask(bad)).status]).toEqual([bad, 401]);
    const headers = { 'x-api-key': key };
    expect((await app.call('GET', '/api/v1/blocks', { headers })).status).toBe(401);
    expect((await app.call('GET', '/api/v1/blocks', { token: key })).status).toBe(401);
    expect((await app.call('GET', '/v1/decisions/stream', { headers, token: admin.accessToken })).status).toBe(403);
    expect((await api('POST', '/bouncers', { name: `another ${gateway}` })).status).toBe(409);
  });
});
