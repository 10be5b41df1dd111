import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { aSignInTest, type SignInTest } from '../support/signing-in.ts';

// How long a browser's session lasts is for an installation to say.

describe.each([
  ['shorter', 10, 1],
  ['longer', 600, 48],
])('a browser’s session that is to last %s', (_, idleMinutes, hours) => {
  const clock = manualClock(Date.now());
  let test: SignInTest;
  beforeAll(async () => {
    test = await aSignInTest(clock, {
      VALTRONICS_SESSION_IDLE_MINUTES: String(idleMinutes),
      VALTRONICS_SESSION_HOURS: String(hours),
    });
  });
  afterAll(() => test?.app.stop());

  async function aBrowser(): Promise<{ cookie: string; header: string }> {
    const { email, password } = await test.person('user');
    const headers = { origin: test.app.origin };
    const answer = test.remember(await test.post('/auth/session', { email, password }, { headers }));
    const header = String(answer.headers['set-cookie']);
    return { cookie: /__Host-valtronics=vts_[\w-]+/.exec(header)?.[0] ?? '', header };
  }
  const statusOf = async (cookie: string) => (await test.meOf({ cookie })).status;

  it('ends so long after its last use', async () => {
    const { cookie } = await aBrowser();
    clock.advance(idleMinutes * 60_000 - 1);
    expect(await statusOf(cookie)).toBe(200);
    clock.advance(idleMinutes * 60_000 - 1);
    expect(await statusOf(cookie)).toBe(200);
    clock.advance(idleMinutes * 60_000);
    expect(await statusOf(cookie)).toBe(401);
  });

  it('and so long after sign-in however much it is used, which the browser is told', async () => {
    const { cookie, header } = await aBrowser();
    expect(header).toContain(`Max-Age=${hours * 3_600};`);
    const end = clock.now() + hours * 3_600_000;
    for (const step = (idleMinutes - 1) * 60_000; clock.now() + step < end; ) {
      clock.advance(step);
      expect(await statusOf(cookie)).toBe(200);
    }
    clock.set(end - 1);
    expect(await statusOf(cookie)).toBe(200);
    clock.set(end);
    expect(await statusOf(cookie)).toBe(401);
  });
});
