import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { CallOptions, Person, TestApp } from '../support/app.ts';
import { freshAddress } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aFactorTest, type FactorTest } from '../support/second-factors.ts';

// A forgotten password, from the question to the new one, over a mail server that runs.

const clock = manualClock(Math.ceil(Date.now() / 30_000) * 30_000);
const NEXT = 'eight wooden spoons in a drawer';
let test: FactorTest;
let app: TestApp;
let admin: Person;

beforeAll(async () => {
  test = await aFactorTest(clock, { VALTRONICS_ACCESS_TOKEN_MINUTES: '60' });
  app = test.app;
  admin = await test.person('admin');
});
beforeEach(async () => {
  clock.advance(10_000);
  await app.freshProof(admin);
});
afterAll(async () => {
  await app?.stop();
  test?.mail.close();
});

const SUBJECT = 'Choose a new password';
/** As the owner of the database. */
const damageAddressOf = (userId: string) =>
  app.database.admin.query(
    'update users set email_sealed = set_byte(email_sealed, 75, get_byte(email_sealed, 75) # 1) where id = $1',
    [userId],
  );
const forgot = (email: string) => test.post('/auth/password/forgot', { email });
const inspect = (token: string) => test.post('/auth/password/reset/inspect', { token });
const reset = (token: string, newPassword = NEXT, options: CallOptions = {}) =>
  test.post('/auth/password/reset', { token, newPassword }, options);
const start = ({ userId }: Person, by = admin) =>
  test.post(`/users/${userId}/password-reset`, {}, { token: by.accessToken });
