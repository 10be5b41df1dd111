import { deviceTopics, telemetryTopics } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { manualClock } from '../../server/src/lib/clock.ts';
import { newOpaqueToken, tokenPrefixes } from '../../server/src/security/crypto/tokens.ts';
import { type Answer, type CallOptions, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aMailServer, type TestMailServer } from '../support/mail-server.ts';
import { anMqttClient } from '../support/mqtt-client.ts';
import { aSignInTest, type SignInTest } from '../support/signing-in.ts';

// What guessers meet at the doors. The rules themselves are tested beside them (server/src/security/shield/guessing.test.ts).

const clock = manualClock(Date.now());
let test: SignInTest;
let mail: TestMailServer;
let app: TestApp;
let admin: Person;
let device: { id: string; token: string };

beforeAll(async () => {
  mail = await aMailServer();
  test = await aSignInTest(clock, { VALTRONICS_SMTP_URL: mail.url });
  app = test.app;
  admin = await test.person('admin');
  device = await app.aDevice(admin);
});
// Everything the rate of sign-ins has to say is forgotten from one test to the next, nothing that an hour has to say.
beforeEach(() => clock.advance(5_000));
afterAll(async () => {
  await app?.stop();
  mail?.close();
});

const WRONG = 'not the password of anybody';
const guessToken = { refreshToken: `${tokenPrefixes.refresh}${'A'.repeat(43)}` };
const pointOf = (metric: string) => ({ points: [{ metric, value: 21.5 }] });

async function fail(
  times: number,
  from: string,
  path = '/auth/refresh',
  body: unknown = guessToken,
  options: CallOptions = {},
) {
  const answers: Answer[] = [];
  for (let n = 0; n < times; n += 1) {
    clock.advance(1_000);
    answers.push(await test.post(path, body, { from, ...options }));
  }
  return answers.map(({ status }) => status);
}
async function aBlockedAddress(): Promise<string> {
  const from = freshAddress();
  expect(await fail(5, from)).toEqual([401, 401, 401, 401, 401]);
  return from;
}
function expectBlocked(answer: Answer): void {
  expect([answer.status, answer.json?.code]).toEqual([429, 'address_blocked']);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  expect(answer.json.detail).toMatch(/until \d{4}-\d\d-\d\dT[\d:.]+Z: .*within an hour/);
}

describe('the fifth failure within an hour blocks the address', () => {
  const invitation = { token: `${tokenPrefixes.invitation}${'A'.repeat(43)}` };
  const headers = () => ({ origin: app.origin });
  const credentials = () => ({ email: admin.email, password: WRONG });
  it.each([
    ['/auth/login', credentials],
    ['/auth/session', credentials],
    ['/auth/refresh', () => guessToken],
    ['/auth/logout', () => guessToken],
    ['/auth/invitations/inspect', () => invitation],
    ['/auth/invitations/accept', () => ({ ...invitation, password: WRONG })],
  ])('[ASVS 6.3.1] at %s, for 300 seconds', async (path, body) => {
    const from = freshAddress();
    const post = () => test.post(path, body(), { from, headers: headers() });
    const refused = path.includes('invitations') ? 410 : 401;
    expect(await fail(5, from, path, body(), { headers: headers() })).toEqual(Array(5).fill(refused));
    const blocked = await post();
    expectBlocked(blocked);
    expect(blocked.headers['retry-after']).toBe('300');
    clock.advance(299_000);
    expectBlocked(await post());
    clock.advance(2_000);
    expect((await post()).status).toBe(refused);
    // The account is not what the next path starts with.
    await app.app.identity.firstStart.resetPassword({ kind: 'system', id: 'test', label: null }, admin);
    admin = { ...admin, ...(await test.signIn(admin)) };
  });

  it('[ASVS 2.4.1] and of 50 passwords at once no more than five are looked at', async () => {
    const from = freshAddress();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        test.post('/auth/login', { email: `nobody-${n}@example.org`, password: WRONG }, { from }),
      ),
    );
    expect(answers.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(5);
    const looked = await app.database.admin.query(
      `select 1 from audit_events where event = 'session.refused' and host(address) = $1`,
      [from],
    );
    expect(looked.rows.length).toBeLessThanOrEqual(5);
  });

  it('a token we gave that has ended since is no guess: a client that missed its end blocks nobody', async () => {
    const [someone, from] = [await test.person('user'), freshAddress()];
    await test.post('/auth/logout', { refreshToken: someone.refreshToken });
    expect(await fail(8, from, '/auth/refresh', { refreshToken: someone.refreshToken })).toEqual(Array(8).fill(401));
  });
});

