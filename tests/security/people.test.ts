import type { Role } from '@valtronics/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type CallOptions, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aSignInTest, type SignInTest } from '../support/signing-in.ts';

// What changes for a person whose account changes, and what the log says of it.

const clock = manualClock(Date.now());
let test: SignInTest;
let app: TestApp;
let admin: Person;

beforeAll(async () => {
  test = await aSignInTest(clock);
  app = test.app;
  admin = await test.person('admin');
});
beforeEach(async () => {
  clock.advance(5_000);
  await app.freshProof(admin);
});
afterAll(() => app?.stop());

describe('changing what a person may', () => {
  const change = (id: string, body: unknown, by = admin) =>
    app.call('PATCH', `/api/v1/users/${id}`, { token: by.accessToken, body });

  it('takes effect on the next request, by cookie and by token', async () => {
    const someone = await test.person('operator');
    const cookie = await test.browserOf(someone);
    const devices = (options: CallOptions) =>
      app.call('POST', '/api/v1/devices', {
        ...options,
        body: {},
        headers: { origin: app.origin },
        from: freshAddress(),
      });
    expect((await devices({ cookie })).status).toBe(400);
    expect((await change(someone.userId, { role: 'user' })).status).toBe(200);
    expect((await devices({ cookie })).status).toBe(403);
    // A token says which rights it was made for: it must be renewed, and then has the new ones.
    expect((await devices({ token: someone.accessToken })).status).toBe(401);
    const renewed = await test.refresh(someone.refreshToken);
    expect((await devices({ token: renewed.json.accessToken })).status).toBe(403);
    expect((await test.meOf({ token: renewed.json.accessToken })).json).toMatchObject({
      role: 'user',
      permissions: ['device:read', 'telemetry:read', 'alert:read'],
    });
    expect(await test.eventsOf(someone.userId, 'user.changed')).toMatchObject([
      { actor_id: admin.userId, actor_label: admin.email, details: { changed: ['role'], role: ['operator', 'user'] } },
    ]);
  });

  it('[ASVS 7.4.2] to disabled ends every session at once and for good', async () => {
    const someone = await test.person('user');
    const cookie = await test.browserOf(someone);
    expect((await change(someone.userId, { status: 'disabled' })).status).toBe(200);
    expect((await test.meOf({ cookie })).status).toBe(401);
    expect((await test.meOf({ token: someone.accessToken })).status).toBe(401);
    expect((await test.refresh(someone.refreshToken)).status).toBe(401);
    const login = await test.post('/auth/login', { email: someone.email, password: someone.password });
    expect([login.status, login.json.code]).toEqual([401, 'invalid_credentials']);
    expect((await change(someone.userId, { status: 'active' })).status).toBe(200);
    // Enabled again, they sign in again: what was ended stays ended.
    expect((await test.meOf({ cookie })).status).toBe(401);
    expect((await test.refresh(someone.refreshToken)).status).toBe(401);
    expect((await test.post('/auth/login', { email: someone.email, password: someone.password })).status).toBe(200);
  });

  it('never takes the last administrator, nor one’s own role or status', async () => {
    const others = await app.anotherOrganisation();
    const [one, two] = [await app.aPerson('admin', others), await app.aPerson('admin', others)];
    expect((await change(one.userId, { role: 'user' }, one)).status).toBe(403);
    expect((await change(one.userId, { status: 'disabled' }, one)).status).toBe(403);
    expect((await change(one.userId, { name: 'Own name' }, one)).status).toBe(200);
    // Each takes the other's role at the same moment: one of them stays.
    const answers = await Promise.all([
      change(one.userId, { role: 'user' }, two),
      change(two.userId, { role: 'user' }, one),
    ]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const left = await app.database.admin.query(`select 1 from users where organisation_id = $1 and role = 'admin'`, [
      others,
    ]);
    expect(left.rows).toHaveLength(1);
  });

  it('of an address that is taken, here or in another organisation, says so in one way', async () => {
    const others = await app.aPerson('admin', await app.anotherOrganisation());
    const taken = async (email: string) => {
      const { status, text } = await test.post('/users', { email, role: 'user' }, { token: admin.accessToken });
      return `${status} ${text.replace(/"requestId":"[^"]+"/, '')}`;
    };
    expect(await taken(others.email.toUpperCase())).toBe(await taken(admin.email));
  });
});

describe('changing a password', () => {
  const NEXT = 'nine copper kettles in the rain';

  it('ends the other sessions, keeps this one, and is recorded', async () => {
    const someone = await test.person('user');
    test.secrets.add(NEXT);
    const other = await test.signIn(someone);
    const cookie = await test.browserOf(someone);
    const headers = { origin: app.origin };
    const change = (currentPassword: string, newPassword: string) =>
      test.post('/auth/password', { currentPassword, newPassword }, { cookie, headers });
    const wrong = await change('not my current password', NEXT);
    expect([wrong.status, wrong.json.errors]).toEqual([
      400,
      [{ path: 'currentPassword', message: 'not your current password' }],
    ]);
    const weak = await change(someone.password, 'password');
    expect([weak.status, weak.json.errors[0].path]).toEqual([400, 'newPassword']);
    expect((await change(someone.password, NEXT)).status).toBe(204);
    expect((await test.meOf({ cookie })).status).toBe(200);
    expect((await test.meOf({ token: other.accessToken })).status).toBe(401);
    expect((await test.refresh(someone.refreshToken)).status).toBe(401);
    expect((await test.post('/auth/login', { email: someone.email, password: someone.password })).status).toBe(401);
    expect((await test.post('/auth/login', { email: someone.email, password: NEXT })).status).toBe(200);
    expect(await test.eventsOf(someone.userId, 'user.password_changed')).toMatchObject([
      { actor_id: someone.userId, details: { endedSessions: 2 } },
    ]);
  });

  it('twice at once does it once, so a sign-in with the old one cannot slip between', async () => {
    const someone = await test.person('user');
    const change = (newPassword: string) => {
      test.secrets.add(newPassword);
      return test.post(
        '/auth/password',
        { currentPassword: someone.password, newPassword },
        { token: someone.accessToken },
      );
    };
    const [one, two, login] = await Promise.all([
      change('eleven wooden boats at anchor'),
      change('twelve silver spoons for soup'),
      test.post('/auth/login', { email: someone.email, password: someone.password }),
    ]);
    expect([one.status, two.status].sort()).toEqual([204, 409]);
    if (login.status === 200) expect((await test.meOf({ token: login.json.accessToken })).status).toBe(401);
    expect(await test.openSessions(someone.userId)).toBe(1);
  });
});

describe('invitations', () => {
  const PASSWORD = 'five paper lanterns on the lake';
  const headers = () => ({ origin: app.origin });
  let count = 0;

  async function invite(role: Role = 'operator') {
    count += 1;
    const email = `invitee-${count}@example.org`;
    const answer = await test.post('/users', { email, role }, { token: admin.accessToken });
    expect(answer.status).toBe(201);
    const url = new URL(answer.json.invitation.url);
    // The token stands where no server and no log ever sees it.
    expect([url.origin, url.pathname, url.search]).toEqual([app.origin, '/accept-invitation', '']);
    const token = url.hash.replace('#token=', '');
    for (const secret of [token, PASSWORD]) test.secrets.add(secret);
    return { id: answer.json.user.id as string, email, token };
  }
  const inspect = (token: string) => test.post('/auth/invitations/inspect', { token });
  const accept = async (token: string, more: object = {}) =>
    test.remember(
      await test.post('/auth/invitations/accept', { token, password: PASSWORD, ...more }, { headers: headers() }),
    );

  it('open the account once, whoever is faster, and sign the browser in', async () => {
    const { id, email, token } = await invite();
    expect((await inspect(token)).json).toMatchObject({ email, role: 'operator', organisation: 'Test organisation' });
    const answers = await Promise.all([accept(token), accept(token), accept(token)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410]);
    const won = answers.find(({ status }) => status === 200);
    const cookie = String(won?.headers['set-cookie']).split(';', 1)[0] ?? '';
    expect((await test.meOf({ cookie })).json).toMatchObject({ id, email, role: 'operator' });
    expect((await inspect(token)).status).toBe(410);
    expect((await accept(token)).status).toBe(410);
    expect(await test.eventsOf(id, 'user.invitation_accepted')).toMatchObject([{ actor_id: id, actor_label: email }]);
    expect(await test.eventsOf(id, 'user.invited')).toMatchObject([{ actor_id: admin.userId, resource_id: id }]);
  });

  it('are not used up by a password that may not be used, and keep their own address', async () => {
    const { email, token } = await invite();
    const weak = await accept(token, { password: 'short' });
    expect([weak.status, weak.json.errors[0].path]).toEqual([400, 'password']);
    const other = await accept(token, { email: 'somebody.else@example.org' });
    expect([other.status, other.json.email]).toEqual([200, email]);
  });

  it('end after a week', async () => {
    const { token } = await invite();
    clock.advance(7 * 86_400_000 - 60_000);
    expect((await inspect(token)).status).toBe(200);
    clock.advance(60_000);
    expect((await inspect(token)).status).toBe(410);
    expect((await accept(token)).status).toBe(410);
    admin = { ...admin, ...(await test.refresh(admin.refreshToken)).json };
  });

  it('of the first start are replaced by a newer one, and good for half an hour', async () => {
    const { firstStart } = app.app.identity;
    const tokenOf = ({ url }: { url: string }) => new URL(url).hash.replace('#token=', '');
    const organisation = await app.anotherOrganisation();
    const first = tokenOf(await firstStart.administratorLink(organisation));
    const second = tokenOf(await firstStart.administratorLink(organisation));
    expect((await inspect(first)).status).toBe(410);
    expect((await inspect(second)).json).toMatchObject({ email: null, role: 'admin' });
    const nameless = await accept(second);
    expect([nameless.status, nameless.json.errors[0].path]).toEqual([400, 'email']);
    expect((await accept(second, { email: admin.email })).status).toBe(409);
    clock.advance(30 * 60_000);
    expect((await accept(second, { email: 'first.admin@example.org' })).status).toBe(410);
    admin = { ...admin, ...(await test.refresh(admin.refreshToken)).json };
  });

  it('of a person who was disabled meanwhile open nothing, and open again what is enabled again', async () => {
    const { id, email, token } = await invite();
    const set = (status: string) =>
      app.call('PATCH', `/api/v1/users/${id}`, { token: admin.accessToken, body: { status } });
    expect((await set('active')).status).toBe(409);
    expect((await set('disabled')).status).toBe(200);
    expect((await accept(token)).status).toBe(410);
    expect((await test.post('/auth/login', { email, password: PASSWORD })).status).toBe(401);
    expect((await set('active')).json).toMatchObject({ status: 'invited' });
    expect((await accept(token)).status).toBe(200);
  });

  it('lead to the role the person has by then', async () => {
    const { id, token } = await invite('admin');
    await app.call('PATCH', `/api/v1/users/${id}`, { token: admin.accessToken, body: { role: 'user' } });
    expect((await inspect(token)).json).toMatchObject({ role: 'user' });
    expect((await accept(token)).json).toMatchObject({ role: 'user' });
  });
});

// Last, when all of the above is in the log.
describe('the audit log', () => {
  it('[ASVS 16.3.1] names who did each of these', async () => {
    const events = await app.database.admin.query<{ event: string; n: number }>(
      `select event, count(*)::int as n from audit_events
       where actor_id is null and outcome = 'success' group by 1`,
    );
    expect(events.rows).toEqual([]);
    const anonymous = await app.database.admin.query(
      `select event from audit_events where actor_kind = 'anonymous' and outcome = 'success'`,
    );
    expect(anonymous.rows).toEqual([]);
  });

  it('holds no password, token or hash of this file', async () => {
    const log = (await app.database.admin.query('select a::text as row from audit_events a')).rows
      .map(({ row }) => row)
      .join('\n');
    expect(log.length).toBeGreaterThan(9_000);
    expect(test.secrets.size).toBeGreaterThan(20);
    expect([...test.secrets].filter((secret) => log.includes(secret))).toEqual([]);
    expect(log).not.toMatch(/argon2|vt[srdic]_|eyJ/);
  });

  it('and neither does any other table in clear', async () => {
    const tables = await app.database.admin.query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind = 'r'`,
    );
    for (const { name } of tables.rows) {
      const text = (await app.database.admin.query(`select t::text as row from ${name} t`)).rows
        .map(({ row }) => row)
        .join('\n');
      expect([name, [...test.secrets].filter((secret) => text.includes(secret))]).toEqual([name, []]);
    }
  });
});