async function linkFor({ email }: Person, after = 0): Promise<string> {
  expect((await forgot(email)).status).toBe(202);
  return linkIn((await test.mail.next(email, SUBJECT, after)).text);
}
function linkIn(text: string): string {
  const url = new URL(/https:\/\/\S+\/reset-password\S+/.exec(text)?.[0]?.replace(/["<].*$/, '') ?? '');
  // The token stands where no server and no log ever sees it.
  expect([url.origin, url.search]).toEqual([app.origin, '']);
  const token = url.hash.replace('#token=', '');
  expect(token).toMatch(/^vt[a-z]_[\w-]{43}$/);
  test.secrets.add(token);
  return token;
}

describe('a forgotten password', () => {
  it('[ASVS 6.3.8] gets the same answer for every address, in bytes and about the same time', async () => {
    const [known, disabled] = [await test.person('user'), await test.person('user')];
    await app.database.admin.query(`update users set status = 'disabled' where id = $1`, [disabled.userId]);
    const times: Record<string, number[]> = {};
    const shown = new Set<string>();
    const hidden = new Set(['date', 'x-request-id']);
    for (let n = 0; n < 12; n += 1)
      for (const email of [known.email, disabled.email, 'nobody@example.org']) {
        clock.advance(1_000);
        const began = performance.now();
        const { status, text, headers } = await forgot(email);
        times[email] = [...(times[email] ?? []), performance.now() - began];
        const names = Object.entries(headers).filter(([name]) => !hidden.has(name) && !name.startsWith('ratelimit'));
        shown.add(JSON.stringify([status, text, names.sort()]));
      }
    expect([...shown]).toHaveLength(1);
    const medians = Object.values(times).map((all) => all.toSorted((a, b) => a - b)[6] ?? 0);
    // Nothing is looked up before the answer, so what is left is noise.
    expect(Math.max(...medians) - Math.min(...medians)).toBeLessThan(50);
    await test.mail.next(known.email, SUBJECT);
    expect(test.mail.to(disabled.email)).toEqual([]);
    expect(test.mail.to('nobody@example.org')).toEqual([]);
    // However often somebody asks, a mailbox is not filled.
    expect(test.mail.to(known.email).filter(({ subject }) => subject.includes(SUBJECT))).toHaveLength(1);
  });

  it('is replaced with the mailed link, ends every session, signs nobody in, and is told', async () => {
    const person = await test.person('user');
    const cookie = await test.browserOf(person);
    const token = await linkFor(person);
    expect((await inspect(token)).json).toMatchObject({ email: person.email });
    const done = await reset(token);
    expect([done.status, done.text, done.headers['set-cookie']]).toEqual([204, '', undefined]);
    expect(await test.openSessions(person.userId)).toBe(0);
    expect((await test.meOf({ cookie })).status).toBe(401);
    expect((await test.meOf({ token: person.accessToken })).status).toBe(401);
    expect((await test.refresh(person.refreshToken)).status).toBe(401);
    const login = (password: string) => test.post('/auth/login', { email: person.email, password });
    expect((await login(person.password)).status).toBe(401);
    expect((await login(NEXT)).status).toBe(200);
    await test.mail.next(person.email, 'Your password was changed');
    expect(await test.eventsOf(person.userId, 'user.password_reset_requested')).toMatchObject([
      { actor_id: person.userId, actor_label: null },
    ]);
    expect(await test.eventsOf(person.userId, 'user.password_changed')).toMatchObject([
      { actor_id: person.userId, details: { byLink: true, endedSessions: 2 } },
    ]);
  });

  it('whose stored address somebody altered is mailed to the one that was typed', async () => {
    const person = await test.person('user');
    await damageAddressOf(person.userId);
    const token = await linkFor(person);
    expect((await reset(token)).status).toBe(204);
    expect((await test.post('/auth/login', { email: person.email, password: NEXT })).status).toBe(200);
  });

  it('[ASVS 6.4.3] does not open an account past its second factor, which stays', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const before = await test.begin(person);
    const token = await linkFor(person);
    expect((await reset(token)).status).toBe(204);
    // A second step that was begun with the old password ends with it.
    const proof = { method: 'totp', code: authenticator.code() } as const;
    expectProblem(await test.finish(before.challengeId, proof), 410, 'gone');
    const asked = await test.begin({ ...person, password: NEXT });
    expect(asked.methods).toEqual(['totp', 'recovery_code']);
    expect((await test.finish(asked.challengeId, proof)).status).toBe(200);
  });

  it('is replaced by one that may be used: 15 characters alone, 8 beside a second factor', async () => {
    const [alone, { person: second }] = [await test.person('user'), await test.somebodyWithTotp('user')];
    const short = 'kT7#vQ2m!x';
    const refused = await reset(await linkFor(alone), short);
    expect([refused.status, refused.json.errors[0].path]).toEqual([400, 'newPassword']);
    const token = await linkFor(second);
    expect((await reset(token, 'kT7#vQ2')).status).toBe(400);
    // A refused password uses nothing up.
    expect((await reset(token, short)).status).toBe(204);
  });
});

describe('a link to choose a password', () => {
  // Each of the fifty hashes its password before it can claim the link, which is slow on purpose.
  it('[ASVS 6.5.1] is good once, however many use it at the same moment', { timeout: 200_000 }, async () => {
    const person = await test.person('user');
    const token = await linkFor(person);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => reset(token, `${NEXT} ${n + 10}`, { timeoutMs: 180_000 })),
    );
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expectProblem(await reset(token), 410, 'gone');
    expectProblem(await inspect(token), 410, 'gone');
    expect(await test.eventsOf(person.userId, 'user.password_changed')).toHaveLength(1);
  });

  it('[ASVS 6.4.1] is good for an hour', async () => {
    const person = await test.person('user');
    const token = await linkFor(person);
    clock.advance(60 * 60_000 - 1_000);
    expect((await inspect(token)).status).toBe(200);
    clock.advance(1_000);
    expectProblem(await inspect(token), 410, 'gone');
    expectProblem(await reset(token), 410, 'gone');
    admin = { ...admin, ...(await test.refresh(admin.refreshToken)).json };
  });

  it('ends with a newer one, and with the account', async () => {
    const person = await test.person('user');
    const older = await linkFor(person);
    clock.advance(2 * 60_000);
    const newer = await linkFor(person, 1);
    expectProblem(await reset(older), 410, 'gone');
    expect((await inspect(newer)).status).toBe(200);
    await app.database.admin.query(`update users set status = 'disabled' where id = $1`, [person.userId]);
    expectProblem(await reset(newer), 410, 'gone');
  });

  it.each(['', 'x', `vtp_${'A'.repeat(43)}`, `vts_${'A'.repeat(43)}`])('that is none is refused: %j', async (token) => {
    expect([400, 410]).toContain((await reset(token)).status);
    expect([400, 410]).toContain((await inspect(token)).status);
  });
});

