import { expect, test } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { newOpaqueToken, tokenPrefixes } from '../crypto/tokens.ts';
import { createDeviceCredentials } from './device-credentials.ts';
import type { RevocationMatch } from './revocations.ts';

const row = {
  credential_id: 'c',
  device_id: 'd',
  organisation_id: 1,
  device_type: 'temperature',
  expires_at: null as Date | null,
};

function setUp() {
  const clock = manualClock(0);
  const listeners: ((match: RevocationMatch) => void)[] = [];
  const gapListeners: (() => void)[] = [];
  const state = { lookUps: 0, answer: async (): Promise<typeof row | undefined> => row };
  const transactions = {
    read: async () => {
      state.lookUps += 1;
      return state.answer();
    },
  } as unknown as Transactions;
  const revocations = {
    announce: async (match: RevocationMatch) => {
      for (const listener of listeners) listener(match);
    },
    onRevoked: (listener: (match: RevocationMatch) => void) => void listeners.push(listener),
    onGap: (listener: () => void) => void gapListeners.push(listener),
  };
  const credentials = createDeviceCredentials({ transactions, revocations, clock });
  const gap = () => {
    for (const listener of gapListeners) listener();
  };
  return { clock, state, credentials, revocations, gap };
}
const token = newOpaqueToken(tokenPrefixes.device);

test('a verified token costs one look-up a minute', async () => {
  const { clock, state, credentials } = setUp();
  for (let use = 0; use < 5; use += 1) expect(await credentials.verify(token)).toMatchObject({ deviceId: 'd' });
  expect(state.lookUps).toBe(1);
  clock.advance(60_000);
  await credentials.verify(token);
  expect(state.lookUps).toBe(2);
});

test('an unknown token is never remembered, neither as wrong nor as right', async () => {
  const { state, credentials } = setUp();
  state.answer = async () => undefined;
  expect(await credentials.verify(token)).toBeNull();
  state.answer = async () => row;
  expect(await credentials.verify(token)).not.toBeNull();
});

test.each([
  'vtd_',
  'vtd_short',
  `vtd_${'A'.repeat(44)}`,
  `vts_${'A'.repeat(43)}`,
  `${token} `,
  `vtd_${'é'.repeat(43)}`,
])('what cannot be a device token costs no look-up: %j', async (text) => {
  const { state, credentials } = setUp();
  expect(await credentials.verify(text)).toBeNull();
  expect(state.lookUps).toBe(0);
});

test('a revocation empties the cache at once; so does a gap in the news', async () => {
  const { state, credentials, revocations, gap } = setUp();
  await credentials.verify(token);
  await revocations.announce({ deviceId: 'another' });
  await credentials.verify(token);
  expect(state.lookUps).toBe(1);
  state.answer = async () => undefined;
  await revocations.announce({ deviceId: 'd' });
  expect(await credentials.verify(token)).toBeNull();
  state.answer = async () => row;
  await credentials.verify(token);
  gap();
  state.answer = async () => undefined;
  expect(await credentials.verify(token)).toBeNull();
});

test.each(['revocation', 'gap'])('a %s during the look-up keeps its stale answer out of the cache', async (kind) => {
  const { state, credentials, revocations, gap } = setUp();
  let answer: (found: typeof row) => void = () => undefined;
  state.answer = () => new Promise((resolve) => (answer = resolve));
  const underWay = credentials.verify(token);
  // The database has answered with what was true before; the news comes first.
  if (kind === 'gap') gap();
  else await revocations.announce({ deviceId: 'd', credentialId: 'c' });
  answer(row);
  await underWay;
  state.answer = async () => undefined;
  expect(await credentials.verify(token)).toBeNull();
});

test('a credential with an end is good until then and not a moment longer, cached or not', async () => {
  const { clock, state, credentials } = setUp();
  state.answer = async () => ({ ...row, expires_at: new Date(30_000) });
  expect(await credentials.verify(token)).not.toBeNull();
  clock.advance(29_999);
  expect(await credentials.verify(token)).not.toBeNull();
  clock.advance(1);
  expect(await credentials.verify(token)).toBeNull();
});

test('a device is fresh for its minute, and no longer when any revocation was heard of', async () => {
  const { clock, credentials, revocations, gap } = setUp();
  const device = await credentials.verify(token);
  if (!device) throw new Error('not let in');
  const again = () => credentials.verify(token);
  expect(credentials.isFresh(device)).toBe(true);
  await revocations.announce({ deviceId: 'another' });
  expect(credentials.isFresh(device)).toBe(false);
  // Looked at once more it is: what was revoked was another one.
  expect(await again()).toBe(device);
  expect(credentials.isFresh(device)).toBe(true);
  clock.advance(59_999);
  expect(credentials.isFresh(device)).toBe(true);
  clock.advance(1);
  expect(credentials.isFresh(device)).toBe(false);
  const later = await again();
  expect(later).not.toBe(device);
  gap();
  expect(later && credentials.isFresh(later)).toBe(false);
  expect(credentials.isFresh({ ...device })).toBe(false);
});
