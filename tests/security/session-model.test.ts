import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import type { Person } from '../support/app.ts';
import { freshAddress } from '../support/app.ts';
import { aSignInTest, type SignInTest } from '../support/signing-in.ts';

// One person's sessions as a model of a few lines, and the whole platform beside it. Whatever is done in whatever order, both say the same
// of every token there ever was.

const ACCESS_MS = 15 * 60_000;
const GRACE_MS = 30_000;

const clock = manualClock(Date.now());
let test: SignInTest;
let admin: Person;
beforeAll(async () => {
  test = await aSignInTest(clock);
  admin = await test.person('admin');
});
afterAll(() => test?.app.stop());

interface Family {
  /** Oldest first; the last one is good. */
  readonly refreshTokens: string[];
  readonly accessTokens: { readonly text: string; readonly version: number; readonly issuedAt: number }[];
  rotatedAt: number;
  ended: boolean;
}
interface Model {
  readonly families: Family[];
  isActive: boolean;
  role: 'user' | 'analyst';
  /** Rights as tokens carry them: whatever changes them ends the tokens given before. */
  version: number;
}
type Real = Person;
type Command = fc.AsyncCommand<Model, Real>;

/** Each token, asked about at the server: good exactly where the model says so. Asking changes nothing on either side. */
async function agree({ families, isActive, version }: Model): Promise<void> {
  const said: boolean[] = [];
  const expected: boolean[] = [];
  for (const { accessTokens, refreshTokens, ended } of families) {
    for (const { text, issuedAt, version: given } of accessTokens) {
      said.push((await test.meOf({ token: text })).status === 200);
      expected.push(isActive && !ended && given === version && clock.now() < issuedAt + ACCESS_MS);
    }
    if (!ended) continue;
    said.push((await test.refresh(refreshTokens.at(-1) ?? '')).status === 200);
    expected.push(false);
  }
  expect(said).toEqual(expected);
}

const command = (name: string, run: (model: Model, person: Real) => Promise<void>): Command => ({
  check: () => true,
  toString: () => name,
  async run(model, person) {
    await run(model, person);
    await agree(model);
  },
});
/** On the n-th family there is. */
const onFamily = (name: string, n: number, run: (model: Model, family: Family) => Promise<void>): Command => ({
  ...command(`${name} ${n}`, (model) => {
    const family = model.families[n % model.families.length];
    return family ? run(model, family) : Promise.resolve();
  }),
  check: ({ families }) => families.length > 0,
});

function took(model: Model, family: Family, { accessToken, refreshToken }: Record<string, string>): void {
  family.accessTokens.push({ text: accessToken ?? '', version: model.version, issuedAt: clock.now() });
  if (family.refreshTokens.at(-1) !== refreshToken) {
    family.refreshTokens.push(refreshToken ?? '');
    family.rotatedAt = clock.now();
  }
}

const login = () =>
  command('login', async (model, { email, password }) => {
    const answer = await test.post('/auth/login', { email, password });
    expect(answer.status).toBe(model.isActive ? 200 : 401);
    if (!model.isActive) return;
    const family: Family = { refreshTokens: [], accessTokens: [], rotatedAt: clock.now(), ended: false };
    took(model, family, answer.json);
    model.families.push(family);
  });

const refresh = (n: number) =>
  onFamily('refresh', n, async (model, family) => {
    const answer = await test.refresh(family.refreshTokens.at(-1) ?? '');
    expect(answer.status).toBe(model.isActive && !family.ended ? 200 : 401);
    if (answer.status === 200) took(model, family, answer.json);
  });

/** `back`: how many generations ago the token was the good one. */
const refreshWithOlder = (n: number, back: number) =>
  onFamily(`refresh with the token ${back} before in`, n, async (model, family) => {
    const older = family.refreshTokens.at(-1 - back);
    if (older === undefined) return;
    const isOpen = model.isActive && !family.ended;
    const isRetry = isOpen && back === 1 && clock.now() - family.rotatedAt <= GRACE_MS;
    const answer = await test.refresh(older);
    expect(answer.status).toBe(isRetry ? 200 : 401);
    if (isRetry) {
      expect(answer.json.refreshToken).toBe(family.refreshTokens.at(-1));
      took(model, family, answer.json);
    } else if (isOpen) family.ended = true;
  });

const logout = (n: number) =>
  onFamily('log out', n, async (_model, family) => {
    const answer = await test.post('/auth/logout', { refreshToken: family.refreshTokens.at(-1) });
    expect(answer.status).toBe(family.ended ? 401 : 204);
    family.ended = true;
  });

async function administer({ userId }: Person, body: object): Promise<void> {
  const cookie = await test.browserOf(admin);
  const headers = { origin: test.app.origin };
  const path = `/api/v1/users/${userId}`;
  const answer = await test.app.call('PATCH', path, { cookie, headers, body, from: freshAddress() });
  expect(answer.status).toBe(200);
}

const endAll = (model: Model) => {
  for (const family of model.families) family.ended = true;
};

const changeRole = () =>
  command('change the role', async (model, person) => {
    model.role = model.role === 'user' ? 'analyst' : 'user';
    model.version += 1;
    await administer(person, { role: model.role });
  });

const setActive = (isActive: boolean) =>
  command(isActive ? 'enable' : 'disable', async (model, person) => {
    await administer(person, { status: isActive ? 'active' : 'disabled' });
    if (model.isActive !== isActive) model.version += 1;
    model.isActive = isActive;
    if (!isActive) endAll(model);
  });

const revokeAll = () =>
  command('end all sessions', async (model, { userId }) => {
    const cookie = await test.browserOf(admin);
    const path = `/api/v1/users/${userId}/sessions`;
    const headers = { origin: test.app.origin };
    expect((await test.app.call('DELETE', path, { cookie, headers, from: freshAddress() })).status).toBe(200);
    endAll(model);
  });

const wait = (ms: number) => command(`wait ${ms / 1_000} s`, async () => clock.advance(ms));

it('[ASVS 7.4.1, 8.3.2, 10.4.5] in whatever order sessions are opened, renewed, copied and ended, every token is as good as it should be', async () => {
  const n = fc.nat(3);
  const commands = fc.commands(
    [
      fc.constant(login()),
      n.map(refresh),
      n.map(refresh),
      n.map((family) => refreshWithOlder(family, 1)),
      n.map((family) => refreshWithOlder(family, 2)),
      n.map(logout),
      fc.constant(changeRole()),
      fc.boolean().map(setActive),
      fc.constant(setActive(true)),
      fc.constant(revokeAll()),
      fc.constantFrom(5_000, 31_000, 16 * 60_000).map(wait),
    ],
    { maxCommands: 25, size: 'max' },
  );
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(commands, async (run) => {
      const { person, model } = await aBeginning();
      await fc.asyncModelRun(() => ({ model, real: person }), run);
      steps += [...run].length;
    }),
    { numRuns: 12, endOnFailure: true, interruptAfterTimeLimit: 40_000 },
  );
  expect(steps).toBeGreaterThan(40);
});

async function aBeginning(): Promise<{ person: Person; model: Model }> {
  const person = await test.person('user');
  const family: Family = { refreshTokens: [], accessTokens: [], rotatedAt: clock.now(), ended: false };
  const model: Model = { families: [family], isActive: true, role: 'user', version: 1 };
  took(model, family, { accessToken: person.accessToken, refreshToken: person.refreshToken });
  return { person, model };
}