describe('an administrator', () => {
  it('[ASVS 6.4.6] starts a reset and learns neither the password nor the link it is chosen with', async () => {
    const person = await test.person('user');
    const started = await start(person);
    expect(started.json).toMatchObject({ url: null, mailed: true });
    expect(started.text).not.toMatch(/vt[a-z]_|token/);
    // Nothing has changed by that.
    expect((await test.meOf({ token: person.accessToken })).status).toBe(200);
    const token = linkIn((await test.mail.next(person.email, SUBJECT)).text);
    expect((await reset(token)).status).toBe(204);
    expect(await test.eventsOf(admin.userId, 'user.password_reset_requested')).toMatchObject([
      { resource_id: person.userId },
    ]);
  });

  it('is given the link where it cannot be mailed, since the address does not open, and told so', async () => {
    const person = await test.person('user');
    await damageAddressOf(person.userId);
    const started = await start(person);
    expect(started.json).toMatchObject({ url: expect.stringContaining('/reset-password#token='), mailed: false });
    expect((await reset(linkIn(started.json.url))).status).toBe(204);

    const invited = await test.post(
      '/users',
      { email: 'not.open@example.org', role: 'user' },
      { token: admin.accessToken },
    );
    expect(invited.json.invitation.mailed).toBe(true);
    await damageAddressOf(invited.json.user.id);
    const again = await test.post(`/users/${invited.json.user.id}/invitation`, {}, { token: admin.accessToken });
    expect([again.status, again.json.invitation.mailed]).toEqual([201, false]);
    // An address that mail is not sent to.
    const email = 'many@labels.a.b.c.d.e.f.g.h.example.org';
    const unsent = await test.post('/users', { email, role: 'user' }, { token: admin.accessToken });
    expect([unsent.status, unsent.json.invitation.mailed]).toEqual([201, false]);
    for (const { url } of [invited, again, unsent].map(({ json }) => json.invitation))
      test.secrets.add(new URL(url).hash.replace('#token=', ''));
  });

  it('needs a fresh proof for it, and an account that is open', async () => {
    const person = await test.person('user');
    const invited = await test.post(
      '/users',
      { email: 'new.one@example.org', role: 'user' },
      { token: admin.accessToken },
    );
    expectProblem(await start({ ...person, userId: invited.json.user.id }), 409, 'conflict');
    clock.advance(301_000);
    expectProblem(await start(person), 401, 'step_up_required');
  });

  it('resets the factors of a person: sessions end, the person is told, it is recorded', async () => {
    const { person, authenticator } = await test.somebodyWithTotp('user');
    const remove = (id: string, by = admin) =>
      app.call('DELETE', `/api/v1/users/${id}/factors`, { token: by.accessToken, from: freshAddress() });
    const done = await remove(person.userId);
    expect([done.status, done.json.factors]).toEqual([200, []]);
    expect((await test.meOf({ token: person.accessToken })).status).toBe(401);
    expect(await test.openSessions(person.userId)).toBe(0);
    await test.mail.next(person.email, 'Your second factors were removed');
    expect(await test.eventsOf(admin.userId, 'factor.reset')).toMatchObject([
      { resource_id: person.userId, details: { removed: 1, endedSessions: 1 } },
    ]);
    const login = await test.post('/auth/login', { email: person.email, password: person.password });
    expect(login.json.mfa).toBe(undefined);
    expect(authenticator.recoveryCodes).toHaveLength(10);
    const codes = await app.database.admin.query('select 1 from recovery_codes where user_id = $1', [person.userId]);
    expect(codes.rows).toEqual([]);
    // Their own are no matter of administration.
    expectProblem(await remove(admin.userId), 403, 'forbidden');
  });

  it('is not to be overtaken by somebody who may less: no reset, no sessions ended, no invitation of theirs', async () => {
    const clerk = await test.person(await app.aRole('clerk', ['user:manage']));
    const other = await test.person('admin');
    const as = () => ({ token: clerk.accessToken, from: freshAddress() });
    const on = (method: string, path: string) => app.call(method, `/api/v1/users/${other.userId}${path}`, as());
    expectProblem(await start(other, clerk), 403, 'forbidden');
    expectProblem(await on('DELETE', '/factors'), 403, 'forbidden');
    expectProblem(await on('DELETE', '/sessions'), 403, 'forbidden');
    expect((await test.meOf({ token: other.accessToken })).status).toBe(200);
    const invited = await test.post(
      '/users',
      { email: 'second@example.org', role: 'admin' },
      { token: admin.accessToken },
    );
    const again = await test.post(`/users/${invited.json.user.id}/invitation`, {}, as());
    expectProblem(again, 403, 'forbidden');
    // What is theirs to do, they do.
    const peer = await test.person('clerk');
    expect((await start(peer, clerk)).status).toBe(200);
  });
});

