import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';

// Over the limit is 429 with a Retry-After, to the digit, in every rate class. Time moves by our hand only, so every limit is exact.
const clock = manualClock(Date.now());
let app: TestApp;
let people: { admin: Person; user: Person; analyst: Person };
let device: { id: string; token: string };

beforeAll(async () => {
  app = await anApp({ clock, webFolder: import.meta.dirname });
  people = {
    admin: await app.aPerson('admin'),
    user: await app.aPerson('user'),
    analyst: await app.aPerson('analyst'),
  };
  device = await app.aDevice(people.admin);
});
beforeEach(() => clock.advance(5_000));
afterAll(() => app?.stop());

describe('limits', () => {
  const flood = async (count: number, one: () => Promise<Answer>): Promise<Answer[]> =>
    Promise.all(Array.from({ length: count }, one));

  function expectLetThrough(answers: Answer[], count: number): void {
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.length - refused.length).toBe(count);
    for (const { headers, json } of refused) {
      expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
      expect(json).toMatchObject({ code: 'too_many_requests', status: 429 });
    }
  }

  it('login: 5 at once from one address, one more after a second, and another address is not in the way', async () => {
    const from = freshAddress();
    // Refused after the limit was spent and before any secret is looked at, so that nobody is blocked for guessing.
    const ask = (address: string) => app.call('POST', '/api/v1/auth/refresh', { body: {}, from: address });
    expectLetThrough(await flood(12, () => ask(from)), 5);
    clock.advance(1_000);
    expectLetThrough(await flood(4, () => ask(from)), 1);
    expectLetThrough([await ask(freshAddress())], 1);
  });

  it('api: 20 at once for a caller who is not signed in, 10 a second after that', async () => {
    const from = freshAddress();
    const ask = () => app.call('GET', '/api/v1/openapi.json', { from });
    expectLetThrough(await flood(30, ask), 20);
    clock.advance(1_000);
    expectLetThrough(await flood(15, ask), 10);
  });

  it('api: 200 at once for a person, whatever address they call from, and another person is served meanwhile', async () => {
    const [one, two] = [freshAddress(), freshAddress()];
    let calls = 0;
    const ask = () => {
      calls += 1;
      return app.call('GET', '/api/v1/auth/me', { token: people.user.accessToken, from: calls % 2 ? one : two });
    };
    expectLetThrough(await flood(230, ask), 200);
    expectLetThrough([await app.call('GET', '/api/v1/auth/me', { token: people.analyst.accessToken, from: one })], 1);
  });

  it('ingest: 1,000 messages at once for a device, and another device is served meanwhile', async () => {
    const other = await app.aDevice(people.admin);
    // A body that is refused after the limit was spent: what is counted is the message, not what is in it.
    const send = (token: string) => app.call('POST', '/api/v1/telemetry', { token, body: {}, from: freshAddress() });
    clock.advance(10_000);
    const spender = freshAddress();
    const ask = () => app.call('POST', '/api/v1/telemetry', { token: device.token, body: {}, from: spender });
    expectLetThrough(await flood(600, ask), 600);
    clock.advance(1_500);
    // 600 spent, 150 earned back: 550 are left.
    expectLetThrough(await flood(560, ask), 550);
    expect((await send(other.token)).status).toBe(400);
  });

  it('a refused credential costs the address 21 of its 1,000, so guessing slows itself down', async () => {
    const from = freshAddress();
    const answers = await flood(60, () => app.call('GET', '/api/v1/auth/me', { token: 'garbage', from }));
    expectLetThrough(answers, 20);
    // What is earned back goes in small coins, so those who do have a credential are served meanwhile.
    clock.advance(2);
    expectLetThrough([await app.call('GET', '/api/v1/auth/me', { token: people.user.accessToken, from })], 1);
  });

  it('an address that does not exist is counted like any other', async () => {
    const from = freshAddress();
    const answers = await flood(1_010, () => app.call('GET', '/api/v1/no-such-thing', { from }));
    expectLetThrough(answers, 1_000);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404, 429]));
  });
});
