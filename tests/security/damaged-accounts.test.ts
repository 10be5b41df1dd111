import { afterAll, beforeAll, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { Answer, Person } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aSoftwarePasskey, type PasskeyWays } from '../support/passkey.ts';
import { aFactorTest, cookieOf, type FactorTest } from '../support/second-factors.ts';

// The addresses of two accounts were altered in the database and do not open: each is still counted for itself, by all that counts guesses.

const clock = manualClock(Date.now());
const NEW_PASSWORD = 'quartz-lantern-meadow-71';
let test: FactorTest;
beforeAll(async () => {
  test = await aFactorTest(clock);
});
afterAll(async () => {
  await test?.app.stop();
  await test?.mail.close();
});

async function damage(...people: Person[]): Promise<void> {
  for (const { userId } of people)
    await test.app.database.admin.query(
      'update users set email_sealed = set_byte(email_sealed, 75, get_byte(email_sealed, 75) # 1) where id = $1',
      [userId],
    );
}
const twoPeople = async () => [await test.person('user'), await test.person('user')] as const;
async function fiveTimes(wrong: () => Promise<Answer>, right: () => Promise<Answer>): Promise<void> {
  for (let n = 0; n < 5; n += 1) expect((await wrong()).status).not.toBe(429);
  expectProblem(await right(), 429, 'too_many_requests');
}

it('who is asked for their password again', async () => {
  const [one, other] = await twoPeople();
  await damage(one, other);
  const prove = async ({ accessToken: token }: Person, password: string) => {
    const { json } = await test.stepUpBegin({ token });
    return test.stepUp({ token }, json.challengeId, { method: 'password', password });
  };
  await fiveTimes(
    () => prove(one, 'a wrong one'),
    () => prove(one, one.password),
  );
  expect((await prove(other, other.password)).status).toBe(200);
});

it('who changes their password, whose browsers alone are forgotten then', async () => {
  const [one, other, third] = [...(await twoPeople()), await test.person('user')];
  await damage(one, other, third);
  const change = ({ accessToken: token }: Person, currentPassword: string) =>
    test.post('/auth/password', { currentPassword, newPassword: NEW_PASSWORD }, { token });
  const browsers = async () =>
    (await test.app.database.admin.query('select count(distinct account)::int as n from device_cookies')).rows[0].n;
  await fiveTimes(
    () => change(one, 'a wrong one'),
    () => change(one, one.password),
  );
  for (const { email, password } of [other, third]) {
    const signedIn = await test.post('/auth/session', { email, password }, test.asBrowser(''));
    expect([signedIn.status, cookieOf(signedIn)]).toEqual([200, expect.stringMatching(/./)]);
  }
  expect(await browsers()).toBe(2);
  expect((await change(other, other.password)).status).toBe(204);
  expect(await browsers()).toBe(1);
});

it('who gives a code after the password', async () => {
  const [one, other] = [await test.somebodyWithTotp('user'), await test.somebodyWithTotp('user')];
  await damage(one.person, other.person);
  const step = async ({ person, authenticator }: typeof one, isWrong = false) => {
    const { challengeId } = await test.begin(person);
    const code = authenticator.code(isWrong ? 500 : 0);
    return test.finish(challengeId, { method: 'totp', code });
  };
  await fiveTimes(
    () => step(one, true),
    () => step(one),
  );
  expect((await step(other)).status).toBe(200);
});

it('who shows a passkey alone', async () => {
  const somebody = async () => {
    const person = await test.person('user');
    const { passkey } = await test.enrolPasskey({ token: person.accessToken });
    return { person, passkey };
  };
  const [one, other] = [await somebody(), await somebody()];
  await damage(one.person, other.person);
  const stranger = aSoftwarePasskey(test.app.origin);
  const show = async ({ passkey }: typeof one, ways: PasskeyWays = {}) => {
    const asked = (await test.post('/auth/passkey/begin', {})).json;
    return test.finish(asked.challengeId, { method: 'passkey', assertion: passkey.get(asked.passkey, ways) });
  };
  await fiveTimes(
    () => show(one, { signWith: stranger.privateKey }),
    () => show(one),
  );
  expect((await show(other)).status).toBe(200);
});