describe('inviting again', () => {
  it('[ASVS 6.4.1] gives a new link after the old one lapsed or was lost, and ends the old one', async () => {
    const invited = await test.post(
      '/users',
      { email: 'late@example.org', role: 'user' },
      { token: admin.accessToken },
    );
    const { id } = invited.json.user;
    const tokenOf = ({ url }: { url: string }) => new URL(url).hash.replace('#token=', '');
    const again = () => test.post(`/users/${id}/invitation`, {}, { token: admin.accessToken });
    const look = (token: string) => test.post('/auth/invitations/inspect', { token });
    const first = tokenOf(invited.json.invitation);
    const second = await again();
    expect([second.status, second.json.invitation.mailed]).toEqual([201, true]);
    expect((await look(first)).status).toBe(410);
    clock.advance(7 * 86_400_000);
    expect((await look(tokenOf(second.json.invitation))).status).toBe(410);
    admin = { ...admin, ...(await test.refresh(admin.refreshToken)).json };
    await app.freshProof(admin);
    const third = tokenOf((await again()).json.invitation);
    for (const token of [first, tokenOf(second.json.invitation), third]) test.secrets.add(token);
    const accept = (token: string) =>
      test.post('/auth/invitations/accept', { token, password: NEXT }, { headers: { origin: app.origin } });
    expect((await accept(tokenOf(second.json.invitation))).status).toBe(410);
    expect((await accept(third)).status).toBe(200);
    // Whoever has opened the account is not invited once more.
    expectProblem(await again(), 409, 'conflict');
    expect(await test.eventsOf(id, 'user.invited')).toMatchObject([
      {},
      { details: { again: true } },
      { details: { again: true } },
    ]);
  });
});

// Last, when all of the above is stored.
describe('what is stored', () => {
  it('holds no link, no password and no waiting mail in clear', async () => {
    const person = await test.person('user');
    const { userId, email } = person;
    test.mail.close();
    const waiting = () => app.database.admin.query<{ text: string }>('select m::text as text from account_mails m');
    const before = (await waiting()).rows.length;
    await forgot(email);
    await expect.poll(async () => (await waiting()).rows.length).toBeGreaterThan(before);
    const mails = (await waiting()).rows.map(({ text }) => text).join('\n');
    for (const word of [
      email,
      Buffer.from(email).toString('hex'),
      'reset-password',
      'token=',
      Buffer.from('token=').toString('hex'),
      'subject',
    ])
      expect(mails.includes(word)).toBe(false);
    const resets = await app.database.admin.query<{ text: string }>('select r::text as text from password_resets r');
    expect(resets.rows.length).toBeGreaterThan(3);
    const dump = `${mails}\n${resets.rows.map(({ text }) => text).join('\n')}`;
    for (const text of [...test.secrets, NEXT]) expect(dump.includes(text)).toBe(false);
    expect(userId).toBeDefined();
  });
});