describe('a blocked address', () => {
  it('is refused wherever nobody has proven anything, before a credential is looked up', async () => {
    const from = await aBlockedAddress();
    const right = { email: admin.email, password: admin.password };
    expectBlocked(await test.post('/auth/login', right, { from }));
    expectBlocked(await test.post('/auth/refresh', { refreshToken: admin.refreshToken }, { from }));
    expectBlocked(await app.call('GET', '/api/v1/auth/me', { from }));
    expectBlocked(await app.call('GET', '/api/v1/auth/me', { from, token: 'garbage' }));
    expectBlocked(await app.call('GET', '/api/v1/openapi.json', { from }));
    expectBlocked(
      await app.call('POST', '/api/v1/telemetry', { from, token: newOpaqueToken(tokenPrefixes.device), body: {} }),
    );
  });

  it('is served probes and the files of the web interface', async () => {
    const from = await aBlockedAddress();
    expect((await app.call('GET', '/health/live', { from })).status).toBe(200);
    expect((await app.call('GET', '/health/ready', { from })).status).toBe(200);
    expect((await app.call('GET', '/nothing-here', { from })).json?.code).not.toBe('address_blocked');
  });

  it('takes nothing from a session, a token or a device that was let in before', async () => {
    const cookie = await test.browserOf(admin);
    const from = await aBlockedAddress();
    const headers = { origin: app.origin };
    expect((await app.call('GET', '/api/v1/auth/me', { from, cookie })).status).toBe(200);
    expect((await app.call('GET', '/api/v1/auth/me', { from, token: admin.accessToken })).status).toBe(200);
    expect(
      (await app.call('POST', '/api/v1/telemetry', { from, token: device.token, body: pointOf('t') })).status,
    ).toBe(200);
    // Who is signed in can also change the password and leave.
    const wrong = await test.post(
      '/auth/password',
      { currentPassword: WRONG, newPassword: WRONG },
      { from, cookie, headers },
    );
    expect([wrong.status, wrong.json.code]).toEqual([400, 'invalid_request']);
    expect((await app.call('DELETE', '/api/v1/auth/session', { from, cookie, headers })).status).toBe(204);
  });

  it('connects devices over MQTT as before, and no WebSocket but those of a session', async () => {
    const cookie = await test.browserOf(admin);
    const from = await aBlockedAddress();
    const client = await anMqttClient(app.mqttPort, {
      username: device.id,
      password: device.token,
      localAddress: from,
    } as object);
    await client.publish(telemetryTopics.points.pattern.replace('{deviceId}', device.id), JSON.stringify(pointOf('m')));
    await client.end();
    const open = (headers: Record<string, string>) =>
      new Promise<number>((resolve) => {
        const socket = new WebSocket(`wss://127.0.0.1:${app.httpPort}/api/v1/live`, {
          rejectUnauthorized: false,
          localAddress: from,
          headers: { origin: app.origin, ...headers },
        });
        socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
        socket.on('error', () => undefined);
        socket.on('close', (code) => resolve(code));
        socket.on('open', () => setTimeout(() => resolve(socket.readyState), 300));
      });
    expect(await open({})).toBe(429);
    expect(await open({ cookie: `__Host-valtronics=${newOpaqueToken(tokenPrefixes.session)}` })).toBe(4403);
    expect(await open({ cookie })).toBe(WebSocket.OPEN);
  });

  it('is listed and lifted on the host, with its reason, and recorded with who did it', async () => {
    const from = await aBlockedAddress();
    const { hostCommands } = app.app;
    const { items } = await hostCommands['blocks.list'](0, {});
    expect(items).toContainEqual(
      expect.objectContaining({ value: from, scope: 'ip', evidence: { failures: 5, nth: 1 } }),
    );
    const { lifted } = await hostCommands['blocks.lift'](1000, { which: from });
    expect(lifted).toHaveLength(1);
    expect((await test.post('/auth/login', { email: admin.email, password: admin.password }, { from })).status).toBe(
      200,
    );
    const events = await app.database.admin.query(
      `select actor_id from audit_events where event = 'block.lifted' and resource_id = $1`,
      [lifted[0]?.id],
    );
    expect(events.rows).toEqual([{ actor_id: 'cli:1000' }]);
    await expect(hostCommands['blocks.lift'](0, { which: from })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('that goes on is suspicious at ten attempts', async () => {
    const from = await aBlockedAddress();
    await fail(4, from);
    const marked = async () =>
      (await app.database.admin.query('select attempts from suspicious_addresses where address = $1', [from])).rows;
    expect(await marked()).toEqual([]);
    await fail(1, from);
    expect(await marked()).toEqual([{ attempts: 10 }]);
  });
});

describe('device tokens', () => {
  it('that are stale block neither the site nor its other devices, and cost no look-up after the fifth', async () => {
    const [stale, from] = [newOpaqueToken(tokenPrefixes.device), freshAddress()];
    const send = (token: string) => app.call('POST', '/api/v1/telemetry', { from, token, body: pointOf('s') });
    for (let n = 0; n < 12; n += 1) expect((await send(stale)).status).toBe(401);
    const rows = await app.database.admin.query('select failures from refused_tokens where address = $1', [from]);
    expect(rows.rows).toEqual([{ failures: 5 }]);
    expect((await send(device.token)).status).toBe(200);
    expect((await test.post('/auth/login', { email: admin.email, password: admin.password }, { from })).status).toBe(
      200,
    );
  });

  it('over MQTT the same, and the device is let in at once with a good one', async () => {
    const from = freshAddress();
    const stale = newOpaqueToken(tokenPrefixes.device);
    const connect = (password: string) =>
      anMqttClient(app.mqttPort, { username: device.id, password, localAddress: from } as object);
    for (let n = 0; n < 7; n += 1) {
      clock.advance(1_000);
      await expect(connect(stale)).rejects.toMatchObject({ code: 4 });
    }
    const rows = await app.database.admin.query('select failures, device_id from refused_tokens where address = $1', [
      from,
    ]);
    expect(rows.rows).toEqual([{ failures: 5, device_id: device.id }]);
    clock.advance(1_000);
    const client = await connect(device.token);
    expect(await client.subscribe(deviceTopics.errors.pattern.replace('{deviceId}', device.id))).toEqual([1]);
    await client.end();
  });
});

describe('an account under attack', () => {
  const login = (email: string, password: string, cookie?: string) =>
    test.post('/auth/login', { email, password }, cookie === undefined ? {} : { cookie });
  /** As if strangers had tried ever so often; trying really would cost an argon2id each. */
  async function attacked(email: string, failures: number): Promise<void> {
    await app.database.admin.query('delete from guess_accounts');
    expect((await login(email, WRONG)).status).toBe(401);
    const changed = await app.database.admin.query('update guess_accounts set failures = $1', [failures]);
    expect(changed.rowCount).toBe(1);
    clock.advance(61_000);
  }

  it('takes no password after 100 wrong ones, says the same as an account there is not, and is recovered by a reset', async () => {
    const { firstStart } = app.app.identity;
    const someone = await test.person('user');
    const said = (answer: Answer) => `${answer.status} ${answer.text.replace(/"requestId":"[^"]+"/, '')}`;
    await attacked(someone.email, 100);
    const known = await login(someone.email, someone.password);
    expect([known.status, known.json.code]).toEqual([403, 'recovery_needed']);
    expect(said(await login(someone.email, WRONG))).toBe(said(known));
    await attacked('nobody.at.all@example.org', 100);
    expect(said(await login('nobody.at.all@example.org', WRONG))).toBe(said(known));
    await attacked(someone.email, 100);
    const host = { kind: 'system', id: 'test', label: null } as const;
    expect(await firstStart.resetPassword(host, { email: someone.email, password: someone.password })).toBe(true);
    expect((await login(someone.email, someone.password)).status).toBe(200);
  });

  it('[ASVS 6.3.1] lets its owner in by a browser they have signed in with', async () => {
    const someone = await test.person('user');
    const { email, password } = someone;
    const headers = { origin: app.origin };
    const first = test.remember(await test.post('/auth/session', { email, password }, { headers }));
    const cookie = [first.headers['set-cookie']]
      .flat()
      .map((each) => String(each).split(';', 1)[0])
      .find((each) => each?.startsWith('__Host-valtronics-device='));
    await attacked(email, 100);
    expect((await test.post('/auth/session', { email, password }, { headers })).status).toBe(403);
    const again = test.remember(
      await test.post('/auth/session', { email, password }, { headers, cookie: cookie ?? '' }),
    );
    expect(again.status).toBe(200);
    // The browser keeps the cookie it has.
    expect([again.headers['set-cookie']].flat()).toHaveLength(1);
    const stored = await app.database.admin.query('select d::text as row from device_cookies d');
    expect(stored.rows.some(({ row }) => row.includes(cookie?.split('=')[1] ?? ''))).toBe(false);
  });

  it('[ASVS 6.3.5] a sign-in that follows many failures is recorded for the person, who is told', async () => {
    const someone = await test.person('user');
    await attacked(someone.email, 4);
    expect((await login(someone.email, someone.password)).status).toBe(200);
    expect(await test.eventsOf(someone.userId, 'account.suspicious')).toEqual([]);
    await attacked(someone.email, 7);
    expect((await login(someone.email, someone.password)).status).toBe(200);
    expect(await test.eventsOf(someone.userId, 'account.suspicious')).toMatchObject([
      { details: { failuresBefore: 7 } },
    ]);
    expect((await mail.next(someone.email, 'Your password was right after many that were not')).text).toContain(
      'After 7 wrong passwords in a row',
    );
  });

  it('whose session is stolen gives away five guesses an hour at its current password', async () => {
    const someone = await test.person('user');
    const change = () =>
      test.post(
        '/auth/password',
        { currentPassword: WRONG, newPassword: 'a kite above the grey roofs' },
        { token: someone.accessToken },
      );
    for (let n = 0; n < 5; n += 1) expect((await change()).status).toBe(400);
    expect((await change()).json.code).toBe('too_many_requests');
  });
});

describe('known and unknown accounts', () => {
  it('[ASVS 6.3.1] take the same time to refuse: of 40 each, in turn, neither is slower', async () => {
    const someone = await test.person('user');
    const took = async (email: string): Promise<number> => {
      // Each with an address, an allowance and a patience of its own: what is measured is the look at the password.
      clock.advance(61_000);
      const from = freshAddress();
      await app.call('GET', '/health/live', { from });
      const began = performance.now();
      const { status } = await test.post('/auth/login', { email, password: WRONG }, { from });
      expect(status).toBe(401);
      return performance.now() - began;
    };
    const [known, unknown]: [number[], number[]] = [[], []];
    await took(someone.email);
    await took('nobody@example.org');
    for (let n = 0; n < 40; n += 1) {
      const isKnownFirst = n % 2 === 0;
      if (isKnownFirst) known.push(await took(someone.email));
      unknown.push(await took('nobody@example.org'));
      if (!isKnownFirst) known.push(await took(someone.email));
    }
    // Mann and Whitney: how often one of the known is slower than one of the unknown. A half when they are alike; its standard deviation
    // for 40 and 40 is 0.065, so chance alone passes these borders once in ten thousand runs. A difference of a fifth of an argon2id
    // would be far outside them.
    const slower = known.flatMap((one) => unknown.map((other): number => (one > other ? 1 : one === other ? 0.5 : 0)));
    const share = slower.reduce((sum, one) => sum + one, 0) / slower.length;
    expect(share).toBeGreaterThan(0.25);
    expect(share).toBeLessThan(0.75);
    const median = (times: number[]): number => times.toSorted((a, b) => a - b)[times.length / 2] ?? 0;
    expect(Math.abs(median(known) - median(unknown)) / median(unknown)).toBeLessThan(0.2);
  }, 240_000);
});

describe('behind a trusted proxy', () => {
  it('[ASVS 15.3.4] the block falls on who is behind it, never on the proxy', async () => {
    const proxy = freshAddress();
    const time = manualClock(Date.now());
    const behind = await aSignInTest(time, { VALTRONICS_TRUSTED_PROXIES: `${proxy}/32` });
    try {
      const ask = (client?: string) =>
        behind.post('/auth/refresh', guessToken, {
          from: proxy,
          headers: client === undefined ? {} : { 'x-forwarded-for': client },
        });
      for (let n = 0; n < 5; n += 1) {
        time.advance(1_000);
        expect((await ask('203.0.113.5')).status).toBe(401);
      }
      expectBlocked(await ask('203.0.113.5'));
      // What a client writes into the header itself stands left of what the proxy appends.
      expectBlocked(await ask('198.51.100.77, 203.0.113.5'));
      expect((await ask('203.0.113.6')).status).toBe(401);
      for (let n = 0; n < 12; n += 1) {
        time.advance(1_000);
        expect((await ask()).status).toBe(401);
      }
    } finally {
      await behind.app.stop();
    }
  });
});
