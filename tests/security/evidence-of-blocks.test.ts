import type { Block, SecurityEventBody } from '@valtronics/contract';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { evidenceFilter } from '../../web/src/pages/blocks/block-words.ts';
import { anApp, type Person, type TestApp } from '../support/app.ts';

// What the screen of blocks opens as the evidence of one, asked of the server as the screen asks it.

const PROXY = '127.9.31.1';
let app: TestApp;
let admin: Person;
beforeAll(async () => {
  app = await anApp({ env: { VALTRONICS_TRUSTED_PROXIES: PROXY } });
  admin = await app.aPerson('admin');
});
afterAll(() => app?.stop());

const items = async (path: string) =>
  (await app.call('GET', `/api/v1${path}`, { token: admin.accessToken })).json.items;
const guess = (address: string) =>
  app.call('POST', '/api/v1/auth/login', {
    from: PROXY,
    headers: { 'x-forwarded-for': address },
    body: { email: 'nobody@example.org', password: 'a wrong one' },
  });
const opened = async (block: Block): Promise<SecurityEventBody[]> =>
  items(`/security-events?${new URLSearchParams({ ...evidenceFilter(block), limit: '100' })}`);

it('of an address of IPv6, which is blocked as its /64, is what came from all of that; of a network, what came from there', async () => {
  const guessers = ['1', '2', '3:4', 'ffff::5', '6'].map(
    (host) => `2001:db8:7:1:${host.includes('::') ? host : `:${host}`}`,
  );
  await guess('2001:db8:7:2::1');
  for (const address of guessers) await guess(address);
  const blocked = async (): Promise<Block[]> => items('/blocks?value=2001:db8:7:1::1');
  await vi.waitFor(async () => expect(await blocked()).toMatchObject([{ value: '2001:db8:7:1::/64' }]), 5_000);
  const [block] = await blocked();
  await vi.waitFor(async () => {
    const refused = (await opened(block as Block)).filter(({ action }) => action === 'session.refused');
    expect(refused.map(({ address }) => address).sort()).toEqual(guessers.toSorted());
  }, 5_000);
  expect((await opened(block as Block)).map(({ action }) => action)).toContain('block.created');
  const range: Block = { ...(block as Block), scope: 'range', value: '2001:db8:7::/48' };
  const fromThere = (await opened(range)).map(({ address }) => address);
  expect(fromThere).toEqual(expect.arrayContaining(['2001:db8:7:2::1', ...guessers]));
  const broken = await app.call('GET', '/api/v1/security-events?address=2001:db8::/129', { token: admin.accessToken });
  expect(broken.status).toBe(400);
});
